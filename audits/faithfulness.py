"""How close the rebuilt released construction is to the published one.

    python -m audits.faithfulness [n=10000] [training=50000] [seed=0] [out=results]

Writes faithfulness.json and .md into OUT: published and measured label shares, their standard error and z, the fault shares of the
audit, and how many corrected test items share their structure with training. Takes a few minutes at full size.
"""

import math
import sys
from dataclasses import replace

from audits.isomorphism import Structures, shared_structures
from causal_tasks.constructions.released import GRAPHS, LARGEST_GIVEN_OF_BRANCHING, draw
from causal_tasks.faults import ALL_FAULTS
from causal_tasks.items import Item
from causal_tasks.oracles import released_answer
from causal_tasks.questions import TASKS
from causal_tasks.randomness import generator
from causal_tasks.spec import EVALUATION_SPLITS, PUBLISHED_SUITE
from causal_tasks.suites import build
from records.reports import report_command
from reporting.published import load_published

_DEFAULTS = {"n": "10000", "training": "50000", "seed": "0", "out": "results"}


def published_shares() -> list[dict]:
    """One row a released set: task, split, n, yes (share, 0..1), from results/published."""
    published = load_published()
    rows = [
        {"task": row.task, "split": "train", "n": row.samples, "yes": row.yes_percent / 100}
        for row in published.training_sets.itertuples()
    ]
    counts = published.confusion[published.confusion["variant"] == "pretrained"].set_index("suite")
    for task, split in PUBLISHED_SUITE:
        yes, n = (int(counts.loc[split, names].sum()) for names in (["tp", "fn"], ["tp", "tn", "fp", "fn"]))
        rows.append({"task": task, "split": split, "n": n, "yes": yes / n})
    return rows


def two_sample_z(share: float, n: int, other: float, m: int) -> tuple[float, float]:
    """(standard error of the difference of two shares, z), pooled; z = 0 where both are 0 or both are 1."""
    pooled = (share * n + other * m) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return error, (share - other) / error if error else 0.0


def label_shares(n: int, training: int, seed: int) -> list[dict]:
    """Published beside measured share of Yes, with `n` samples of each suite and `training` of each training set."""
    rows = []
    for row in published_shares():
        items = build(row["task"], "released", row["split"], training if row["split"] == "train" else n, seed)
        measured = sum(item.questions[0].label for item in items) / len(items)
        error, z = two_sample_z(measured, len(items), row["yes"], row["n"])
        rows.append(row | {"measured": measured, "measured_n": len(items), "standard_error": error, "z": z})
    return rows


def unblocked_chain_shares(items: list[Item]) -> dict[str, float]:
    """Of d-separation items labelled with fault A4: how many labels are wrong, and how many of the truly separated.

    "Truly" is the same oracle without the fault, so that graphs with a repeated name count too.
    """
    truth = [released_answer(i.graph, i.questions[0].question, unblocked_reversed_chain=False) for i in items]
    lost = sum(entailed and not item.questions[0].label for entailed, item in zip(truth, items))
    return {
        "separated": sum(truth) / len(items),
        "separated_labelled_no": lost / sum(truth),
        "labels_wrong": sum(entailed != item.questions[0].label for entailed, item in zip(truth, items)) / len(items),
    }


def branching_by_largest_given(n: int, seed: int) -> list[dict]:
    """Share of Yes in the released `branching` suite if conditioning sets hold up to 1, 2 or 3 nodes."""
    (published,) = (row for row in published_shares() if row["split"] == "branching")
    rows = []
    for largest in (1, 2, 3):
        construction = replace(GRAPHS["dseparation"]["branching"], largest_given=largest)
        items = [draw(construction, ALL_FAULTS, generator("given", seed, largest, i), str(i)) for i in range(n)]
        measured = sum(item.questions[0].label for item in items) / n
        error, z = two_sample_z(measured, n, published["yes"], published["n"])
        rows.append({"largest_given": largest, "measured": measured, "standard_error": error, "z": z})
    return rows


def structural_overlap(n: int, training: int, seed: int) -> list[dict]:
    """Corrected test questions whose structure occurs in the training set under other names, per suite."""
    rows = []
    for task in TASKS:
        trained = Structures(build(task, "corrected", "train", training, seed))
        for split in EVALUATION_SPLITS:
            shared, total = shared_structures(build(task, "corrected", split, n, seed), trained)
            rows.append({"task": task, "split": split, "n": total, "training": training, "shared": shared / total})
    return rows


def main(arguments: list[str]) -> int:
    numbers = {"n": 1, "training": 1, "seed": 0}
    return report_command("audits.faithfulness", arguments, _DEFAULTS, measure, markdown, numbers)


def measure(settings: dict) -> dict:
    """Everything that the report holds."""
    n, training, seed = (settings[key] for key in ("n", "training", "seed"))
    return {
        "n": n,
        "training": training,
        "seed": seed,
        "label_shares": label_shares(n, training, seed),
        "unblocked_chain": unblocked_chain_shares(build("dseparation", "released", "train", training, seed)),
        "branching_by_largest_given": branching_by_largest_given(n, seed),
        "structural_overlap": structural_overlap(min(n, 1000), min(training, 10000), seed),
    }


def markdown(report: dict) -> str:
    """The report as tables."""
    lines = [
        "# Faithfulness of the rebuilt data",
        "",
        f"`python -m audits.faithfulness n={report['n']} training={report['training']} seed={report['seed']}`",
        "",
        "Share of Yes, released construction. z compares two samples, the published and the measured one.",
        "",
        "| task | split | published n | published % | measured n | measured % | SE of difference | z |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["label_shares"]:
        lines.append(
            f"| {row['task']} | {row['split']} | {row['n']} | {100 * row['yes']:.2f} | {row['measured_n']} "
            f"| {100 * row['measured']:.2f} | {100 * row['standard_error']:.2f} | {row['z']:+.1f} |"
        )
    chain = report["unblocked_chain"]
    lines += [
        "",
        "Fault A4 (a chain walked against its arrows is never blocked) in the released d-separation training set: "
        f"{100 * chain['separated_labelled_no']:.1f} % of the truly separated queries are labelled No, "
        f"{100 * chain['labels_wrong']:.1f} % of all labels are wrong.",
        "",
        "How large the conditioning sets of the released `branching` suite are is not public; training has 0-3. "
        f"0-{LARGEST_GIVEN_OF_BRANCHING} is inferred from the share of Yes:",
        "",
        "| largest set | Yes % | SE of difference | z |",
        "|---|---|---|---|",
    ]
    for row in report["branching_by_largest_given"]:
        lines.append(
            f"| {row['largest_given']} | {100 * row['measured']:.2f} | {100 * row['standard_error']:.2f} | {row['z']:+.1f} |"
        )
    lines += [
        "",
        "Corrected test questions whose structure (graph and query up to renaming and order of sentences) occurs in "
        "the corrected training set; no text is ever shared:",
        "",
        "| task | split | n | training n | shared % |",
        "|---|---|---|---|---|",
    ]
    for row in report["structural_overlap"]:
        lines.append(f"| {row['task']} | {row['split']} | {row['n']} | {row['training']} | {100 * row['shared']:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
