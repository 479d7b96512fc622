"""Questions a second of scoring, against the released way, EleutherAI's lm-evaluation-harness, and prompts that share nothing.

    python -m benchmarks.scoring_speed model=gemma3_270m lm_eval=PROGRAM           256 prompts of 85 to 95 tokens
    python -m benchmarks.scoring_speed model=tiny n=8 pairs=2 plain=2 graphs=2 harness=8 size=64 out=DIR

n prompts of `shortest` to `longest` tokens (corrected protocol, both tasks), scored as evaluate.py does in the model's own
precision: bf16 where the processor computes in it, and then half of them in fp32, too; elsewhere fp32 alone.
The released way (benchmarks/released_way.py) takes `plain` of them a pair, one at a time in fp32. The harness takes `harness`
of them in the same precision at the best of four batch sizes and, at that size, of two attentions, found on the same prompts, and only its
request loop is timed: without starting, loading and tokenising, which ours has in its time. Every time it is a new process, whose first
batch is slower; ours is warm. Packed: 1, 4 and 12 questions on each of `graphs` graphs that
allow twelve, in one pass, against a row of its own for every question, nothing shared. Verdicts: fp32 against the released
way's, bf16, where it is the model's own, against fp32. Writes scoring_speed_MODEL.json and .md into out=, by default results/benchmarks.
"""

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import command, comparison, comparison_table, configuration, measured_on, paired
from benchmarks.peers import ATTENTIONS, PeerError, ask_harness, find, harness_margins, weights_for_peers
from benchmarks.released_way import ReleasedWay
from benchmarks.work import peak, scoring_operations, tokens_in
from causal_tasks import suites
from causal_tasks.harness import task_name, write_harness_tasks
from causal_tasks.items import Item
from causal_tasks.spec import Spec
from input_output.errors import SettingsError
from models.answerer import Answerer
from models.loading import choose_precision, load_answerer
from models.packing import pack
from models.prompts import PromptFormat
from scoring.scorer import length_sorted_batches, score, tokens_at_once

NAME = "scoring_speed"
DEFAULTS = {
    "model": "gemma3_270m",
    "n": "256",
    "shortest": "85",
    "longest": "95",
    "pairs": "5",
    "plain": "16",
    "harness": "128",
    "graphs": "8",
    "size": "4096",
    "lm_eval": "",
    "out": "results/benchmarks",
}
SOURCES = (
    ("transitivity", "in_distribution"),
    ("transitivity", "length"),
    ("dseparation", "in_distribution"),
    ("dseparation", "branching"),
)
QUESTIONS = (1, 4, 12)
BATCH_SIZES = (4, 8, 16, 32)
_MOST_TRIED = 50  # questions looked at for each that is wanted
_PART = ("mixed", "corrected", "same_length")


def prompts_of_length(format_: PromptFormat, n: int, shortest: int, longest: int) -> list[Item]:
    """The first n questions of all SOURCES whose prompts have that many tokens.

    Raises:
        SettingsError: too few have.
    """
    found: list[Item] = []
    for index in range(_MOST_TRIED * n):
        items = [suites.item(Spec(task, "corrected", split, 1, 0), index) for task, split in SOURCES]
        found += [
            i for i, e in zip(items, format_.encode(items), strict=True) if shortest <= e.longest_prompt <= longest
        ]
        if len(found) >= n:
            return found[:n]
    raise SettingsError(f"shortest={shortest} longest={longest}: only {len(found)} of {n} prompts have so many tokens")


def graphs_with(task: str, questions: int, graphs: int) -> list[Item]:
    """The first graphs of the corrected training split that allow as many questions, half Yes and half No.

    Of training, because evaluation's questions are matched to each other, which leaves few on a graph.
    """
    spec = Spec(task, "corrected", "train", questions, 0, questions)
    drawn = (suites.item(spec, index) for index in count())
    return list(islice((item for item in drawn if len(item.questions) == questions), graphs))


def separate(items: Sequence[Item]) -> list[Item]:
    """The same questions, each an item of its own."""
    return [replace(item, id=q.id, questions=(q,)) for item in items for q in item.questions]


def rate(asked: Sequence[Item], margins: Callable[[Sequence[Item]], np.ndarray]) -> float:
    """Questions a second."""
    started = time.perf_counter()
    return len(margins(asked)) / (time.perf_counter() - started)


def sharing_nothing(answerer: Answerer, items: Sequence[Item], token_budget: int) -> np.ndarray:
    """Margins as the scorer's, one question a row, without the common prefix; in no particular order."""
    encoded = answerer.prompt_format.encode(separate(items))
    margins = []
    with torch.inference_mode():
        for indices in length_sorted_batches([one.length for one in encoded], token_budget):
            batch = pack([encoded[i] for i in indices], answerer.prompt_format.pad, fewest_saved=math.inf)
            margins.append(answerer.margins(batch.to(answerer.device)).flatten())
    return torch.cat(margins).cpu().numpy()


def share_of_peak(
    answerer: Answerer, items: Sequence[Item], token_budget: int, rates: Sequence[float], most: float
) -> float:
    """Work that the scorer's batches need, done at the median rate, over the peak."""
    encoded = answerer.prompt_format.encode(items)
    batches = length_sorted_batches([one.length for one in encoded], token_budget)
    tokens = sum(tokens_in(pack([encoded[i] for i in indices], answerer.prompt_format.pad)) for indices in batches)
    questions = sum(len(item.questions) for item in items)
    return scoring_operations(answerer, tokens, questions) * statistics.median(rates) / questions / most


class Scoring:
    """One model in its own precision and in fp32, and what is measured of it.

    own: the precision that evaluate.py would take here. precisions: that, and fp32.
    """

    def __init__(self, settings: dict):
        self.settings = settings
        self.pairs = settings["pairs"]
        self.answerers, self.loaded = {}, {}
        self.cfg = configuration(settings["model"], script="evaluate")
        self.own = choose_precision(self.cfg.model.precision, torch.device(self.cfg.model.device))
        self.precisions = tuple(dict.fromkeys((self.own, "fp32")))
        for precision in self.precisions:
            cfg = configuration(settings["model"], f"model.precision={precision}", script="evaluate")
            self.answerers[precision], self.loaded[precision] = load_answerer(cfg.model)
        self.budget = tokens_at_once(self.answerers["fp32"], self.cfg.evaluation.token_budget)
        self.released = ReleasedWay(self.answerers["fp32"].language_model, self.answerers["fp32"].prompt_format)
        lengths = settings["shortest"], settings["longest"]
        self.items = prompts_of_length(self.released.prompt_format, settings["n"], *lengths)
        self.peaks = {precision: peak(precision, settings["size"]) for precision in self.precisions}

    def margins(self, precision: str, items: Sequence[Item]) -> np.ndarray:
        return score(self.answerers[precision], items, self.budget)

    def against_released_way(self) -> tuple[list[dict], dict]:
        """A row for each precision, and what became of the verdicts."""
        plain = self.settings["plain"]
        few = [
            [self.items[i % len(self.items)] for i in range(pair * plain, (pair + 1) * plain)]
            for pair in range(self.pairs)
        ]
        margins = {precision: self.margins(precision, self.items) for precision in self.precisions}  # warms up, too
        self.released.margins(few[0][:1])
        found: list[np.ndarray] = []

        def released(asked: Sequence[Item]) -> np.ndarray:
            found.append(self.released.margins(asked))
            return found[-1]

        timed = {
            "fp32": self.items[: -(-len(self.items) // 2)],
            self.own: self.items,
        }  # fp32 takes twice as long as bf16
        ways = {p: lambda pair, p=p: rate(timed[p], lambda asked: self.margins(p, asked)) for p in self.precisions}
        rates = paired(ways | {"released": lambda pair: rate(few[pair], released)}, self.pairs)
        rows = [
            comparison(
                f"scoring, {precision}, {self.settings['shortest']} to {self.settings['longest']} tokens",
                "questions/s",
                rates[precision],
                "released way, fp32",
                rates["released"],
                share_of_peak(
                    self.answerers[precision], timed[precision], self.budget, rates[precision], self.peaks[precision]
                ),
            )
            for precision in self.precisions
        ]
        own = dict(zip([item.id for item in self.items], margins["fp32"], strict=True))
        asked = [item.id for part in few for item in part]
        verdicts = {"released": agreement([own[name] for name in asked], np.concatenate(found))}
        if self.own != "fp32":
            verdicts[self.own] = agreement(margins[self.own], margins["fp32"])
        return rows, verdicts

    def against_harness(self, program: Path) -> tuple[dict, dict]:
        """The row, and how far the harness's verdicts in fp32 are ours; both answer the first `harness` prompts."""
        items = self.items[: self.settings["harness"]]
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            weights = weights_for_peers(self.answerers["fp32"], self.cfg.model, folder / "weights")
            write_harness_tasks({_PART: items}, folder)
            by_itself, other = ATTENTIONS

            def asked_for(way: tuple[int, str], precision: str = self.own) -> tuple[str, float]:
                return ask_harness(program, weights, folder, precision, *way)

            sizes = [size for size in BATCH_SIZES if size <= len(items)]
            speeds = {(size, by_itself): asked_for((size, by_itself))[1] for size in sizes}
            fastest, _ = max(speeds, key=speeds.get)
            speeds[fastest, other] = asked_for((fastest, other))[1]
            best = max(speeds, key=speeds.get)
            ways = {
                "ours": lambda pair: rate(items, lambda asked: self.margins(self.own, asked)),
                "harness": lambda pair: asked_for(best)[1],
            }
            rates = paired(ways, self.pairs)
            version, _ = asked_for(best, "fp32")
            theirs = harness_margins(folder, task_name(*_PART))
        case = f"scoring, {self.own}, the first {len(items)} of them"
        peer = f"lm_eval {version}, {self.own}, batches of {best[0]}, {best[1]}"
        row = comparison(case, "questions/s", rates["ours"], peer, rates["harness"])
        asked = [question.id for item in items for question in item.questions]
        tried = {f"{size}, {attention}": speed for (size, attention), speed in speeds.items()}
        return row | {"tried": tried}, agreement(self.margins("fp32", items), [theirs[name] for name in asked])

    def packed(self, task: str, questions: int) -> dict:
        """K questions on a graph in one pass, against prompts that share nothing."""
        graphs = graphs_with(task, max(QUESTIONS), self.settings["graphs"])
        items = [replace(item, questions=item.questions[:questions]) for item in graphs]
        answerer = self.answerers[self.own]
        ways = {
            "packed": lambda pair: rate(items, lambda asked: self.margins(self.own, asked)),
            "nothing": lambda pair: rate(items, lambda asked: sharing_nothing(answerer, asked, self.budget)),
        }
        paired(ways, 1)
        rates = paired(ways, self.pairs)
        share = share_of_peak(answerer, items, self.budget, rates["packed"], self.peaks[self.own])
        name = f"scoring, {task}, K = {questions} on each of {len(items)} graphs"
        peer = f"prompts that share nothing, {self.own}"
        return comparison(name, "questions/s", rates["packed"], peer, rates["nothing"], share)


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> dict:
    """Questions, flips (verdicts that differ), the margins `theirs` at which they do, and the largest margin difference."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    flips = (ours >= 0) != (theirs >= 0)
    return {
        "questions": len(ours),
        "flips": int(flips.sum()),
        "margins_of_flips": [round(float(margin), 3) for margin in theirs[flips]],
        "largest_margin_difference": float(np.abs(ours - theirs).max()),
    }


def measure(settings: dict) -> dict:
    program = find("lm_eval", settings["lm_eval"], "lm_eval")
    scoring = Scoring(settings)
    rows, verdicts = scoring.against_released_way()
    packed = [scoring.packed(task, questions) for task in ("transitivity", "dseparation") for questions in QUESTIONS]
    without_harness = "The lm-evaluation-harness was not there: skipped."
    if program is not None:
        try:
            row, verdicts["harness"] = scoring.against_harness(program)
        except PeerError as error:  # what was measured until here is kept
            without_harness = f"Without the lm-evaluation-harness: {error}."
            print(without_harness, file=sys.stderr)
        else:
            rows.append(row)
            without_harness = None
    return {
        "loaded": scoring.loaded[scoring.own],
        "rows": rows + packed,
        "verdicts": verdicts,
        "peaks": scoring.peaks,
        "without_harness": without_harness,
    }


VERDICTS = {
    "released": "fp32 against the released way",
    "bf16": "bf16 against fp32",
    "harness": "fp32 against the harness in fp32",
}


def markdown(result: dict) -> str:
    lines = [f"# Scoring: {result['model']}", "", comparison_table(result["rows"]), ""]
    if result["without_harness"]:
        lines += [result["without_harness"], ""]
    lines += [
        "| verdicts | questions | flips | margins of the flips | largest margin difference |",
        "|---|---|---|---|---|",
    ]
    for name, found in result["verdicts"].items():
        margins = ", ".join(f"{margin:+.3f}" for margin in found["margins_of_flips"]) or "–"
        counts = f"{found['questions']} | {found['flips']}"
        lines.append(f"| {VERDICTS[name]} | {counts} | {margins} | {found['largest_margin_difference']:.1e} |")
    return "\n".join([*lines, "", measured_on(result), ""])


def main(arguments: Sequence[str]) -> int:
    numbers = ("n", "shortest", "longest", "pairs", "plain", "harness", "graphs", "size")
    return command(NAME, arguments, DEFAULTS, numbers, measure, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
