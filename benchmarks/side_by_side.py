"""Trainings side by side, a process of one thread on each core, against one training that has all the cores.

    python -m benchmarks.side_by_side model=gemma3_270m                    5 pairs, about 3 minutes
    python -m benchmarks.side_by_side model=tiny pairs=2 processes=2 out=DIR

Optimisation steps on the product's path (benchmarks/training_cases.py), cross-entropy on the answer alone. All processes are loaded and
warm before the first pair; the side that is not measured waits. Writes side_by_side_MODEL.json and .md into out=, by default
results/benchmarks.
"""

import multiprocessing
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import torch

from benchmarks.measuring import command, comparison, comparison_table, configuration, measured_on, paired
from benchmarks.training_cases import CASES, ProductStep

NAME = "side_by_side"
DEFAULTS = {"model": "gemma3_270m", "pairs": "5", "processes": "2", "out": "results/benchmarks"}
CASE = "answer cross-entropy"


class Training:
    """A process of its own that takes one step whenever it is told to."""

    def __init__(self, model: str, threads: int, batches: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_train, args=(theirs, model, threads, batches), daemon=True)
        self.process.start()
        theirs.close()

    def answer(self):
        """What the process says next. Raises EOFError if it has died."""
        return self.pipe.recv()

    def stop(self) -> None:
        self.pipe.close()
        self.process.join()


def _train(pipe: Connection, model: str, threads: int, batches: int) -> None:
    """In the process: says what was loaded, then, for each number of a batch, how many questions it had and the seconds of its step."""
    torch.set_num_threads(threads)
    product = ProductStep(configuration(model, *CASES[CASE]), batches=batches)
    product.step(product.batches[0])
    pipe.send(product.loaded)
    while True:
        try:
            batch = product.batches[pipe.recv()]
        except EOFError:
            return
        started = time.perf_counter()
        product.step(batch)
        pipe.send((sum(len(example.item.questions) for example in batch), time.perf_counter() - started))


def rate(trainings: Sequence[Training], batch: int) -> float:
    """Questions a second of all together, each taking a step on the batch of that number, until the last is done."""
    for training in trainings:
        training.pipe.send(batch)
    questions, seconds = zip(*(training.answer() for training in trainings))
    return sum(questions) / max(seconds)


def measure(settings: dict) -> dict:
    number, batches = settings["processes"], settings["pairs"] + 1
    alone = [Training(settings["model"], number, batches)]
    side_by_side = [Training(settings["model"], 1, batches) for _ in range(number)]
    loaded, *_ = [training.answer() for training in alone + side_by_side]
    rates = paired(
        {"ours": lambda pair: rate(side_by_side, pair + 1), "one": lambda pair: rate(alone, pair + 1)},
        settings["pairs"],
    )
    for training in alone + side_by_side:
        training.stop()
    case = f"training, {CASE}, {number} trainings of 1 thread"
    row = comparison(case, "questions/s", rates["ours"], f"one training of {number} threads", rates["one"])
    return {"loaded": loaded, "rows": [row]}


def markdown(result: dict) -> str:
    return "\n".join(
        [f"# Side by side: {result['model']}", "", comparison_table(result["rows"]), "", measured_on(result), ""]
    )


def main(arguments: Sequence[str]) -> int:
    return command(NAME, arguments, DEFAULTS, ("pairs", "processes"), measure, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
