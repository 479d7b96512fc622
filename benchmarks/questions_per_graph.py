"""Queries per second: K questions on one graph in one packed pass, against K separate prompts.

    python -m benchmarks.questions_per_graph model=smollm2_135m          K = 1, 4, 12 on 48 graphs
    python -m benchmarks.questions_per_graph model=tiny graphs=4 out=DIR

Scores the same corrected questions both ways with the scorer of evaluate.py (batches of `evaluation.token_budget`
tokens, what all prompts begin with computed once), the fastest of `repetitions` passes each, because other load only
adds time. Writes questions_per_graph.json and .md into out=, by default results/benchmarks: questions, seconds and
queries/s, and the largest difference of a margin between the two ways.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from causal_tasks.items import Item
from causal_tasks.suites import build
from models.answerer import Answerer
from models.loading import load_answerer
from records.command_line import read_settings, whole, write_report
from records.provenance import provenance
from scoring.scorer import score, tokens_at_once

CONF = Path(__file__).parents[1] / "conf"
QUESTIONS = (1, 4, 12)
NAME = "questions_per_graph"
DEFAULTS = {"model": "smollm2_135m", "graphs": "48", "repetitions": "2", "out": "results/benchmarks"}


def separate(items: Sequence[Item]) -> list[Item]:
    """The same questions, each an item of its own."""
    return [replace(item, id=q.id, questions=(q,)) for item in items for q in item.questions]


def compare(answerer: Answerer, task: str, questions: int, graphs: int, repetitions: int, token_budget: int) -> dict:
    """Score `graphs` graphs with `questions` questions each, packed and as separate prompts.

    Returns a row: task, questions_per_graph, graphs, questions (asked in all; a graph may allow fewer than K), and for
    either way the seconds and queries per second; speedup; largest_margin_difference.
    """
    items = build(task, "corrected", "in_distribution", graphs * questions, 0, questions)
    ways = {"packed": items, "separate": separate(items)}
    margins, seconds = {}, {}
    for way, asked in ways.items():
        times = []
        for _ in range(repetitions):
            started = time.perf_counter()
            margins[way] = score(answerer, asked, token_budget)
            times.append(time.perf_counter() - started)
        seconds[way] = min(times)
    count = len(margins["packed"])
    row = {"task": task, "questions_per_graph": questions, "graphs": len(items), "questions": count}
    row |= {f"{way}_seconds": seconds[way] for way in ways}
    row |= {f"{way}_queries_per_second": count / seconds[way] for way in ways}
    row["speedup"] = seconds["separate"] / seconds["packed"]
    row["largest_margin_difference"] = float(np.abs(margins["packed"] - margins["separate"]).max())
    return row


def benchmark(model: str, graphs: int, repetitions: int) -> dict:
    """Every row for one model config, with what it was measured on."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg: DictConfig = compose("evaluate", overrides=[f"model={model}"])
    answerer, loaded = load_answerer(cfg.model)
    budget = tokens_at_once(answerer, cfg.evaluation.token_budget)
    compare(answerer, "transitivity", 1, 2, 1, budget)  # the first pass of a process is slower
    rows = [
        compare(answerer, task, questions, graphs, repetitions, budget)
        for task in ("transitivity", "dseparation")
        for questions in QUESTIONS
    ]
    measured_on = {"threads": torch.get_num_threads(), "token_budget": budget}
    return {"model": model, "loaded": loaded, "rows": rows, **measured_on, "provenance": provenance()}


def markdown(result: dict) -> str:
    """The rows as a table, with what they were measured on."""
    lines = [
        "# Several questions on one graph: packed against separate prompts",
        "",
        "| task | K | questions | packed, queries/s | separate, queries/s | speed-up | largest margin difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        speeds = f"{row['packed_queries_per_second']:.1f} | {row['separate_queries_per_second']:.1f}"
        lines.append(
            f"| {row['task']} | {row['questions_per_graph']} | {row['questions']} | {speeds} | {row['speedup']:.1f} | "
            f"{row['largest_margin_difference']:.1e} |"
        )
    loaded = result["loaded"]
    lines += [
        "",
        f"`python -m benchmarks.{NAME} model={result['model']}`: {loaded['source']}, {loaded['precision']}, "
        f"{result['threads']} threads of {result['provenance']['machine']['processor']}, batches of {result['token_budget']} tokens. In bf16 a "
        "margin differs by rounding; in fp32 the two ways agree.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, DEFAULTS)
        graphs, repetitions = (whole(settings, key) for key in ("graphs", "repetitions"))
        if min(graphs, repetitions) < 1:
            raise ValueError("graphs= and repetitions= must be whole numbers from 1")
    except ValueError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    result = benchmark(settings["model"], graphs, repetitions)
    write_report(Path(settings["out"]) / NAME, result, markdown(result))
    print(markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
