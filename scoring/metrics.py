"""Every metric of a set of yes/no answers, with its 95 % interval, from labels and margins alone.

The margin is logit(Yes) - logit(No); the verdict is Yes iff margin >= 0. Yes is the positive class.
A metric that is undefined (it divides by the size of an empty class) is None, never 0.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from scoring.intervals import clustered_bootstrap, proportion_interval


def measure(
    labels, margins, blocks=None, threshold=None, resamples: int = 1000, seed: int = 0, prior: float | None = None
) -> dict:
    """Metrics of one set of answers, as a JSON-able dict.

    Args:
        labels: [n] bool (or 0/1), True = Yes.
        margins: [n] finite floats, log-odds of Yes against No.
        blocks: [n] identifier of the block of each item (scoring/blocks.py); default: every item is its own.
        threshold: tuned on validation (`best_threshold`); adds the "calibrated" metrics, whose verdict is
            Yes iff margin >= threshold.
        resamples: bootstrap resamples; 0 leaves the bootstrap intervals out.
        prior: share of Yes in training, in (0, 1); adds logit_adjusted_accuracy and logit_adjusted_balanced_accuracy,
            whose verdict is Yes iff margin >= log(prior / (1 - prior)): Menon et al. 2021 (arXiv:2007.07314), eq. 9,
            post hoc. It means nothing for a model whose training was rebalanced already.
    Returns:
        n, blocks, tp, tn, fp, fn, accuracy, balanced_accuracy, precision, recall, f1, mcc, auroc, auprc,
        yes_rate, label_yes_rate, majority_share (larger of the two answers' shares, 0.5..1), and
        threshold, calibrated_accuracy, calibrated_balanced_accuracy (None without a threshold).
        `<metric>_interval` is [low, high]: Wilson for the proportions, corrected for several questions in one
        block; bootstrap over blocks for balanced_accuracy, f1, mcc, auroc. None if there is but one block.
    Raises:
        ValueError: no items, lengths that differ, labels that are not yes/no, margins that are not finite.
    """
    labels, margins = _checked(labels, margins)
    clusters = _codes(blocks, len(labels))
    verdicts = margins >= 0
    correct = verdicts == labels
    counts = _confusion(labels, verdicts)
    row = {"n": len(labels), "blocks": int(clusters.max()) + 1}
    row |= {name: int(count) for name, count in zip(("tp", "tn", "fp", "fn"), counts, strict=True)}
    row |= {name: _number(value) for name, value in from_confusion(*counts).items()}
    row["auroc"] = _number(_Auroc(labels, margins, clusters)(np.ones((1, row["blocks"])))[0])
    two_classes = bool(labels.any() and not labels.all())
    row["auprc"] = float(average_precision_score(labels, margins)) if two_classes else None
    row["majority_share"] = max(row["yes_rate"], 1 - row["yes_rate"])

    row["accuracy_interval"] = proportion_interval(correct, clusters)
    row["precision_interval"] = proportion_interval(labels[verdicts], clusters[verdicts])
    row["recall_interval"] = proportion_interval(verdicts[labels], clusters[labels])
    row["yes_rate_interval"] = proportion_interval(verdicts, clusters)
    if resamples:
        for name, interval in bootstrap_intervals(labels, margins, clusters, resamples, seed).items():
            row[f"{name}_interval"] = None if row[name] is None or interval is None else list(interval)

    row["threshold"] = row["calibrated_accuracy"] = row["calibrated_balanced_accuracy"] = None
    if threshold is not None:
        shifted = margins >= threshold
        calibrated = from_confusion(*_confusion(labels, shifted))
        row["threshold"] = float(threshold)
        row["calibrated_accuracy"] = _number(calibrated["accuracy"])
        row["calibrated_accuracy_interval"] = proportion_interval(shifted == labels, clusters)
        row["calibrated_balanced_accuracy"] = _number(calibrated["balanced_accuracy"])
    if prior is not None:
        adjusted = from_confusion(*_confusion(labels, margins >= np.log(prior / (1 - prior))))
        for name in ("accuracy", "balanced_accuracy"):
            row[f"logit_adjusted_{name}"] = _number(adjusted[name])
    return row


def from_confusion(tp, tn, fp, fn, constant_mcc: float = np.nan) -> dict[str, np.ndarray]:
    """Threshold metrics from confusion counts; the counts may be scalars or arrays of one shape. NaN = undefined.

    Args:
        constant_mcc: value of MCC where both labels occur but every verdict is the same. It is undefined (0/0);
            the bootstrap passes 0, its limit (Chicco & Jurman 2020), so that a resample in which a nearly
            constant model becomes constant counts as carrying no information instead of being dropped.
    """
    tp, tn, fp, fn = (np.asarray(count, dtype=float) for count in (tp, tn, fp, fn))
    yes, no, said_yes, said_no = tp + fn, tn + fp, tp + fp, tn + fn
    total = yes + no
    recall = _ratio(tp, yes)
    mcc = _ratio(tp * tn - fp * fn, np.sqrt(yes * no * said_yes * said_no))
    mcc = np.where((yes * no > 0) & (said_yes * said_no == 0), constant_mcc, mcc)
    return {
        "accuracy": _ratio(tp + tn, total),
        "balanced_accuracy": (recall + _ratio(tn, no)) / 2,
        "precision": _ratio(tp, said_yes),
        "recall": recall,
        # Without a Yes label F1 could only be 0 whatever the model does, so it is undefined there, like recall.
        "f1": np.where(yes > 0, _ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "mcc": mcc,
        "yes_rate": _ratio(said_yes, total),
        "label_yes_rate": _ratio(yes, total),
    }


def bootstrap_intervals(labels, margins, clusters, resamples: int = 1000, seed: int = 0) -> dict:
    """95 % intervals of balanced_accuracy, f1, mcc and auroc; whole blocks are resampled.

    Args:
        labels: [n] bool. margins: [n] float. clusters: [n] integer codes 0..C-1, the block of each item.
    Returns:
        name -> (low, high), or None where the metric is defined in no resample.
    """
    metrics = _weighted_metrics(labels, margins, clusters)
    found = clustered_bootstrap(metrics, int(clusters.max()) + 1, resamples, seed)
    least = {"mcc": -1.0}  # of the others 0
    return {
        name: bounds and (max(least.get(name, 0.0), bounds[0]), min(1.0, bounds[1])) for name, bounds in found.items()
    }


def paired_differences(
    labels, ours, theirs, blocks, resamples: int = 1000, seed: int = 0, metrics=("balanced_accuracy", "auroc")
) -> dict:
    """How much better one model answers the same items than another, each trained with the same seeds.

    Args:
        labels: [n] bool. blocks: [n] identifiers, as for `measure`.
        ours, theirs: [seeds][n] margins, in the order of the labels.
        resamples: bootstrap resamples, at least 1; a block is drawn for all seeds of both models together.
        metrics: of these, those wanted; auroc takes most of the time.
    Returns:
        For each of the metrics: `<metric>_difference`, ours less theirs, mean over the seeds;
        `<metric>_differences`, one a seed; `<metric>_difference_interval`, 95 %, None of a single block. The interval
        tells what other test items would change, not what other training seeds would (scoring/seeds.py).
    Raises:
        ValueError: as `measure`; different numbers of seeds; labels all of one class.
    """
    if len(ours) != len(theirs) or not len(ours):
        raise ValueError(f"paired_differences: {len(ours)} and {len(theirs)} seeds; both need the same, at least one")
    clusters = _codes(blocks, len(labels))
    count = int(clusters.max()) + 1
    pairs = [
        tuple(_weighted_metrics(*_checked(labels, margins), clusters, "auroc" in metrics) for margins in pair)
        for pair in zip(ours, theirs, strict=True)
    ]
    if np.all(labels) or not np.any(labels):
        raise ValueError("paired_differences: the labels are all one class")

    def by_seed(weights: np.ndarray) -> dict[str, list[np.ndarray]]:
        values = [(one(weights), other(weights)) for one, other in pairs]
        return {name: [a[name] - b[name] for a, b in values] for name in metrics}

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.mean(differences, axis=0) for name, differences in by_seed(weights).items()}

    row = {}
    intervals = clustered_bootstrap(mean, count, resamples, seed)
    for name, differences in by_seed(np.ones((1, count))).items():
        row[f"{name}_differences"] = [float(difference[0]) for difference in differences]
        row[f"{name}_difference"] = float(np.mean(differences))
        row[f"{name}_difference_interval"] = None if intervals[name] is None else list(intervals[name])
    return row


def best_threshold(labels, margins) -> float:
    """The threshold with the largest balanced accuracy; use it on validation items only.

    Candidates are 0, the midpoints between neighbouring margins, and the smallest margin (always Yes); of equally
    good ones, the nearest to 0.
    Args and errors as `measure`; also ValueError when the labels are all one class.
    """
    labels, margins = _checked(labels, margins)
    yes, no = np.sort(margins[labels]), np.sort(margins[~labels])
    if len(yes) == 0 or len(no) == 0:
        raise ValueError("best_threshold: the labels are all one class; a threshold needs both Yes and No items")
    values = np.unique(margins)
    candidates = np.concatenate([[0.0, values[0]], (values[:-1] + values[1:]) / 2])
    recall = 1 - np.searchsorted(yes, candidates, side="left") / len(yes)
    specificity = np.searchsorted(no, candidates, side="left") / len(no)
    score = recall + specificity
    best = candidates[score >= score.max() - 1e-12]
    return float(best[np.argmin(np.abs(best))])


def _weighted_metrics(
    labels, margins, clusters, with_auroc: bool = True
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Weights of the clusters [b, C] -> balanced_accuracy, f1, mcc and auroc, each [b]; NaN where undefined."""
    count = int(clusters.max()) + 1
    verdicts = margins >= 0
    cells = (labels & verdicts, ~labels & ~verdicts, ~labels & verdicts, labels & ~verdicts)
    # Confusion counts of every block [C, 4]: a resample's counts are then one matrix product.
    by_block = np.stack([np.bincount(clusters[cell], minlength=count) for cell in cells], axis=1).astype(np.float32)
    auroc = _Auroc(labels, margins, clusters) if with_auroc else None

    def metrics(weights: np.ndarray) -> dict[str, np.ndarray]:
        tp, tn, fp, fn = (weights @ by_block).T
        values = from_confusion(tp, tn, fp, fn, constant_mcc=0.0)
        found = {name: values[name] for name in ("balanced_accuracy", "f1", "mcc")}
        return found if auroc is None else found | {"auroc": auroc(weights)}

    return metrics


class _Auroc:
    """AUROC under cluster weights, exact with ties: P(margin of a Yes > margin of a No) + half P(equal)."""

    FEW = 100  # clusters up to which counting every pair of them once is faster than the items of every resample

    def __init__(self, labels: np.ndarray, margins: np.ndarray, clusters: np.ndarray):
        yes, no = margins[labels], margins[~labels]
        order = np.argsort(no, kind="stable")
        self.no_clusters = clusters[~labels][order]
        # Yes items in the order of their margins, so that the look-ups below walk memory forwards.
        yes_order = np.argsort(yes, kind="stable")
        self.yes_clusters = clusters[labels][yes_order]
        self.below = np.searchsorted(no[order], yes[yes_order], side="left")
        self.not_above = np.searchsorted(no[order], yes[yes_order], side="right")
        self.ties = bool(np.any(self.below != self.not_above))
        count = int(clusters.max()) + 1
        self.by_clusters = self._count_pairs(count) if count <= self.FEW else None

    def _count_pairs(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs in which a Yes of one cluster beats a No of another [C, C], and how many Yes and No each has [C]."""
        told = np.zeros((len(self.no_clusters) + 1, count))
        told[np.arange(1, len(told)), self.no_clusters] = 1
        told = told.cumsum(axis=0)  # No items of each cluster among the lowest k
        pairs = np.zeros((count, count))
        np.add.at(pairs, self.yes_clusters, (told[self.below] + told[self.not_above]) / 2)
        return pairs, np.bincount(self.yes_clusters, minlength=count), told[-1]

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """weights [b, clusters] -> AUROC [b], NaN where a class has no weight."""
        weights = weights.astype(np.float64, copy=False)
        if self.by_clusters is not None:
            pairs, yes, no = self.by_clusters
            return _ratio(np.einsum("bi,bi->b", weights @ pairs, weights), (weights @ yes) * (weights @ no))
        result = np.full(len(weights), np.nan)
        for index, row in enumerate(weights):
            yes, no = row[self.yes_clusters], row[self.no_clusters]
            cumulative = np.concatenate([[0.0], np.cumsum(no)])
            total = yes.sum() * cumulative[-1]
            if total > 0:
                beaten = cumulative[self.below]
                if self.ties:
                    beaten = (beaten + cumulative[self.not_above]) / 2
                # einsum, because the threads of a BLAS dot product cost more than they save at this size.
                result[index] = np.einsum("i,i", yes, beaten) / total
        return result


def _checked(labels, margins) -> tuple[np.ndarray, np.ndarray]:
    labels, margins = np.asarray(labels), np.asarray(margins, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != margins.shape:
        raise ValueError(f"labels {labels.shape} and margins {margins.shape} must be two lists of the same length")
    if len(labels) == 0:
        raise ValueError("no items to measure")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be True/False (or 1/0); found {np.unique(labels)[:5].tolist()}")
    broken = np.flatnonzero(~np.isfinite(margins))
    if len(broken):
        raise ValueError(f"{len(broken)} of {len(margins)} margins are not finite, the first at position {broken[0]}")
    return labels.astype(bool), margins


def _codes(blocks, n: int) -> np.ndarray:
    if blocks is None:
        return np.arange(n)
    if np.shape(blocks) != (n,):
        raise ValueError(f"blocks {np.shape(blocks)} must name one block for each of the {n} items")
    # As np.unique numbers them, but only the distinct names are sorted.
    codes, names = pd.factorize(blocks if isinstance(blocks, pd.Series) else np.asarray(blocks), use_na_sentinel=False)
    names = np.asarray(names)
    rank = np.empty(len(names), dtype=np.intp)
    rank[np.argsort(names)] = np.arange(len(names))
    return rank[codes]


def _confusion(labels: np.ndarray, verdicts: np.ndarray) -> tuple:
    cells = (labels & verdicts, ~labels & ~verdicts, ~labels & verdicts, labels & ~verdicts)
    return tuple(np.count_nonzero(cell) for cell in cells)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _number(value) -> float | None:
    return None if np.isnan(value) else float(value)
