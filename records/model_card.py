"""A model card beside a saved adapter: what it is, what it was trained on, how it did, what it is not for."""

from pathlib import Path

from input_output.reading import read_json
from input_output.writing import write_text
from records.run_folder import RunFolder

MEASURES = ("n", "balanced_accuracy", "mcc", "auroc", "yes_rate")


def write_model_card(folder: RunFolder) -> Path:
    """Write ``adapter/README.md`` from the run's record and its scored suites. Returns its path."""
    record = read_json(folder.record)
    training, loaded = record["training"], record["loaded"]
    lines = [
        "---",
        "library_name: peft",
        f"base_model: {loaded['source']}",
        "tags: [causal-reasoning, lora]",
        "---",
        f"# {record['variant']}, seed {record['seed']}",
        "",
        f"LoRA adapter for `{record['model']}` ({loaded['source']}, revision {loaded['commit'] or loaded['revision'] or 'not versioned'}), "
        f"fine-tuned to answer Yes/No questions about causal graphs ({record['task']}).",
        "",
        *(
            [f"The base model comes under {terms}, and so does this adapter.", ""]
            if (terms := loaded.get("terms"))
            else []
        ),
        f"- Training data: {training.get('file') or 'generated'}, {training['samples']} questions on {training['graphs']} graphs, "
        f"protocol `{record['protocol']}`, {100 * training['yes_share']:.1f} % Yes, "
        f"fingerprint `{training['data_fingerprint']}`",
        f"- Loss: `{record['loss']}`; lambda schedule: `{record['schedule']}`",
        f"- Steps: {training['steps']}; wall time: {training['seconds']:.0f} s; precision: {loaded['precision']}; "
        f"commit `{record['commit']}`",
        "",
        "| suite | task | split | " + " | ".join(name.replace("_", " ") for name in MEASURES) + " |",
        "|---" * (3 + len(MEASURES)) + "|",
    ]
    for suite in folder.scored():
        report = read_json(suite.metrics)
        for row in report["rows"]:
            values = ["–" if row[k] is None else str(row[k]) if k == "n" else f"{row[k]:.3f}" for k in MEASURES]
            lines.append(f"| {suite.name} | {row['task']} | {row['split']} | " + " | ".join(values) + " |")
    lines += [
        "",
        "Not for use: it answers synthetic questions in one fixed wording and knows nothing of causes in the world. "
        "Suites named *published* keep faults of the released data; judge it on *corrected*.",
        "",
    ]
    card = folder.adapter / "README.md"
    write_text(card, "\n".join(lines))
    return card
