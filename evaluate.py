"""Score a saved run, or a bare model, on a suite or a file.

    python evaluate.py run=RUN suite=published                            RUN: the folder that train.py names at its end
    python evaluate.py run=RUN suite=corrected suite.samples=10000 out=DIR
    python evaluate.py run=RUN suite=adversarial show=errors              draw what it gets wrong
    python evaluate.py run=RUN suite=published weights=merged_4bit        as the release scored it
    python evaluate.py run=RUN suite=published checkpoint=2000            while it is being trained
    python evaluate.py model=smollm2_135m suite=validation suite.samples=4 show=answers    print questions and answers
    python evaluate.py model=smollm2_135m suite=file suite.path=FILE
    python evaluate.py model=smollm2_135m suite=external suite.path=FOLDER out=DIR
    python evaluate.py verify=results     compute every stored metric and fingerprint again; exit status 1 if one differs

Writes metrics.json and margins.parquet (id, label, margin, strata) under out=, by default RUN/evaluation/SUITE or, of a
bare model, RESULTS/scored/MODEL/SUITE (with the weights, verdict, prompt and checkpoint behind it where they are not the
default). All keys, with comments: conf/evaluate.yaml.
"""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from input_output.errors import SettingsError, UserError
from records.claim import claim
from records.run_folder import RunFolder
from records.scored_suite import ScoredSuite
from records.tracking import Tracker
from scoring.ways import Way
from training.schema import Evaluate
from training.settings import check_saved, check_settings, given
from training.start import start

log = logging.getLogger(__name__)


def evaluate(cfg: DictConfig) -> Path:
    """Score what ``cfg`` names; return the folder with the metrics."""
    check_settings(cfg, Evaluate)
    refuse_contradictions(cfg)
    way = Way.of(cfg.suite, cfg, cfg.prompt)
    folder = way.folder(cfg.suite.name, cfg.checkpoint)
    scored = bare_model(cfg, folder) if cfg.run is None else saved_run(cfg, folder)
    if scored.adapter is None and way.needs_adapter:
        raise SettingsError(f"weights={way.weights}: an untrained model has no adapter to merge; use weights=adapter")
    out = RunFolder(cfg.out).path if cfg.out is not None else scored.out
    # Late, as in train.py: torch, transformers and peft take seconds to import.
    from models.loading import load_answerer
    from scoring.evaluation import build_suite, evaluate_suite, refuse_to_replace, summary_lines
    from scoring.rows import thresholds_for

    thresholds = None if cfg.run is None else thresholds_for(scored.out, way, cfg.checkpoint)
    parts = build_suite(cfg.suite)
    answerer, loaded = load_answerer(scored.model, adapter=scored.adapter, weights=way.weights, prompt=way.prompt)
    described = scored.described | {"loaded": loaded, "adapter": loaded["adapter"]}
    with claim(out):
        if not cfg.overwrite:
            refuse_to_replace(out, parts, answerer, way)
        with Tracker(cfg.tracking, out, str(out), "evaluate", OmegaConf.to_container(cfg, resolve=True)) as tracker:
            report = evaluate_suite(answerer, cfg.suite, parts, out, cfg.evaluation, thresholds, described, way)
            tracker.report(folder, report)
    if cfg.show is not None:
        show_questions(cfg, parts, out)
    log.info("scored in %.0f s:\n%s", report["seconds"], "\n".join(summary_lines(report)))
    log.info("metrics and margins: %s", out)
    return out


def refuse_contradictions(cfg: DictConfig) -> None:
    """Raise SettingsError where two settings that are each allowed say different things."""
    if cfg.run is None and cfg.checkpoint is not None:
        raise SettingsError(f"checkpoint={cfg.checkpoint}: give the run=DIR that it belongs to")
    keys = [override.key_or_group for override in given()]
    other = [key for key in keys if key == "model" or (key.startswith("model.") and key != "model.device")]
    if cfg.run is not None and other:
        raise SettingsError(f"{other[0]}: run={cfg.run} is scored with the model that it was trained on; leave it out")
    if cfg.prompt not in (None, cfg.suite.get("prompt") or cfg.prompt):
        raise SettingsError(f"prompt={cfg.prompt}: contradicts suite.prompt={cfg.suite.prompt}; give one of them")


@dataclass(frozen=True)
class Scored:
    """What is scored: the config of a model, an adapter for it or None, where scores go by default, and what they say of it."""

    model: DictConfig
    adapter: Path | None
    out: Path
    described: dict


def bare_model(cfg: DictConfig, folder: str) -> Scored:
    """``cfg.model`` as it is."""
    out = Path(cfg.results, "scored", cfg.model.name, folder)
    return Scored(cfg.model, None, out, {"run": None, "model": cfg.model.name})


def saved_run(cfg: DictConfig, folder: str) -> Scored:
    """``cfg.run``: the model that it was trained on, and its adapter if it was trained."""
    run = RunFolder(cfg.run)
    trained_with = run.trained_with()
    check_saved(trained_with, run.config)
    # keys that the run's version did not have are this one's
    model = OmegaConf.merge(OmegaConf.to_container(cfg.model), trained_with.model)
    adapter = run.adapter_of(cfg.checkpoint) if trained_with.training.enabled else None
    model.device = cfg.model.device  # of this machine, not of the one that trained it
    described = {"run": str(run.path), "model": model.name} | run.progress(cfg.checkpoint)
    return Scored(model, adapter, run.evaluation(folder), described)


def show_questions(cfg: DictConfig, parts: dict, out: Path) -> None:
    """Print the first questions and answers, or draw the most confident errors."""
    margins = ScoredSuite(out).read_margins()
    if cfg.show == "answers":
        from scoring.answers import in_words

        log.info("the first questions:\n%s", in_words([item for part in parts.values() for item in part], margins))
    else:
        from reporting.errors import draw_errors

        log.info("errors: %s", draw_errors(margins, parts, out / "errors", title=f"Errors on {cfg.suite.name}"))


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    try:
        if cfg.verify is None:
            evaluate(cfg)
        else:
            check_settings(cfg, Evaluate)
            if other := [override.input_line for override in given() if override.key_or_group != "verify"]:
                raise SettingsError(f"{other[0]}: means nothing with verify={cfg.verify}, which scores nothing")
            from audits.verify import verify  # late, as above

            found = verify(cfg.verify)
            print(found)
            sys.exit(1 if found.differences else 0)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    start(main, __doc__, "evaluate")
