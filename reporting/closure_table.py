"""How far the causal relation that a run believes in is from the true graph: runs scored on suite=closure."""

from reporting.groups import RUN
from reporting.results import Results
from reporting.table import Table

MEASURES = ("shd_share", "ancestor_adjustment_distance", "cyclic", "exact")
CONSTANT = ("shd_share_always_no", "ancestor_adjustment_distance_always_no")
NOTE = (
    "All ordered pairs of small graphs are asked (`evaluate.py suite=closure`), so that the answers make a relation. *shd share*: "
    "share of the pairs that it relates otherwise than the truth does (structural Hamming distance of the closures). "
    "*ancestor adjustment distance*: share of the pairs whose effect its ancestors do not identify (Henckel et al. 2024, "
    "arXiv:2402.08616), over the graphs where it is acyclic. *always no*: the same of a model that denies everything. *cyclic*, "
    "*exact*: share of the graphs. Means over graphs with 95 % intervals over blocks."
)


def closure_table(results: Results) -> Table:
    """One row a run and step that were scored on closures, unfinished runs included."""
    scored = results.scored
    scored = scored[(scored["suite"] == "closure") & (scored["split"] != "pooled")]
    bounds = [f"{name}_{side}" for name in MEASURES for side in ("low", "high")]
    columns = [
        "variant",
        "split",
        *MEASURES,
        *bounds,
        *CONSTANT,
        "yes_rate",
        "n",
        "step",
        *(name for name in RUN if name != "variant"),
    ]
    frame = scored.reindex(columns=columns).dropna(subset="shd_share").astype({"step": float}).reset_index(drop=True)
    decimal = (*MEASURES, *CONSTANT, "yes_rate")
    return Table("closure", "Believed relations against true graphs", NOTE, frame, decimal=decimal)
