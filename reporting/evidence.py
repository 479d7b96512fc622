"""What the verdicts on the paper's claims rest on, gathered from the tables for one group of runs."""

import pandas as pd

from causal_tasks.spec import TASKS
from reporting.groups import PLAIN, RUN, SEMANTIC, VARIANTS
from reporting.suite_tables import IN_FULL
from reporting.verdicts import JUDGED_BY, Evidence
from scoring.collapse import COLLAPSED_SHARE
from scoring.seeds import interval_over_seeds


def evidence(
    own: dict[str, pd.DataFrame], forensics: pd.DataFrame, growth: pd.DataFrame, share: float = COLLAPSED_SHARE
) -> Evidence:
    """The evidence of one group.

    Args:
        own: the group's rows of table1_accuracy, table4_collapse and adversarial, by name.
        forensics: the frame of `forensics_table`; of it only what was published is read.
        growth: the group's rows of `adapter_growth_table`.
        share: of one answer, in 0..1, from which on a run is called constant.
    """
    judged = own["table4_collapse"]
    judged = judged[judged["task"] == judged["variant"].str.split("_").str[0]]
    answered = answers_of(own["table1_accuracy"])
    pairs = own["adversarial"]
    pairs = pairs[pairs["family"] == "all"]
    published = forensics[forensics["suites"] == "paper's own"]
    distance = published.drop_duplicates(["variant", "source"]).set_index(["variant", "source"])["distance"]
    known = judged.dropna(subset="collapsed")
    constant_scores = [
        score
        for variant in JUDGED_BY["C2"]
        for score in scores_of_constant_runs(judged, own["table1_accuracy"], variant, share)
    ]
    merged = last_merges(growth, SEMANTIC["transitivity"])
    gained = {
        task: interval_over_seeds(
            paired_by_seed(pairs[pairs["task"] == task], "pair_accuracy", SEMANTIC[task], PLAIN[task])
        )
        for task in TASKS
    }
    return Evidence(
        constant={
            name: [_constant(row, share) for row in rows.to_dict("records")] for name, rows in known.groupby("variant")
        },
        majority={name: rows["majority_share"].astype(float).tolist() for name, rows in known.groupby("variant")},
        constant_scores=constant_scores,
        text_rule_distance=_number(distance.get((PLAIN["transitivity"], "always Yes"))),
        untuned_distance=_number(distance.get((SEMANTIC["transitivity"], "published, untuned model"))),
        own_distance=_number(distance.get((SEMANTIC["transitivity"], "release, adapter, cell 134"))),
        merged_flips=_number(merged["flips"].max()),
        margins_left=_number(merged["margins_left"].abs().max()),
        lost=_number((merged["adapter"] - merged["merged_4bit"]).abs().min()),
        gain=interval_over_seeds(
            paired_by_seed(judged, "balanced_accuracy", SEMANTIC["transitivity"], PLAIN["transitivity"])
        ),
        pairs_gained={task: interval for task, interval in gained.items() if interval is not None},
        answers=int(answered["n"].sum()),
        variants=len(answered),
    )


def last_merges(growth: pd.DataFrame, variant: str) -> pd.DataFrame:
    """Of adapter_growth, a row a seed of the variant: the last step at which adapter and 4-bit merge were compared."""
    compared = growth[growth["variant"] == variant].dropna(subset=["adapter", "merged_4bit", "flips", "margins_left"])
    numbers = dict.fromkeys(["adapter", "merged_4bit", "flips", "margins_left"], float)
    return compared.astype(numbers).groupby("seed").tail(1)


def measured_on_released(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Of table1_accuracy, the runs that were scored on the released suites."""
    return accuracy[(accuracy["source"] == "measured") & (accuracy["suites"] == "released")]


def answers_of(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Of table1_accuracy, a row a variant of the paper's that answered all five released suites: that of the most questions, for
    seeds answer the same ones."""
    asked = (accuracy["source"] == "measured") & accuracy["suites"].isin(["released", IN_FULL])
    answered = accuracy[asked & accuracy["variant"].isin(VARIANTS)].dropna(subset="mean")
    return answered.sort_values("n", kind="stable").groupby("variant").tail(1)


def scores_of_constant_runs(
    judged: pd.DataFrame, accuracy: pd.DataFrame, variant: str, share: float = COLLAPSED_SHARE
) -> list[float]:
    """Mean accuracies on the released suites, shares in 0..1, of the variant's runs that ended constant, a seed each; all asked
    with the benchmark's prompt.

    judged, accuracy: rows of table4_collapse and table1_accuracy.
    """
    known = judged[judged["variant"] == variant].dropna(subset="collapsed")
    ended = {*_keys(known[known["majority_share"] >= share])}
    scored = measured_on_released(accuracy).dropna(subset="mean")
    return [mean for key, mean in zip(_keys(scored), scored["mean"], strict=True) if key in ended]


def paired_by_seed(rows: pd.DataFrame, measure: str, variant: str, against: str) -> list[float]:
    """Differences of the measure, one for each seed that both variants have."""
    ours, theirs = (
        rows[rows["variant"] == name].set_index("seed")[measure].astype(float) for name in (variant, against)
    )
    return (ours - theirs).dropna().tolist()


def _constant(row: dict, share: float) -> bool | None:
    """Whether a run of table4_collapse ended constant, with the prompt of its training too if that is another."""
    benchmark = row["majority_share"] >= share
    if not row["prompt"]:
        return benchmark
    as_trained = None if pd.isna(row["majority_as_trained"]) else row["majority_as_trained"] >= share
    return benchmark if benchmark == as_trained else None


def _keys(rows: pd.DataFrame) -> list[tuple]:
    return [*rows[RUN].itertuples(index=False, name=None)]


def _number(value) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
