"""What became of each claim of the paper: one of four verdicts, by rules that stand beside it."""

from dataclasses import dataclass, field

from causal_tasks.spec import TASKS
from reporting.groups import CONTROL, PLAIN, SEMANTIC, VARIANTS
from scoring.intervals import Interval
from scoring.seeds import FEWEST_SEEDS, LEVEL, rates_differ

REPLICATES, FAILS, UNSETTLED = "replicates", "does not replicate", "not settled"
NOTHING_TO_PREVENT = f"{FAILS} (nothing to prevent)"
# Shares of one answer from which a run could be called constant; COLLAPSED_SHARE is the one that decides. Where a verdict hangs on
# it, the other is printed too.
OTHER_SHARES = (0.90, 0.95, 0.995)
# Two rows of five accuracies that differ by less, on average, were printed from the same numbers.
SAME_ROW = 0.001
# A run none of whose answers makes up so much is clearly not constant.
CLEARLY_VARIED = 0.90
# A merged model is the untuned one if fewer of their verdicts differ, and less is left of what the adapter does to the margins:
# a base that says Yes to all but everything hides a change from the verdicts alone.
SAME_MODEL, NOTHING_LEFT = 0.01, 0.01
PUBLISHED_SAMPLES = 200_000
LOOKS_ACCURATE = 0.70
# Accuracy by which an adapter has to differ from its merge for the merge to be what undid it.
LEARNED = 0.10

# Points of balanced accuracy that the paper reports as gained (C5), and of minimal pairs below which nothing "holds" (C6).
PUBLISHED_GAIN = 0.427
HOLDS = 0.10

TOLD_APART = (
    f"and Fisher's exact test tells the two rates apart (p < {LEVEL:g}, which three seeds against three cannot give)"
)
BOTH_PROMPTS = (
    "a run that was trained with another prompt than the benchmark's (A12) is constant if it is with both, not constant if it is "
    "with neither, and else neither of the two"
)
EXPLAINED = "in place of the verdict with fewer seeds, beside it with as many, and on the paper's model only"
PREVENTED = (
    f"with {FEWEST_SEEDS} seeds of the task's semantic loss and of its plain cross-entropy: *{REPLICATES}* if every plain run "
    f"is constant, no semantic one is, {TOLD_APART}; *{FAILS}* if a semantic run is constant, or no plain one is (there was "
    f"nothing to prevent); else *{UNSETTLED}*; {BOTH_PROMPTS}"
)
RULES = {
    "C1": f"task by task, with {FEWEST_SEEDS} seeds: *{REPLICATES}* if every run is constant, *{FAILS}* if one is not, else "
    f"*{UNSETTLED}*; {BOTH_PROMPTS}; {EXPLAINED}, "
    f"transitivity is *explained by A11* if some run was finished, no answer makes up {100 * CLEARLY_VARIED:g} % of any of them, "
    "and the text rule gives the published row on the published labels, whatever the model (mean difference at most "
    f"{100 * SAME_ROW:g} points); by that row alone it cannot be told from a model that really says Yes to everything",
    "C2": f"*{REPLICATES}* if a fine-tuned d-separation run, whatever its loss, ended constant and scores at least "
    f"{100 * LOOKS_ACCURATE:g} % on the mean of the released suites (the claim is of what can be: one is enough); *{FAILS}* if "
    f"{FEWEST_SEEDS} ended constant and none does; else *{UNSETTLED}*. What always No would score there is arithmetic on the "
    "labels, and decides nothing",
    "C3": f"{PREVENTED}; {EXPLAINED}, it is *explained by A10* if "
    "the published row lies five times nearer to the published untuned model than to the release's own evaluation of the "
    f"adapter, and our adapter at the last step that was scored, merged into 4 bit, changes at most {100 * SAME_MODEL:g} % of the "
    f"untuned model's verdicts, keeps at most {NOTHING_LEFT:g} of what it does to the margins (slope) and lies at least "
    f"{100 * LEARNED:g} points from what it scores unmerged",
    "C4": PREVENTED,
    "C5": f"with {FEWEST_SEEDS} paired seeds: *{REPLICATES}* if the t interval of the difference in balanced accuracy lies above "
    f"0, *{FAILS}* if it does not and lies below the published gain, else *{UNSETTLED}*; {EXPLAINED}, it is explained as "
    "transitivity is under C1 and C3, if both are",
    "C6": f"with {FEWEST_SEEDS} paired seeds of each task: *{REPLICATES}* if the semantic runs answer more minimal pairs than "
    f"the plain ones (t interval above 0) on both, *{FAILS}* if on one they do not and the interval lies below "
    f"{100 * HOLDS:g} points, else *{UNSETTLED}*",
    "C7": f"*{REPLICATES}* if all five variants answered the published suites, {PUBLISHED_SAMPLES:,} questions or more together, "
    "one seed each",
    "C8": f"task by task, with {FEWEST_SEEDS} seeds of cross-entropy on the answer alone, whatever else differs in their recipe, for "
    f"the claim is that nothing else does: *{FAILS}* if none of them is constant; *{REPLICATES}* if all are, no semantic run is, "
    f"{TOLD_APART}; else *{UNSETTLED}*",
}
# Claim → the variants that its row measures or its rule asks about.
JUDGED_BY = {
    "C1": (*PLAIN.values(),),
    "C2": (PLAIN["dseparation"], CONTROL["dseparation"], SEMANTIC["dseparation"]),
    "C3": (PLAIN["transitivity"], SEMANTIC["transitivity"]),
    "C4": (PLAIN["dseparation"], SEMANTIC["dseparation"]),
    "C5": (PLAIN["transitivity"], SEMANTIC["transitivity"]),
    "C6": (*PLAIN.values(), *SEMANTIC.values()),
    "C7": VARIANTS,
    "C8": (*PLAIN.values(), *CONTROL.values(), *SEMANTIC.values()),
}


@dataclass(frozen=True)
class Evidence:
    """What the verdicts rest on; None, or no entry, where it was not measured.

    constant: variant → whether each finished run, one a seed, ended constant; None where that hangs on the prompt, or where a
        run was not asked with the prompt of its training. majority: variant → the share of the more frequent answer in each.
    constant_scores: mean accuracies on the released suites of JUDGED_BY["C2"]'s runs that ended constant.
    text_rule_distance, untuned_distance, own_distance: mean absolute difference of accuracies over the five suites,
        shares in 0..1: of the published transitivity_ce row to the text rule on the published labels; of the published
        transitivity_semantic row to the published untuned model, and to the release's own evaluation of that adapter.
    merged_flips, margins_left, lost: of transitivity_semantic merged into 4 bit, at the last step scored: share of the verdicts
        that differ from the untuned model's, slope of its change of the margins on the adapter's, and difference of its accuracy
        from the adapter's; of several seeds the largest, of the last the smallest.
    gain: 95 % t interval over seeds of balanced accuracy, transitivity_semantic minus transitivity_ce.
    pairs_gained: task → that of the share of minimal pairs answered, semantic minus plain.
    answers, variants: questions answered on the published suites, of one seed a variant, and how many of the five answered them.
    """

    constant: dict[str, list[bool | None]] = field(default_factory=dict)
    majority: dict[str, list[float]] = field(default_factory=dict)
    constant_scores: list[float] = field(default_factory=list)
    text_rule_distance: float | None = None
    untuned_distance: float | None = None
    own_distance: float | None = None
    merged_flips: float | None = None
    margins_left: float | None = None
    lost: float | None = None
    gain: Interval | None = None
    pairs_gained: dict[str, Interval] = field(default_factory=dict)
    answers: int = 0
    variants: int = 0

    def enough(self, *variants: str) -> bool:
        return all(len(self.constant.get(variant, ())) >= FEWEST_SEEDS for variant in variants)

    def every(self, value: bool, variant: str) -> bool:
        """Whether all runs of the variant are constant, or none is, as far as that was settled."""
        return all(one is value for one in self.constant.get(variant, ()))

    def some(self, value: bool, variant: str) -> bool:
        return any(one is value for one in self.constant.get(variant, ()))

    def told_apart(self, variant: str, against: str) -> bool:
        """Whether all runs of the one, none of the other, is more than chance."""
        ours, theirs = (len(self.constant.get(name, ())) for name in (variant, against))
        return rates_differ(ours, ours, 0, theirs) < LEVEL


def verdicts(found: Evidence) -> dict[str, str]:
    """Claim → verdict, by RULES; C1 and C8 name both tasks where they differ."""
    explained = explanations(found)
    collapse = {task: _collapses(found, plain) for task, plain in PLAIN.items()}
    if collapse["transitivity"] == UNSETTLED:
        collapse["transitivity"] = explained.get("C1", UNSETTLED)
    prevented = {task: _prevented(found, SEMANTIC[task], PLAIN[task]) for task in TASKS}
    if not found.enough(SEMANTIC["transitivity"], PLAIN["transitivity"]):
        prevented["transitivity"] = explained.get("C3", UNSETTLED)
    gain = _gained([found.gain], 1, PUBLISHED_GAIN) if found.gain else explained.get("C5", UNSETTLED)
    return {
        "C1": _by_task(collapse),
        "C2": _looks_accurate(found.constant_scores),
        "C3": prevented["transitivity"],
        "C4": prevented["dseparation"],
        "C5": gain,
        "C6": _gained([*found.pairs_gained.values()], len(TASKS), HOLDS),
        "C7": REPLICATES if found.variants == 5 and found.answers >= PUBLISHED_SAMPLES else UNSETTLED,
        "C8": _by_task({task: _essential(found, CONTROL[task], SEMANTIC[task]) for task in TASKS}),
    }


def explanations(found: Evidence) -> dict[str, str]:
    """Claim → which fault of the release gives its published figure on transitivity, whatever became of the claim itself."""
    explained = {"C1": "explained by A11"} if _text_rule(found) else {}
    explained |= {"C3": "explained by A10"} if _rounded_away(found) else {}
    return explained | ({"C5": "explained by A10 and A11"} if len(explained) == 2 else {})


def _by_task(verdict: dict[str, str]) -> str:
    """One word where the tasks agree."""
    same = len({*verdict.values()}) == 1
    return next(iter(verdict.values())) if same else "; ".join(map(": ".join, verdict.items()))


def at_other_shares(decided: dict[str, str], others: dict[float, dict[str, str]]) -> dict[str, str]:
    """Claim → what its verdict would be were a run constant from another share on, "" where it stays. others: share → verdicts."""
    return {
        claim: "; ".join(
            f"from {100 * share:g} %: {other[claim]}" for share, other in others.items() if other[claim] != verdict
        )
        for claim, verdict in decided.items()
    }


def _collapses(found: Evidence, plain: str) -> str:
    if not found.enough(plain):
        return UNSETTLED
    if found.some(False, plain):
        return FAILS
    return REPLICATES if found.every(True, plain) else UNSETTLED


def _looks_accurate(scores: list[float]) -> str:
    """Whether one of the constant runs that scored these does, or none of enough."""
    if any(score >= LOOKS_ACCURATE for score in scores):
        return REPLICATES
    return FAILS if len(scores) >= FEWEST_SEEDS else UNSETTLED


def _gained(intervals: list[Interval], wanted: int, worth: float) -> str:
    """Whether all of the ``wanted`` intervals lie above 0. One around 0 refutes only where it ends below ``worth``."""
    if len(intervals) < wanted:
        return UNSETTLED
    if all(low > 0 for low, _ in intervals):
        return REPLICATES
    return FAILS if any(low <= 0 and high < worth for low, high in intervals) else UNSETTLED


def _text_rule(found: Evidence) -> bool:
    """Whether the published plain row on transitivity is the text rule's, and our runs are clearly not constant (audit A11)."""
    shares = found.majority.get(PLAIN["transitivity"])
    if found.text_rule_distance is None or not shares:
        return False
    return max(shares) < CLEARLY_VARIED and found.text_rule_distance <= SAME_ROW


def _prevented(found: Evidence, semantic: str, plain: str) -> str:
    """Whether the semantic loss prevents the constant answer, which takes plain runs that give it."""
    if not found.enough(semantic, plain):
        return UNSETTLED
    if found.some(True, semantic):
        return FAILS
    if found.every(False, plain):
        return NOTHING_TO_PREVENT
    prevented = found.every(True, plain) and found.every(False, semantic)
    return REPLICATES if prevented and found.told_apart(plain, semantic) else UNSETTLED


def _rounded_away(found: Evidence) -> bool:
    """Whether the published semantic row is the untuned model's, the adapter lost in the merge (audit A10)."""
    measured = (found.untuned_distance, found.own_distance, found.merged_flips, found.margins_left, found.lost)
    if None in measured:
        return False
    lost = found.merged_flips <= SAME_MODEL and found.margins_left <= NOTHING_LEFT and found.lost >= LEARNED
    return lost and 5 * found.untuned_distance < found.own_distance


def _essential(found: Evidence, control: str, semantic: str) -> str:
    """Whether cross-entropy on the answer alone ends constant where the semantic loss does not."""
    if not found.enough(control):
        return UNSETTLED
    if found.every(False, control):
        return FAILS
    essential = found.every(True, control) and found.enough(semantic) and found.every(False, semantic)
    return REPLICATES if essential and found.told_apart(control, semantic) else UNSETTLED
