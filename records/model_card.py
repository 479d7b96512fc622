"""The model card of an adapter: what it is, what it was trained on, how it did, what it is not for."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from input_output.reading import read_json
from input_output.writing import write_text
from records.run_folder import RunFolder
from records.scored_suite import ScoredSuite

MEASURES = ("n", "balanced_accuracy", "mcc", "auroc", "yes_rate")


def write_model_card(folder: RunFolder) -> Path:
    """Write ``adapter/README.md`` of a finished run; return its path."""
    record, card = read_json(folder.record), folder.adapter / "README.md"
    write_text(
        card, model_card(folder.trained_with(), record["loaded"].get("terms"), "finished", record, folder.scored())
    )
    return card


def model_card(
    settings: DictConfig,
    terms: str | None,
    done: str,
    record: Mapping | None = None,
    scored: Iterable[ScoredSuite] = (),
) -> str:
    """The card of an adapter beside its run, or without ``record`` of one that was exported, whose scores the tables have.

    Args:
        settings: the run's. terms: those that its base comes under, if any. done: how far the training came.
        record: what run.json says. scored: the suites to be listed.
    """
    training, lora = settings.training, settings.lora
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    lines = ["---", "library_name: peft"]
    lines += [f"base_model: {record['loaded']['source']}"] if record else []
    lines += ["tags: [causal-reasoning, lora]", "---", f"# {settings.variant}, seed {settings.seed} ({done})", ""]
    lines += [
        f"LoRA adapter for `{settings.model.name}` (quantization `{settings.model.quantization}`), fine-tuned to answer Yes/No "
        f"questions about causal graphs ({settings.task.name}), protocol `{settings.protocol}`.",
        *(["", f"The base model comes under {terms}, and so does this adapter."] if terms else []),
        "",
        f"- rank {lora.rank}, alpha {lora.alpha:g}, dropout {lora.dropout}{'' if record else '; weights in bf16'}",
        f"- {training.samples:,} questions, {epochs}{'' if done.startswith('finished') else ' planned'}, batches of {training.batch_size}, learning rate "
        f"{training.learning_rate:g} ({training.learning_rate_schedule})",
        f"- loss `{settings.loss._target_}` `{settings.loss.get('base', settings.loss.get('target', ''))}`",
    ]
    prompt = settings.get("prompt") or "benchmark"
    if prompt != "benchmark":
        lines.append(
            f"- trained with the prompt `{prompt}`, and scored with that of the benchmark unless told `prompt={prompt}`"
        )
    # The questions that the tables have the run's scores on, which is in bf16 the same adapter if its rank was not cut.
    samples = OmegaConf.select(settings, "suites.published.samples")
    asked = f" suite.samples={samples}" if done.startswith("finished") and samples else ""
    lines += (
        _measured(record) if record else ["- scores of the run itself, as adapter and merged: the tables of results/"]
    )
    lines.append("")
    if record:
        lines += [
            *_scores(scored),
            "",
            "Suites named *published* keep faults of the released data; judge it on *corrected*.",
        ]
    else:
        lines.append(f"    python evaluate.py run=results/adapters/{settings.variant} suite=published{asked}")
    lines += [
        "",
        "Not for use: it answers synthetic questions in one fixed wording and knows nothing of causes in the world.",
    ]
    return "\n".join([*lines, ""])


def _measured(record: Mapping) -> list[str]:
    training, loaded = record["training"], record["loaded"]
    return [
        f"- lambda schedule `{record['schedule']}`",
        f"- base {loaded['source']}, revision {loaded['commit'] or loaded['revision'] or 'not versioned'}; "
        f"precision {loaded['precision']}",
        f"- data: {training.get('file') or 'generated'}, {training['samples']} questions on {training['graphs']} graphs, "
        f"{100 * training['yes_share']:.1f} % Yes, fingerprint `{training['data_fingerprint']}`",
        f"- {training['steps']} steps in {training['seconds']:.0f} s, at commit `{record['commit']}`",
    ]


def _scores(scored: Iterable[ScoredSuite]) -> list[str]:
    lines = ["| suite | task | split | " + " | ".join(name.replace("_", " ") for name in MEASURES) + " |"]
    lines.append("|---" * (3 + len(MEASURES)) + "|")
    for suite in scored:
        for row in read_json(suite.metrics)["rows"]:
            values = ["–" if row[k] is None else str(row[k]) if k == "n" else f"{row[k]:.3f}" for k in MEASURES]
            lines.append(f"| {suite.name} | {row['task']} | {row['split']} | " + " | ".join(values) + " |")
    return lines
