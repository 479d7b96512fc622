"""What became of each claim of the paper: one of four verdicts, by rules that stand beside it."""

from dataclasses import dataclass, field

from causal_tasks.spec import TASKS
from reporting.groups import CONTROL, PLAIN, SEMANTIC, VARIANTS
from scoring.intervals import Interval
from scoring.seeds import FEWEST_SEEDS

REPLICATES, FAILS, UNSETTLED = "replicates", "does not replicate", "not settled"
# Two rows of five accuracies that differ by less, on average, were printed from the same numbers.
SAME_ROW = 0.001
# A merged model of which fewer verdicts differ from the untuned model's is that model.
SAME_MODEL = 0.01
PUBLISHED_SAMPLES = 200_000
LOOKS_ACCURATE = 0.70

# Points of balanced accuracy that the paper reports as gained (C5), and of minimal pairs below which nothing "holds" (C6).
PUBLISHED_GAIN = 0.427
HOLDS = 0.10

PREVENTED = (
    f"with {FEWEST_SEEDS} seeds of the task's semantic loss and of its plain cross-entropy: *{REPLICATES}* if every plain run "
    f"is constant and no semantic one is; *{FAILS}* if a semantic run is constant, or no plain one is (there was nothing to "
    f"prevent); else *{UNSETTLED}*"
)
RULES = {
    "C1": f"task by task, with {FEWEST_SEEDS} seeds: *{REPLICATES}* if every run is constant, else *{FAILS}*; with fewer, "
    "transitivity is *explained by A11* if some run was finished, none of them constant, and the text rule gives the published "
    f"row on the published labels, whatever the model (mean difference at most {100 * SAME_ROW:g} points)",
    "C2": f"*{REPLICATES}* if a constant answer scores at least {100 * LOOKS_ACCURATE:g} % on the mean of the published suites",
    "C3": f"{PREVENTED}; with fewer, *explained by A10* if "
    "the published row lies five times nearer to the published untuned model than to the release's own evaluation of the "
    f"adapter, and our adapter, merged into 4 bit, changes at most {100 * SAME_MODEL:g} % of the untuned model's verdicts",
    "C4": PREVENTED,
    "C5": f"with {FEWEST_SEEDS} paired seeds: *{REPLICATES}* if the t interval of the difference in balanced accuracy lies above "
    f"0, *{FAILS}* if it does not and lies below the published gain, else *{UNSETTLED}*; with fewer, explained as "
    "transitivity is under C1 and C3, if both are",
    "C6": f"with {FEWEST_SEEDS} paired seeds of each task: *{REPLICATES}* if the semantic runs answer more minimal pairs than "
    f"the plain ones (t interval above 0) on both, *{FAILS}* if on one they do not and the interval lies below "
    f"{100 * HOLDS:g} points, else *{UNSETTLED}*",
    "C7": f"*{REPLICATES}* if all five variants answered the published suites, {PUBLISHED_SAMPLES:,} questions or more together, "
    "one seed each",
    "C8": f"with {FEWEST_SEEDS} seeds of cross-entropy on the answer alone at the same settings: *{FAILS}* if none of them is "
    f"constant; *{REPLICATES}* if all are and, of {FEWEST_SEEDS} semantic runs, none; else *{UNSETTLED}*",
}
# Claim → the variants that its row measures or its rule asks about.
JUDGED_BY = {
    "C1": (*PLAIN.values(),),
    "C2": (PLAIN["dseparation"],),
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

    constant: variant → whether each finished run, one a seed, ended constant.
    text_rule_distance, untuned_distance, own_distance: mean absolute difference of accuracies over the five suites,
        shares in 0..1: of the published transitivity_ce row to the text rule on the published labels; of the published
        transitivity_semantic row to the published untuned model, and to the release's own evaluation of that adapter.
    merged_flips: share of verdicts that differ between transitivity_semantic merged into 4 bit and the untuned model.
    constant_mean: the higher mean accuracy of the two constant answers on the published suites.
    gain: 95 % t interval over seeds of balanced accuracy, transitivity_semantic minus transitivity_ce.
    pairs_gained: task → that of the share of minimal pairs answered, semantic minus plain.
    answers, variants: questions answered on the published suites, of one seed a variant, and how many of the five answered them.
    """

    constant: dict[str, list[bool]] = field(default_factory=dict)
    text_rule_distance: float | None = None
    untuned_distance: float | None = None
    own_distance: float | None = None
    merged_flips: float | None = None
    constant_mean: float | None = None
    gain: Interval | None = None
    pairs_gained: dict[str, Interval] = field(default_factory=dict)
    answers: int = 0
    variants: int = 0

    def enough(self, *variants: str) -> bool:
        return all(len(self.constant.get(variant, ())) >= FEWEST_SEEDS for variant in variants)

    def ever(self, *variants: str) -> bool:
        """Whether any run of these ended constant."""
        return any(any(self.constant.get(variant, ())) for variant in variants)

    def always(self, *variants: str) -> bool:
        return all(all(self.constant.get(variant, ())) for variant in variants)


def verdicts(found: Evidence) -> dict[str, str]:
    """Claim → verdict, by RULES; C1 names both tasks where they differ."""
    collapse = {task: _decided(found.enough(plain), found.always(plain)) for task, plain in PLAIN.items()}
    if collapse["transitivity"] == UNSETTLED and _text_rule(found):
        collapse["transitivity"] = "explained by A11"
    prevented = {task: _prevented(found, SEMANTIC[task], PLAIN[task]) for task in TASKS}
    if not found.enough(SEMANTIC["transitivity"], PLAIN["transitivity"]) and _rounded_away(found):
        prevented["transitivity"] = "explained by A10"
    gain = _gained([found.gain] if found.gain else [], 1, PUBLISHED_GAIN)
    explained = all(verdict["transitivity"].startswith("explained") for verdict in (collapse, prevented))
    if found.gain is None and explained:
        gain = "explained by A10 and A11"
    return {
        "C1": collapse["transitivity"]
        if len({*collapse.values()}) == 1
        else "; ".join(map(": ".join, collapse.items())),
        "C2": _decided(found.constant_mean is not None, (found.constant_mean or 0) >= LOOKS_ACCURATE),
        "C3": prevented["transitivity"],
        "C4": prevented["dseparation"],
        "C5": gain,
        "C6": _gained([*found.pairs_gained.values()], len(TASKS), HOLDS),
        "C7": REPLICATES if found.variants == 5 and found.answers >= PUBLISHED_SAMPLES else UNSETTLED,
        "C8": _essential(found),
    }


def _decided(measured: bool, holds: bool) -> str:
    return UNSETTLED if not measured else REPLICATES if holds else FAILS


def _gained(intervals: list[Interval], wanted: int, worth: float) -> str:
    """Whether all of the ``wanted`` intervals lie above 0. One around 0 refutes only where it ends below ``worth``."""
    if len(intervals) < wanted:
        return UNSETTLED
    if all(low > 0 for low, _ in intervals):
        return REPLICATES
    return FAILS if any(low <= 0 and high < worth for low, high in intervals) else UNSETTLED


def _text_rule(found: Evidence) -> bool:
    """Whether the published plain row on transitivity is the text rule's, and our runs give no constant answer (audit A11)."""
    plain = PLAIN["transitivity"]
    measured = found.text_rule_distance is not None and bool(found.constant.get(plain))
    return measured and not found.ever(plain) and found.text_rule_distance <= SAME_ROW


def _prevented(found: Evidence, semantic: str, plain: str) -> str:
    """Whether the semantic loss prevents the constant answer, which takes plain runs that give it."""
    if not found.enough(semantic, plain):
        return UNSETTLED
    if found.ever(semantic) or not found.ever(plain):
        return FAILS
    return REPLICATES if found.always(plain) else UNSETTLED


def _rounded_away(found: Evidence) -> bool:
    """Whether the published semantic row is the untuned model's, the adapter lost in the merge (audit A10)."""
    measured = (found.untuned_distance, found.own_distance, found.merged_flips)
    if None in measured:
        return False
    return 5 * found.untuned_distance < found.own_distance and found.merged_flips <= SAME_MODEL


def _essential(found: Evidence) -> str:
    control, semantic = CONTROL["transitivity"], SEMANTIC["transitivity"]
    if not found.enough(control):
        return UNSETTLED
    if not found.ever(control):
        return FAILS
    replicated = found.always(control) and found.enough(semantic) and not found.ever(semantic)
    return REPLICATES if replicated else UNSETTLED
