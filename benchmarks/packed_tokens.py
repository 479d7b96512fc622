"""How much faster K questions on a graph could be scored in one pass, if a token were all that costs anything.

    python -m benchmarks.packed_tokens                                both models, the graphs of scoring_speed
    python -m benchmarks.packed_tokens model=tiny graphs=2 out=DIR

Tokens that have to be read, padding left out, for K = 4 and 12 questions on each of `graphs` graphs: one pass a graph, what
all prompts begin with read once; against a row of its own for every question, nothing shared. Their ratio bounds what
packing can gain; scoring_speed measures what it does. Nothing is timed. Writes packed_tokens.json and .md into out=, by
default results/benchmarks.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.measuring import configuration
from benchmarks.scoring_speed import QUESTIONS, graphs_with, separate
from benchmarks.work import tokens_in
from causal_tasks.items import Item
from models.loading import load_answerer
from models.packing import pack
from models.prompts import PromptFormat
from records.reports import report_command

DEFAULTS = {"model": "gemma3_270m,smollm2_135m", "graphs": "4", "out": "results/benchmarks"}


def row(format_: PromptFormat, graphs: Sequence[Item], questions: int) -> dict:
    """Tokens of either way, and of its parts: the prefix of all prompts, a premise and a question (means)."""
    items = [replace(item, questions=item.questions[:questions]) for item in graphs]
    packed = pack(format_.encode(items), format_.pad, fewest_saved=1)
    apart = pack(format_.encode(separate(items)), format_.pad, fewest_saved=math.inf)
    prefix, branches = len(packed.prefix), int((packed.branch > 0).sum())
    found = {"packed": tokens_in(packed), "separate": tokens_in(apart)}
    return {
        "questions_per_graph": questions,
        "prefix_tokens": prefix,
        "premise_tokens": (found["packed"] - prefix - branches) / len(items),
        "question_tokens": branches / len(items) / questions,
        "packed_tokens": found["packed"],
        "separate_tokens": found["separate"],
        "bound": found["separate"] / found["packed"],
    }


def measure(settings: dict) -> dict:
    rows = []
    drawn = {task: graphs_with(task, max(QUESTIONS), settings["graphs"]) for task in ("transitivity", "dseparation")}
    for model in settings["model"].split(","):
        answerer, _ = load_answerer(configuration(model, script="evaluate").model)
        rows += [
            {"model": model, "task": task} | row(answerer.prompt_format, items, questions)
            for task, items in drawn.items()
            for questions in QUESTIONS
            if questions > 1
        ]
    return {"graphs": settings["graphs"], "rows": rows}


def markdown(result: dict) -> str:
    lines = [
        "# What packing questions could gain at most",
        "",
        "| model | task | K | prefix | premise | question | tokens, packed | tokens, separate | bound |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in result["rows"]:
        means = f"{one['prefix_tokens']} | {one['premise_tokens']:.1f} | {one['question_tokens']:.1f}"
        totals = f"{one['packed_tokens']} | {one['separate_tokens']} | {one['bound']:.2f}"
        lines.append(f"| {one['model']} | {one['task']} | {one['questions_per_graph']} | {means} | {totals} |")
    lines += [
        "",
        f"`python -m benchmarks.packed_tokens`: {result['graphs']} graphs, as in scoring_speed. *prefix*, *premise* and *question*: "
        "tokens of what all prompts begin with, and of one premise and one question. The bound is the ratio of the tokens; "
        "as K grows, it tends to (prefix + premise + question) / question.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    return report_command("benchmarks.packed_tokens", arguments, DEFAULTS, measure, markdown, {"graphs": 1})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
