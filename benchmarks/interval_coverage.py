"""Do the intervals hold what they promise, and does a null effect get a word? By simulation.

    python -m benchmarks.interval_coverage [simulations=2000] [tables=2000] [seed=0] [out=results/benchmarks]

Coverage of the 95 % intervals over blocks (bootstrap; scoring/intervals.py) and over seeds (t; scoring/seeds.py), and the
share of tables without any effect in which some difference is named. Writes interval_coverage.json and .md into OUT. No model, no torch.
"""

import sys
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from records.reports import report_command
from scoring.intervals import proportion_interval
from scoring.metrics import bootstrap_intervals, paired_differences
from scoring.seeds import HIGHER, LOWER, judged, over_seeds

_DEFAULTS = {"simulations": "2000", "tables": "2000", "seed": "0", "out": "results/benchmarks"}
RESAMPLES = 1000
DISTANCE = 1.0  # between the mean margins of Yes and No, in standard deviations of a question
# Blocks and questions in each, as the suites have them.
SUITES = {
    "demo, headline: 32 blocks of 12": (32, 12),
    "demo, all suites: 48 blocks of 16": (48, 16),
    "minimal pairs: 500 of 2": (500, 2),
    "real graphs: 8 networks of 48": (8, 48),
}
# Spread of what a block's questions share: how well they are ordered, and a leaning to Yes.
CORRELATIONS = {"independent questions": (0.0, 0.0), "blocks of unequal difficulty": (0.5, 0.3)}
# Differences that seeds show: scattered, or one of two phases (a seed leaves the constant answer or does not).
SCATTER = 0.03
PHASE, LEAVES = 0.25, 0.5
CONTRASTS, ITEM_BLOCKS, PER_BLOCK = 12, 32, 6


def simulated_suite(
    blocks: int, size: int, spread: tuple[float, float], rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """labels, margins and blocks of one suite, half Yes in every block: each [blocks * size]."""
    labels = np.tile(np.arange(size) % 2 == 0, blocks)
    of = np.repeat(np.arange(blocks), size)
    distance = DISTANCE + spread[0] * rng.normal(size=blocks)[of]
    margins = distance * (labels - 0.5) + spread[1] * rng.normal(size=blocks)[of] + rng.normal(size=len(of))
    return labels, margins, of


def true_values(spread: tuple[float, float]) -> dict[str, float]:
    """Of the population that `simulated_suite` draws its blocks from."""
    deviation = np.sqrt(1 + spread[0] ** 2 / 4 + spread[1] ** 2)
    right = float(norm.cdf(DISTANCE / 2 / deviation))
    auroc = float(norm.cdf(DISTANCE / np.sqrt(2) / deviation))
    return {"accuracy": right, "balanced_accuracy": right, "mcc": 2 * right - 1, "auroc": auroc}


def block_coverage(blocks: int, size: int, spread, simulations: int, seed: int, resamples: int = RESAMPLES) -> dict:
    """metric -> share of simulations in which the 95 % interval holds the true value."""
    rng = np.random.default_rng(seed)
    truth = true_values(spread)
    held = dict.fromkeys(truth, 0)
    for simulation in range(simulations):
        labels, margins, of = simulated_suite(blocks, size, spread, rng)
        found = bootstrap_intervals(labels, margins, of, resamples, seed=simulation)
        found["accuracy"] = proportion_interval((margins >= 0) == labels, of)
        for name, value in truth.items():
            held[name] += found[name][0] <= value <= found[name][1]
    return {name: count / simulations for name, count in held.items()}


def seed_coverage(seeds: int, simulations: int, seed: int, phases: bool = False) -> float:
    """Share of simulations in which the t interval over the seeds holds the true mean difference.

    phases: every run is in one of two phases, PHASE apart; each seed of one variant leaves the first with probability
        LEAVES, of the other never.
    """
    rng = np.random.default_rng(seed)
    mean = PHASE * LEAVES if phases else 0.0
    left = PHASE * (rng.random((simulations, seeds)) < LEAVES) if phases else 0.0
    differences = left + SCATTER * rng.normal(size=(simulations, seeds))
    intervals = [over_seeds(row)[0] for row in differences]
    return float(np.mean([low <= mean <= high for low, high in intervals]))


def null_tables(tables: int, seeds: int, seed: int, phases: bool, resamples: int = 200) -> Iterator[list[dict]]:
    """`judged` contrasts of tables in which no loss differs from the control that all are held against.

    All runs answer the same questions, some of which are harder for every run; seeds differ in what they learned.
    """
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(ITEM_BLOCKS), PER_BLOCK)
    labels = np.arange(len(of)) % 2 == 0

    for _ in range(tables):
        easy = rng.normal(size=len(of)) + rng.normal(size=ITEM_BLOCKS)[of]
        learned = rng.normal(DISTANCE, 0.3, size=(CONTRASTS + 1, seeds))
        if phases:
            learned *= rng.random(learned.shape) < LEAVES
        sides = np.where(labels, 1.0, -1.0)
        margins = [
            [sides * (one / 2 + 0.5 * easy * (one > 0)) + rng.normal(size=len(of)) for one in run] for run in learned
        ]
        control, *others = margins
        contrasts = [
            paired_differences(labels, run, control, of, resamples, metrics=("balanced_accuracy",)) for run in others
        ]
        constant = (learned == 0).sum(axis=1).tolist()
        for contrast, ours in zip(contrasts, constant[1:], strict=True):
            contrast["collapsed"] = ours, constant[0]
        yield judged(contrasts, ("balanced_accuracy",))


def share_with_a_word(tables: int, seeds: int, seed: int, phases: bool, resamples: int = 200) -> float:
    """Share of the null tables in which some difference is named."""
    named = [
        any(row["balanced_accuracy_word"] in (HIGHER, LOWER) for row in table)
        for table in null_tables(tables, seeds, seed, phases, resamples)
    ]
    return float(np.mean(named))


def measure(settings: dict) -> dict:
    """Everything, as a JSON-able dict."""
    simulations, tables, seed = (settings[key] for key in ("simulations", "tables", "seed"))
    return {
        "simulations": simulations,
        "tables": tables,
        "blocks": [
            {"suite": suite, "questions": how} | block_coverage(*sizes, spread, simulations, seed)
            for suite, sizes in SUITES.items()
            for how, spread in CORRELATIONS.items()
        ],
        "seeds": [
            {"differences": name, "seeds": seeds, "coverage": seed_coverage(seeds, simulations, seed, phases)}
            for name, phases in (("scattered", False), ("in two phases", True))
            for seeds in (3, 5, 10)
        ],
        "null_tables": [
            {"runs": name, "seeds": seeds, "share_with_a_word": share_with_a_word(tables, seeds, seed, phases)}
            for name, phases in (("scattered", False), ("in two phases", True))
            for seeds in (3, 5)
        ],
    }


def markdown(report: dict) -> str:
    names = ("accuracy", "balanced_accuracy", "mcc", "auroc")
    lines = [
        "# Coverage of the intervals",
        "",
        f"By simulation ({report['simulations']:,} each). Over blocks: share of the 95 % intervals that hold the true value.",
        "",
        f"| suite | questions | {' | '.join(name.replace('_', ' ') for name in names)} |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in report["blocks"]:
        shares = " | ".join(f"{row[name]:.3f}" for name in names)
        lines.append(f"| {row['suite']} | {row['questions']} | {shares} |")
    lines += ["", "Over seeds: the t interval of the mean of paired differences. *In two phases*: some seeds leave the"]
    lines += [
        "constant answer and others do not; then no interval of a mean over few seeds holds what it promises, and the"
    ]
    lines += ["rate of collapse is what to compare.", "", "| differences | seeds | coverage |", "|---|---|---|"]
    lines += [f"| {row['differences']} | {row['seeds']} | {row['coverage']:.3f} |" for row in report["seeds"]]
    lines += [
        "",
        f"Tables of {CONTRASTS} losses that do not differ from their control ({report['tables']:,} each): share in which any",
    ]
    lines += ["difference gets a word.", "", "| runs | seeds | share of tables |", "|---|---|---|"]
    lines += [f"| {row['runs']} | {row['seeds']} | {row['share_with_a_word']:.3f} |" for row in report["null_tables"]]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    numbers = dict.fromkeys(("simulations", "tables", "seed"), 0)
    return report_command("benchmarks.interval_coverage", arguments, _DEFAULTS, measure, markdown, numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
