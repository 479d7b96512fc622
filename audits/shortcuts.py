"""What answers without following a path score: read these beside any model's accuracy.

    python -m audits.shortcuts [n=2000] [training=20000] [seed=0] [out=results]

Writes shortcuts.json and .md into OUT, one row for each corrected suite as evaluate.py asks it, one for all that both tasks have
(`pooled`) and one for the headline (causal_tasks/headline.py). Labels are balanced: accuracy is the balanced accuracy,
and a constant answer scores 50 %. The columns:

- `local_features`: boosted trees on all local counts (causal_tasks/counts.py) and places of mention, learned on `training`
  questions of the training split;
- `refitted`: the same trees learned within the suite, by cross-validation over its blocks: an upper bound;
- `single`: each of these numbers alone, compared with the best threshold in the better direction, both chosen on these very
  questions: the one that scores most, and which that is;
- `rule`: the same of the rules that learn nothing (scoring/yardsticks.py), which read more than counts: the order of telling, two
  sentences at either end, where a conditioned name is first named;
- `repeated`: questions whose text occurred before.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, cross_val_predict

from causal_tasks.headline import HEADLINE, POOLED
from causal_tasks.questions import TASKS
from causal_tasks.spec import EVALUATION_SPLITS, TRAINING_SPLITS
from causal_tasks.suites import available_splits, build
from records.reports import report_command
from scoring.blocks import blocks, in_headline
from scoring.local_features import NAMES, asked_in, learn, table, trees
from scoring.yardsticks import LEARNED, UNTRAINED

_DEFAULTS = {"n": "2000", "training": "20000", "seed": "0", "out": "results"}
REFITTED, SINGLE, RULE = "refitted", "single", "rule"
# Of a row, the columns of the table, each followed by the name of what scores it, if there is a choice.
COLUMNS = {LEARNED: "trees learned in training", REFITTED: "trees refitted within"}
COLUMNS |= {SINGLE: "best single count", "best_count": "which", RULE: "best rule", "best_rule": "which"}
# What causal_tasks.matching cannot balance, and why.
UNMATCHED = """What is left, and why it cannot be balanced:

- The sentence that joins two neighbours is the answer about them: a tenth of the groups of graphs ask about neighbours, none of
  them in the headline.
- Chains of three nodes have no two questions of different answers and the same counts; corrected suites start at four nodes.
- The counts of a d-separation question on four to six nodes nearly are the graph: in `in_distribution` and `long_names` only the
  counts that tell most alone are matched. What is left is what trees score there; neither is part of the headline.
- Published networks cannot be drawn anew. Transitivity is asked only about the four that have matched questions, and these
  come again in other orders of telling; d-separation about five, matched as on small graphs.
- A minimal pair that differs by one edge more or less differs in the number of edges (two families of each task).
- Places of mention are not matched but for who comes first. In `length` and `reversed`, told along the arrows or against them, who
  is named first then tells the answer (`order_of_telling`), and so does a conditioned name that is first named between the two
  (`given_between`).
- Only the sentences about the two nodes are matched, not those one step on: an effect of the source that has an effect itself, and a
  cause of the target that has a cause (`two_deep`), tell most Yes from most No. Of the minimal pairs an inner sentence that is cut or
  turned leaves a name without a cause or an effect, which the whole text shows (`passing_names`).
- The hidden and the stated causes of conditioned nodes are matched together, so that in `hidden` either alone tells a little.

What reads these follows no path from the one node to the other. `over yardstick` in the tables is over the best of them.
In `symmetric` there is nothing of the kind: the Yes and the No of a graph differ only in what joins their nodes, for half a
turn of the graph exchanges these (causal_tasks/constructions/symmetric.py). What stands above 50 there is the threshold,
chosen on the same questions.
"""
# As in conf/suite/, of splits that are not asked four questions a graph.
_QUESTIONS_PER_GRAPH = {"adversarial": 1, "symmetric": 2}
_FOLDS = 5


def best_threshold_accuracy(values: np.ndarray, labels: np.ndarray) -> float:
    """The accuracy of "Yes iff value > t", or of its opposite, at the best t; 0..1."""
    order = np.argsort(values, kind="stable")
    values, signs = np.asarray(values)[order], np.where(np.asarray(labels)[order], 1, -1)
    last_of_each_value = np.append(values[1:] != values[:-1], True)
    more_no_than_yes = np.append(0, -np.cumsum(signs)[last_of_each_value])  # among the values up to t
    right = (labels.sum() + more_no_than_yes) / len(labels)
    return float(max(right.max(), 1 - right.min()))


def measure(task: str, n: int, training: int, seed: int) -> list[dict]:
    """One row a corrected evaluation split on its first n questions, then `pooled` and `headline`.

    A row holds task, split, n, the columns, and the accuracy of every count and of every rule by name (`counts`, `rules`).
    """
    splits = [split for split in available_splits(task, "corrected") if split not in TRAINING_SPLITS]
    asked = pd.concat([_asked(task, split, n, seed) for split in splits], ignore_index=True)
    asked[LEARNED] = learn(task, training, seed).predict(asked[list(NAMES)].to_numpy())
    for _, part in asked.groupby("split"):
        folds = GroupKFold(min(_FOLDS, part["block"].nunique()))
        again = cross_val_predict(trees(seed), part[list(NAMES)], part["label"], groups=part["block"], cv=folds)
        asked.loc[part.index, REFITTED] = again
    parts = [(split, asked[asked["split"] == split]) for split in splits]
    parts += [(POOLED, asked[asked["split"].isin(EVALUATION_SPLITS)]), (HEADLINE, asked[asked["headline"]])]
    return [{"task": task, "split": name} | _row(part) for name, part in parts]


def _asked(task: str, split: str, n: int, seed: int) -> pd.DataFrame:
    """One row a question: split, label, headline, block (scoring/blocks.py), text, NAMES and each rule, as rule/NAME."""
    items = build(task, "corrected", split, n, seed, _QUESTIONS_PER_GRAPH.get(split, 4))
    asked = asked_in(items)
    frame = pd.DataFrame(table(asked), columns=list(NAMES)).assign(split=split)
    frame["label"] = [question.label for _, question in asked]
    for rule in UNTRAINED[task]:
        frame[f"rule/{rule.__name__}"] = [rule(graph, labelled.question) for graph, labelled in asked]
    told = pd.DataFrame(
        {"graph": item.id, "stratum/distance": None} | {f"stratum/{name}": value for name, value in one.strata.items()}
        for item in items
        for one in item.questions
    ).assign(task=task, protocol="corrected", split=split)
    frame["headline"], frame["block"] = in_headline(told), blocks(told)
    frame["text"] = [f"{item.premise} {question.hypothesis}" for item in items for question in item.questions]
    return frame


def _row(part: pd.DataFrame) -> dict:
    labels = part["label"].to_numpy()
    found = {"n": len(part)} | {name: float((part[name] == part["label"]).mean()) for name in (LEARNED, REFITTED)}
    rules = {
        name.removeprefix("rule/"): part[name] for name in part if name.startswith("rule/") and part[name].notna().all()
    }
    for column, kind, numbers in ((SINGLE, "count", part[list(NAMES)]), (RULE, "rule", rules)):
        alone = {name: best_threshold_accuracy(values.to_numpy(), labels) for name, values in numbers.items()}
        best = max(alone, key=alone.__getitem__)
        found |= {column: alone[best], f"best_{kind}": best, f"{kind}s": alone}
    return found | {"repeated": int(part["text"].duplicated().sum())}


def of_both_tasks(settings: dict) -> dict:
    return {
        "rows": [row for task in TASKS for row in measure(task, *(settings[key] for key in ("n", "training", "seed")))]
    }


def markdown(report: dict) -> str:
    """The rows as tables, in percent."""
    lines = ["# Shortcuts on the corrected suites", "", *__doc__.splitlines()[4:], "", "Percent.", ""]
    for task in TASKS:
        lines += [
            f"## {task}",
            "",
            f"| split | n | {' | '.join(COLUMNS.values())} | repeated |",
            "|---" * (len(COLUMNS) + 3) + "|",
        ]
        for row in (row for row in report["rows"] if row["task"] == task):
            cells = [value if isinstance(value := row[name], str) else f"{100 * value:.1f}" for name in COLUMNS]
            lines.append(f"| {' | '.join(map(str, [row['split'], row['n'], *cells, row['repeated']]))} |")
        lines.append("")
    return "\n".join([*lines, UNMATCHED])


def main(arguments: list[str]) -> int:
    numbers = {"n": 1, "training": 1, "seed": 0}
    return report_command("audits.shortcuts", arguments, _DEFAULTS, of_both_tasks, markdown, numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
