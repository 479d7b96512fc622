"""Where each published number comes from: the published row beside everything that could have given it."""

import pandas as pd

from reporting.groups import GROUP, RUN, UNTUNED, VARIANTS, grouped, of_group
from reporting.published import SUITES, Published, mean_of_suites, on_released_suites
from reporting.results import Results
from reporting.suite_tables import PAPER, constant_answer
from reporting.table import Table
from scoring.ways import WEIGHTS

CONSTANT = {"always No": False, "always Yes": True}
CELLS = list(SUITES)
COLUMNS = [
    "variant",
    "setting",
    "source",
    "suites",
    "prompt",
    *CELLS,
    "mean",
    "distance",
    "n",
    "relative_size",
    "surviving_share",
]
COLUMNS += ["step", "of", *GROUP, "seed"]
NOTE = (
    "Accuracy on the five released suites. Under each *published* row stands what could have given it. On the *paper's "
    "own* suites: the other evaluations of that model which the release keeps (100 or 200 questions a suite, with "
    "their notebook cell), the published row of the untuned model, and the constant answers. On the *released* "
    "construction, rebuilt here, group by group: our runs of the variant as adapter, merged into the base in 16 bit "
    'and in 4 bit, and by the *text rule* (Yes if "Yes" occurs anywhere in the decoded text, prompt included; audit '
    "A11), all of them measured; our untuned model; and the constant answers on the labels of these suites. *distance*: mean absolute difference to the published row "
    "over the five suites, in percentage points (shares in the CSV, like all others); – where a suite is missing, "
    "as in the published row of dseparation_semantic. *relative size*: standard "
    "deviation of the adapter's change of a weight matrix over that of the matrix; *surviving share*: how much of that "
    "change, along its own direction, is left after the merge (1 is all of it); both are means over modules. *step* "
    "of *of*: the optimisation step that was scored, and how many the run has when it is finished. "
    "See docs/release.md."
)


def forensics_table(results: Results, published: Published, accuracy: pd.DataFrame) -> Table:
    """One row a published variant and candidate origin of its numbers, unfinished runs included.

    accuracy: the frame of table 1, for the paper's rows and its constant answers.
    """
    paper = accuracy[accuracy["suites"] == "paper's own"].drop_duplicates("variant").set_index("variant")
    constants = [_paper_row(paper, name, name) for name in CONSTANT]
    measured = _evaluations(results)
    keys = set(measured[RUN].itertuples(index=False, name=None))
    groups = [
        group for group, _ in grouped([r for r in results.runs + results.underway if tuple(r.key.values()) in keys])
    ]
    rows = []
    for variant in VARIANTS:
        origin = _paper_row(paper, variant, "published")
        block = [*_release_rows(published, variant)]
        if variant != UNTUNED:
            block.append(_paper_row(paper, UNTUNED, "published, untuned model"))
        block += constants
        for about in groups:
            evaluations = of_group(measured, about)
            own = evaluations["variant"] == variant
            untuned = evaluations[~own & (evaluations["variant"] == UNTUNED)]
            block += evaluations[own].to_dict("records") + untuned.to_dict("records")
            block += [about | row for row in _constant_rows(evaluations)]
        rows.append(origin | {"variant": variant})
        rows += [row | {"variant": variant, "distance": _distance(row, origin)} for row in block]
    # The untrained model stands in every group of its scale.
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS).drop_duplicates(ignore_index=True)
    title = "Forensics: where each published number comes from"
    return Table(
        "forensics",
        title,
        NOTE,
        frame,
        percent=(*CELLS, "mean"),
        points=("distance",),
        fine=("relative_size", "surviving_share"),
    )


def _paper_row(paper: pd.DataFrame, name: str, source: str) -> dict:
    row = paper.loc[name, [*CELLS, "mean", "n", *GROUP]].to_dict()
    prompt = None if name in CONSTANT else "benchmark"
    return row | {"source": source, "suites": "paper's own", "prompt": prompt}


def _release_rows(published: Published, variant: str) -> list[dict]:
    """The release's own small evaluations of a variant, those that its notebook shows."""
    records = published.release_evaluations
    records = records[(records["variant"] == variant) & records["cell"].notna()]
    rows = []
    for record in records.to_dict("records"):
        accuracies = {suite: record[suite] / 100 for suite in CELLS}
        row = PAPER | {"suites": "paper's own", "prompt": record["prompt"], "n": record["n"] * len(CELLS)} | accuracies
        source = f"release, {record['weights']}, cell {record['cell']:.0f}"
        rows.append(row | {"source": source, "mean": sum(accuracies.values()) / len(CELLS)})
    return rows


def _evaluations(results: Results) -> pd.DataFrame:
    """One row an evaluation of a published variant on the released suites: COLUMNS, and the label shares as labels/SUITE."""
    scored = on_released_suites(results.scored)
    scored = scored[(scored["without"] == "") & scored["variant"].isin(VARIANTS)]
    means = mean_of_suites(scored, [*RUN, "evaluation"])
    trained = {tuple(run.key.values()): run.training.get("steps") for run in results.runs}
    rows = []
    for (*key, evaluation), part in scored.groupby([*RUN, "evaluation"], sort=False):
        first = part.iloc[0]
        row = dict(zip(RUN, key, strict=True)) | {
            "source": _source(first),
            "prompt": first["prompt"],
            "suites": "released",
        }
        row |= dict.fromkeys(CELLS) | dict(zip(part["split"], part["accuracy"], strict=True))
        row |= {f"labels/{suite}": share for suite, share in zip(part["split"], part["label_yes_rate"], strict=True)}
        row |= {"mean": means[*key, evaluation], "n": part["n"].sum()}
        row |= {name: first[name] for name in ("relative_size", "surviving_share")}
        # A finished run was scored at its end where its file does not say otherwise.
        row |= {
            "step": _first(first["step"], trained.get(tuple(key))),
            "of": _first(first["steps"], trained.get(tuple(key))),
        }
        place = WEIGHTS.index(first["weights"]) if first["weights"] in WEIGHTS else len(WEIGHTS)
        order = (first["verdict"] != "logits", place, row["source"], first["prompt"], row["seed"], row["step"] or 0)
        rows.append(row | {"place": order})
    columns = None if rows else [*COLUMNS, "place"]
    return pd.DataFrame(rows, columns=columns).sort_values("place", kind="stable").drop(columns="place")


def _source(evaluation: pd.Series) -> str:
    weights = "untuned model" if evaluation["variant"] == UNTUNED else evaluation["weights"]
    return weights if evaluation["verdict"] == "logits" else f"{weights}, {evaluation['verdict']} rule"


def _constant_rows(evaluations: pd.DataFrame) -> list[dict]:
    """Always No and always Yes on every different set of labels that the evaluations were scored on."""
    labels = evaluations.reindex(columns=[*(f"labels/{suite}" for suite in CELLS), "n"]).dropna().drop_duplicates()
    rows = []
    for *shares, n in labels.itertuples(index=False):
        shares = pd.Series(shares, index=CELLS)
        for name, answer in CONSTANT.items():
            scores = constant_answer(shares, dict.fromkeys(SUITES.values(), answer))
            rows.append(scores | {"source": name, "suites": "released", "n": n})
    return rows


def _distance(row: dict, origin: dict) -> float | None:
    """Mean absolute difference over the five suites, a share in 0..1; None where either lacks a suite."""
    differences = [
        abs(row[suite] - origin[suite]) for suite in CELLS if pd.notna(row[suite]) and pd.notna(origin[suite])
    ]
    return sum(differences) / len(CELLS) if len(differences) == len(CELLS) else None


def _first(*values):
    """The first value that is there."""
    return next((value for value in values if pd.notna(value)), None)
