"""Fine-tune one variant, score it, save it.

    python train.py                                        semantic loss, transitivity, demo scale
    python train.py loss=semantic schedule=cosine          another lambda schedule
    python train.py task=dseparation loss=cross_entropy    another task and loss
    python train.py experiment=dseparation_semantic        a variant of the paper (as released: scale=paper)
    python train.py -m seed=0,1,2                          several runs
    python train.py resume=true                            go on after an interruption
    torchrun --nproc-per-node=4 train.py experiment=dseparation_semantic    several GPUs

Most used keys: task, loss, schedule, model, scale, experiment, protocol (released | corrected), seed, training.samples,
task.questions_per_graph, results (default: outputs, which git ignores), out. All of them, with comments: conf/train.yaml.
"""

import logging
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf

from input_output.errors import UserError
from input_output.reading import read_json
from records.claim import claim, is_first_process
from records.model_card import write_model_card
from records.run_folder import RunFolder, identity
from records.scored_suite import ScoredSuite
from records.tracking import Tracker
from scoring.ways import Way
from training.building import build_loss, build_schedule
from training.settings import check_settings, unlike_defaults
from training.start import start

if TYPE_CHECKING:
    from models.answerer import Answerer

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> RunFolder:
    """Train (unless ``training.enabled=false``) and score on every suite of ``cfg.suites``; return the folder."""
    check_settings(cfg)
    # Late, as in score_suites: torch, transformers and peft take seconds, for which --help and a wrong key need not wait.
    from models.loading import load_answerer
    from models.memory import peak_memory
    from scoring.evaluation import check_suite
    from training.fine_tune import fine_tune

    loss, schedule = build_loss(cfg), build_schedule(cfg)
    suites = suites_to_score(cfg)
    for suite in suites.values():
        check_suite(suite)
    RunFolder(cfg.out)  # refuses a path that is none for a run, before a claim is laid beside it
    first_process = is_first_process()
    with claim(cfg.out) if first_process else nullcontext():
        folder = RunFolder.for_training(cfg.out)
        folder.check(cfg)
        if folder.finished:
            if first_process:
                folder.take_place()
            log.info("finished before: %s (move it away to run it again)", folder.path)
            return folder
        facts = identity(cfg)
        trained = cfg.training.enabled and folder.trained()
        # Before anything is written: a model that cannot be loaded leaves no trace.
        if trained or not cfg.training.enabled:
            answerer, facts["loaded"] = load_answerer(cfg.model, adapter=folder.adapter if trained else None)
        else:
            answerer, facts["loaded"] = load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed, prompt=cfg.prompt)
        if first_process:
            folder.save_config(cfg)
            changed = "\n".join(["unlike the defaults:", *unlike_defaults(cfg)])
            log.info("settings: %s; %s", folder.config, changed if "\n" in changed else "all of them the defaults")
        tracking = cfg.tracking if first_process else {"mode": "disabled"}
        config = OmegaConf.to_container(cfg, resolve=True)
        with Tracker(tracking, folder.path, str(cfg.out), "train", config) as tracker:
            if cfg.training.enabled:
                facts["training"] = trained or fine_tune(cfg, answerer, loss, schedule, folder, tracker)
                facts["diverged"] = facts["training"].get("diverged", False)
            if first_process:
                score_seconds = score_suites(cfg, suites, answerer, folder, tracker)
                facts["seconds"] = {"train": facts.get("training", {}).get("seconds", 0.0), "score": score_seconds}
        if first_process:
            facts["peak_memory"] = peak_memory()
            folder.finish(facts)
            if cfg.training.enabled:
                write_model_card(folder)
            log.info("run: %s", folder.path)
    return folder


def suites_to_score(cfg: DictConfig) -> dict[str, DictConfig]:
    """Name -> suite, validation first: it tunes the thresholds. Left out: suites without splits, and of an untrained
    model those that want merged weights."""
    suites = {name: suite for name, suite in cfg.suites.items() if "splits" not in suite or suite.splits}
    if not cfg.training.enabled:
        merged = [name for name, suite in suites.items() if Way.of(suite, cfg).needs_adapter]
        for name in merged:
            log.info("suite %s: not scored, an untrained model has no adapter to merge", name)
            del suites[name]
    return dict(sorted(suites.items(), key=lambda entry: entry[0] != "validation"))


def score_suites(cfg: DictConfig, suites: dict, answerer: "Answerer", folder: RunFolder, tracker: Tracker) -> float:
    """Score every suite that is not scored yet. Returns seconds spent."""
    from models.loading import load_answerer
    from scoring.evaluation import (
        already_scored,
        build_suite,
        evaluate_suite,
        headline,
        summary_lines,
    )
    from scoring.rows import thresholds_for

    seconds = 0.0
    for suite in suites.values():
        way, described = Way.of(suite, cfg), {"run": str(folder.path)}
        target, parts = folder.evaluation(way.folder(suite.name)), build_suite(suite)
        model = answerer
        if way.weights != "adapter":
            model, loaded = load_answerer(cfg.model, adapter=folder.adapter, weights=way.weights)
            described["adapter"] = loaded["adapter"]
        with claim(target, wait=True):  # evaluate.py may be at it
            if not already_scored(target, parts, model):
                model.ask(way.prompt)
                thresholds = thresholds_for(target, way)
                evaluate_suite(model, suite, parts, target, cfg.evaluation, thresholds, described, way)
        report = read_json(ScoredSuite(target).metrics)
        seconds += report["seconds"]
        log.info("scored in %.0f s:\n%s", report["seconds"], "\n".join(summary_lines(report)))
        tracker.report(target.name, report)
        if target.name == suite.name:  # scored as usual
            tracker.summary(headline(report, cfg.task.name))
    return round(seconds, 1)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> None:
    try:
        run(cfg)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    start(main, __doc__, "train")
