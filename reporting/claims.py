"""The paper's claims C1-C8, each with the published figure beside what was measured here."""

import pandas as pd

from causal_tasks.spec import TASKS
from reporting.as_published import left_out, only_of, settings_as_published
from reporting.evidence import (
    answers_of,
    evidence,
    last_merges,
    measured_on_released,
    paired_by_seed,
    scores_of_constant_runs,
)
from reporting.groups import CONTROL, GROUP, PLAIN, SEMANTIC, called, grouped, of_group
from reporting.published import PAPER_MODELS, Published
from reporting.results import Results
from reporting.table import Table, percentage
from reporting.verdicts import JUDGED_BY, OTHER_SHARES, at_other_shares, explanations, verdicts
from scoring.collapse import COLLAPSED_SHARE
from scoring.seeds import interval_over_seeds

NOT_MEASURED = "not measured"

SOURCES = ("table1_accuracy", "table4_collapse_rate", "table4_collapse", "adversarial", "paired_tests", "checkpoints")


def claims_table(results: Results, published: Published, tables: dict[str, pd.DataFrame]) -> Table:
    """One row a claim and group with one of the paper's fine-tuned variants, finished or not, and the verdict on it.

    Several seeds are averaged.

    Args:
        tables: the frames of SOURCES, forensics and adapter_growth.
    """
    rows = []
    for group, runs in grouped(results.runs + results.underway):
        variants = {run.settings.variant for run in runs}
        if variants.isdisjoint({*PLAIN.values(), *SEMANTIC.values()}):
            continue
        # A run with a setting of its own beside others of its variant is not what the claim is about.
        kept = settings_as_published(runs)
        frames = {name: only_of(kept, of_group(tables[name], group)) for name in SOURCES}
        own = _Group(*frames.values())
        growth = only_of(kept, of_group(tables["adapter_growth"], group))
        lost = _after_the_merge(last_merges(growth, SEMANTIC["transitivity"]))
        # What explains the published figures says nothing of another model.
        origins = tables["forensics"] if group["model"] in PAPER_MODELS else tables["forensics"].head(0)
        found, *others = (evidence(frames, origins, growth, share) for share in (COLLAPSED_SHARE, *OTHER_SHARES))
        verdict = verdicts(found)
        elsewhere = at_other_shares(verdict, dict(zip(OTHER_SHARES, map(verdicts, others), strict=True)))
        beside = {claim: words for claim, words in explanations(found).items() if words not in verdict[claim]}
        measured = {
            "C1": [own.collapse(variant) for variant in PLAIN.values()],
            "C2": [
                *map(own.collapse_and_score, JUDGED_BY["C2"]),
                f"always No there {own.baseline('always No')}",
            ],
            "C3": [*own.scores(SEMANTIC["transitivity"]), *lost],
            "C4": own.scores(SEMANTIC["dseparation"]),
            "C5": own.difference(SEMANTIC["transitivity"], PLAIN["transitivity"]),
            "C6": [
                *[own.adversarial(variant) for variant in (*SEMANTIC.values(), *PLAIN.values())],
                *[own.pairs_gained(task) for task in TASKS],
            ],
            "C7": [own.answers()],
            "C8": [
                *map(own.collapse, CONTROL.values()),
                *[own.paired(called(variant, kept.get(variant, ""))) for variant in SEMANTIC.values()],
            ],
        }
        ids = published.claims["id"]
        said = {
            name: "; ".join([*filter(None, phrases)] or [NOT_MEASURED]) + left_out(runs, kept, JUDGED_BY[name])
            for name, phrases in measured.items()
        }
        said = {"measured": said, "verdict": verdict, "published_figure": beside, "at_other_shares": elsewhere}
        claims = published.claims.assign(**{name: [of.get(one, "") for one in ids] for name, of in said.items()})
        trained = [run for run in runs if run.settings.task is not None]
        cost = {"runs": len(trained), "unfinished": sum(not run.finished for run in trained)}
        rows.append(claims.assign(**cost, seconds=sum(run.seconds for run in trained if run.finished), **group))
    columns = ["id", "claim", "published", "measured", "verdict", "published_figure", "at_other_shares"]
    columns += ["runs", "unfinished", *GROUP, "seconds"]
    frame = pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
    note = (
        "*released* is the mean accuracy over the five released suites, the number that the paper reports; "
        "*corrected* is the balanced accuracy on the headline of the variant's task (structure that training never saw, "
        "distance of two or more), where a constant answer scores 50 %. Several seeds are averaged; intervals of one seed are over its questions. How "
        "loss, share of Yes and number of training questions change this: the tables ablation and ablation_contrasts. *verdict*: by the rules that REPORT.md prints "
        "beside it (reporting/verdicts.py); runs below the paper's size or on another model decide nothing about its own. *published figure*: what explains it, where the verdict is another. *at other "
        "shares*: the verdict were a run constant from another share of one answer on, where that changes it. "
        "*runs*: trained ones of the group, *unfinished* ones among them; seconds of the finished among them."
    )
    return Table("claims", "The paper's claims beside the measurements", note, frame)


class _Group:
    """The rows of one group in the tables, and the phrases made of them; None of what was not measured."""

    def __init__(self, accuracy, rates, judged, pairs, tests, checkpoints):
        self.accuracy, self.rates, self.judged = accuracy, rates, judged
        self.pairs, self.tests, self.checkpoints = pairs, tests, checkpoints

    def mean_accuracy(self, variant: str) -> str | None:
        return _measured("released {}", _percent(self._released(variant)))

    def baseline(self, name: str) -> str:
        rows = self.accuracy[(self.accuracy["variant"] == name) & (self.accuracy["suites"] == "released")]
        return _percent(_only(rows["mean"]))

    def corrected(self, variant: str) -> str | None:
        """Of the finished runs; where there are none, of the last checkpoint that was scored, with its interval."""
        finished = _percent(_summary(self.judged, "balanced_accuracy", variant=variant))
        on_the_way = self.checkpoints[self.checkpoints["variant"] == variant]
        if finished or on_the_way.empty:
            return _measured("corrected {}", finished)
        last = on_the_way.sort_values("step").iloc[-1]
        low, high = (percentage(last[f"balanced_accuracy_{end}"]) for end in ("low", "high"))
        return (
            f"at step {last['step']:,.0f} of {last['steps']:,.0f} corrected {_percent(last['balanced_accuracy'])} "
            f"[{low}, {high}] on {last['n']:,} questions"
        )

    def collapse(self, variant: str) -> str | None:
        """How many ended constant, with the interval of that rate, and how near each run came to it."""
        counted = self._constant_runs(variant)
        if counted is None:
            return None
        rate = self.rates[self.rates["variant"] == variant].iloc[0]
        counted += f" [{percentage(rate['rate_low'])}, {percentage(rate['rate_high'])} %]"
        runs = self.judged[self.judged["variant"] == variant]
        shares, as_trained = (runs[name].dropna() for name in ("majority_share", "majority_as_trained"))
        counted += f", one answer {', '.join(map(percentage, shares))} %" if len(shares) else ""
        if len(as_trained):
            constant = (as_trained >= COLLAPSED_SHARE).sum()
            counted += f"; with the prompt of training in {constant} of {len(as_trained)}, one answer {', '.join(map(percentage, as_trained))} %"
        return counted

    def collapse_and_score(self, variant: str) -> str | None:
        """How many ended constant and what these score, for that is the claim; of all runs the mean, where none did or all."""
        constant = scores_of_constant_runs(self.judged, self.accuracy, variant)
        runs = (measured_on_released(self.accuracy)["variant"] == variant).sum()
        counted = self._constant_runs(variant)
        if not 0 < len(constant) < runs:
            return ", ".join(filter(None, (counted, self.mean_accuracy(variant)))) or None
        return f"{counted}, these released {' and '.join(map(_percent, constant))}"

    def scores(self, variant: str) -> list[str | None]:
        return [self.mean_accuracy(variant), self.corrected(variant), self.collapse(variant)]

    def difference(self, variant: str, against: str) -> list[str | None]:
        measures = {
            "released {}": (measured_on_released(self.accuracy), "mean"),
            "corrected {}": (self.judged, "balanced_accuracy"),
        }
        return [_measured(phrase, _points(paired_by_seed(*of, variant, against))) for phrase, of in measures.items()]

    def pairs_gained(self, task: str) -> str | None:
        """Of several seeds; of one the levels say it."""
        rows = self.pairs[(self.pairs["task"] == task) & (self.pairs["family"] == "all")]
        gained = paired_by_seed(rows, "pair_accuracy", SEMANTIC[task], PLAIN[task])
        return f"{SEMANTIC[task]} against {PLAIN[task]}: pairs {_points(gained)}" if len(gained) > 1 else None

    def adversarial(self, variant: str) -> str | None:
        rows = self.pairs[self.pairs["task"] == variant.rsplit("_", 1)[0]]
        scores = [_summary(rows, name, variant=variant, family="all") for name in ("accuracy", "pair_accuracy")]
        if None in scores:
            return None
        return f"{variant} {_percent(scores[0])} of items and {_percent(scores[1])} of pairs"

    def answers(self) -> str | None:
        rows = answers_of(self.accuracy)
        return f"{rows['n'].sum():,.0f} answers by {len(rows)} of the five variants" if len(rows) else None

    def paired(self, variant: str) -> str | None:
        rows = self.tests[self.tests["variant"] == variant]
        if not len(rows):
            return None
        found = []
        for against, tests in rows.groupby("against", sort=False):
            points = ", ".join(
                f"{percentage(r.balanced_accuracy_difference, '+')} [{percentage(r.balanced_accuracy_difference_low)}, "
                f"{percentage(r.balanced_accuracy_difference_high)}] (seed {r.seed})"
                for r in tests.itertuples()
            )
            also = ", of another recipe too," if (tests["other_recipe"] != "").any() else ","
            mean = f", mean {_points(tests['balanced_accuracy_difference'].tolist())}" if len(tests) > 1 else ""
            found.append(f"{variant} against {against}{also} balanced accuracy in points: {points}{mean}")
        return "; ".join(found)

    def _constant_runs(self, variant: str) -> str | None:
        rows = self.rates[self.rates["variant"] == variant]
        if not len(rows):
            return None
        return f"{variant} collapsed in {rows['collapsed'].iloc[0]} of {rows['runs'].iloc[0]} runs"

    def _released(self, variant: str) -> float | None:
        """The mean over the runs that were scored on the released suites."""
        return _summary(measured_on_released(self.accuracy), "mean", variant=variant)


def _measured(phrase: str, value: str | None) -> str | None:
    return None if value is None else phrase.format(value)


def _after_the_merge(merges: pd.DataFrame) -> list[str]:
    """Of each of `last_merges`, what the adapter scores, and what is left of it in 4 bit."""
    return [
        f"at step {row.step:,.0f} of {row.of:,.0f} released {_percent(row.adapter)} as adapter, {_percent(row.merged_4bit)} "
        f"merged into 4 bit, where {_percent(row.flips)} of {row.flips_n:,.0f} verdicts differ from the untuned model's and "
        f"{row.margins_left:.4f} of the adapter's change of the margins is left"
        for row in merges.itertuples()
    ]


def _summary(frame: pd.DataFrame, column: str, **keys) -> float | None:
    """The mean over the seeds; None if there is no row, or one that lacks the value."""
    rows = frame[(frame[list(keys)] == pd.Series(keys)).all(axis=1)]
    mean = rows[column].astype(float).mean(skipna=False)
    return None if pd.isna(mean) else float(mean)


def _only(values: pd.Series) -> float | None:
    return None if values.empty or pd.isna(values.iloc[0]) else float(values.iloc[0])


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{percentage(value)} %"


def _points(differences: list[float]) -> str | None:
    """Mean of differences, a seed each, in points; of several seeds how many, and from three on the t interval over them."""
    if not differences:
        return None
    mean = f"{percentage(sum(differences) / len(differences), '+')} points"
    if len(differences) == 1:
        return mean
    interval = interval_over_seeds(differences)
    bounds = f" [{percentage(interval[0])}, {percentage(interval[1])}]" if interval else ""
    return f"{mean}{bounds} over {len(differences)} paired seeds"
