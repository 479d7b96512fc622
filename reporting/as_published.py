"""Which runs of a variant the paper's claims are about, where there are some of several settings."""

from collections import Counter

import pandas as pd

from records.component import Component
from records.run_settings import RunSettings
from reporting.groups import PLAIN, SEMANTIC
from reporting.run import Run

PUBLISHED_LAMBDA = ("Linear", 0.05, 0.30)


def settings_as_published(runs: list[Run]) -> dict[str, str]:
    """Variant → the setting of its runs that the claims are about.

    The one that needs no words. Where every setting has some, because runs of a variant differ in what is always told, it is
    the one of most seeds among those with the published loss and schedule; none where two have as many.
    """
    kept = {}
    for variant in {run.settings.variant for run in runs}:
        own = [run for run in runs if run.settings.variant == variant]
        counted = Counter(run.setting for run in own if run.setting == "" or _published_loss(run.settings))
        (first, most), (_, next_most) = [*counted.most_common(2), (None, 0), (None, 0)][:2]
        if "" in counted or most > next_most:
            kept[variant] = "" if "" in counted else first
    return kept


def _published_loss(settings: RunSettings) -> bool:
    """Whether loss and schedule are those of the variant in the paper, or of the control (docs/release.md); an untrained model has none."""
    loss, schedule = settings.loss, settings.schedule
    if loss is None:
        return True
    if settings.variant in SEMANTIC.values():
        weighted = (loss.get("class_weights") is not None) == (settings.variant == SEMANTIC["dseparation"])  # audit A3
        return weighted and _rising(schedule) and _terms(loss) == ("Semantic", "released", None)
    target = "sequence" if settings.variant in PLAIN.values() else "answer"
    return (loss.name, loss.get("target"), loss.get("class_weights")) == ("CrossEntropy", target, None)


def _rising(schedule: Component | None) -> bool:
    return schedule is not None and (schedule.name, schedule.get("start"), schedule.get("end")) == PUBLISHED_LAMBDA


def _terms(loss: Component) -> tuple:
    return loss.name, loss.get("base"), loss.get("term")


def only_of(kept: dict[str, str], frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of these settings of their variants, and those that are of no run, such as the paper's own."""
    if "setting" not in frame:
        return frame
    wanted = [kept.get(variant, "") for variant in frame["variant"]]
    return frame[frame["setting"].fillna("") == wanted]


def left_out(runs: list[Run], kept: dict[str, str], variants: tuple[str, ...]) -> str:
    """In words, the runs of those of these variants of which `settings_as_published` keeps none, or one of several named settings."""
    named = {variant for variant in variants if kept.get(variant) != ""}
    names = Counter(
        run.name for run in runs if run.settings.variant in named and run.setting != kept.get(run.settings.variant)
    )
    counted = [f"{name} ({count} {'run' if count == 1 else 'runs'})" for name, count in names.items()]
    return f"; left out, with a setting of their own: {'; '.join(counted)}" if counted else ""
