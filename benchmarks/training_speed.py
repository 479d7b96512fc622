"""Questions a second of a whole optimisation step, against the released way, and how near it is to the machine's peak.

    python -m benchmarks.training_speed model=gemma3_270m                  5 pairs of every case, about 4 minutes
    python -m benchmarks.training_speed model=tiny pairs=2 size=64 rows=2 width=32 out=DIR

A step is collating, forward, loss, backward, clipping and AdamW, on the product's path (benchmarks/training_cases.py) in
the model's own precision. The released way (benchmarks/released_way.py) takes the same examples one at a time in fp32; of
every batch it takes `examples` graphs, and their time is scaled to the batch; clipping and AdamW are added once.
The share of the peak is the work of benchmarks/work.py over the fastest of square products of `size`, half and a quarter of it in the same run. Memory is
that of benchmarks/step_memory.py. Writes training_speed_MODEL.json and .md into out=, by default results/benchmarks.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.measuring import CONF, command, comparison, comparison_table, configuration, measured_on, paired
from benchmarks.released_way import ReleasedWay
from benchmarks.training_cases import CASES, Optimisation, ProductStep
from benchmarks.work import layers_peak, peak, tokens_in, training_operations

NAME = "training_speed"
DEFAULTS = {
    "model": "gemma3_270m",
    "pairs": "5",
    "examples": "2",
    "size": "4096",
    "rows": "64",
    "width": "128",
    "out": "results/benchmarks",
}
PEER = "released way, fp32"


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(model: str, case: str, pairs: int, examples: int, peaks: dict[str, float], size: int) -> dict:
    """The row of one case. peaks: operations a second by precision, filled in as it becomes known which one is needed."""
    cfg = configuration(model, *CASES[case])
    product = ProductStep(cfg, batches=pairs + 1)
    reference = ReleasedWay.load(cfg.model, cfg.lora)
    optimisation = Optimisation(reference.language_model, cfg.training)
    warm_up, *batches = product.batches
    precision = product.loaded["precision"]
    peaks.setdefault(precision, peak(precision, size))

    def ours(pair: int) -> float:
        return _questions(batches[pair]) / seconds(lambda: product.step(batches[pair]))

    def released(pair: int) -> float:
        graphs = batches[pair][:examples]
        items = [example.item for example in graphs]
        reading = seconds(lambda: reference.accumulate(items, product.target, product.weight))
        reading *= _questions(batches[pair]) / _questions(graphs)
        return _questions(batches[pair]) / (reading + seconds(optimisation.step))

    product.step(warm_up)
    reference.accumulate([warm_up[0].item], product.target, product.weight)
    optimisation.step()
    rates = paired({"ours": ours, "released": released}, pairs)
    collated = [product.collate(batch)[1] for batch in batches]
    operations = [training_operations(product.answerer, batch, product.loss.text) for batch in collated]
    reached = [
        count * rate / _questions(batch) for count, rate, batch in zip(operations, rates["ours"], batches, strict=True)
    ]
    done = statistics.median(reached)
    row = comparison(
        f"training, {case}", "questions/s", rates["ours"], PEER, rates["released"], done / peaks[precision]
    )
    tokens = round(statistics.median(map(tokens_in, collated)))
    return row | {
        "batch": len(warm_up),
        "precision": precision,
        "questions_a_batch": statistics.median(map(_questions, batches)),
        "tokens_a_batch": tokens,
        "operations_a_second": done,
        "peak_of_the_layers": layers_peak(product.answerer, tokens, precision),
        "loaded": product.loaded,
    }


def _questions(examples: Sequence) -> int:
    return sum(len(example.item.questions) for example in examples)


def step_memory(model: str, rows: int, width: int) -> dict:
    asked = [sys.executable, "-m", "benchmarks.step_memory", f"model={model}", f"rows={rows}", f"width={width}"]
    done = subprocess.run(asked, cwd=CONF.parent, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(settings: dict) -> dict:
    memory = step_memory(settings["model"], settings["rows"], settings["width"])  # first, while there is most memory
    peaks: dict[str, float] = {}
    asked = settings["pairs"], settings["examples"], peaks, settings["size"]
    rows = [compare(settings["model"], case, *asked) for case in CASES]
    peaks.setdefault("fp32", peak("fp32", settings["size"]))
    return {"loaded": rows[0]["loaded"], "rows": rows, "peaks": peaks, "memory": memory}


def markdown(result: dict) -> str:
    memory, gib = result["memory"], 2**30
    peaks = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {precision}" for precision, value in result["peaks"].items())
    lines = [f"# Training: {result['model']}", "", comparison_table(result["rows"]), ""]
    size = result["settings"]["size"]
    lines += [
        f"Peak, the fastest of products of square matrices of {size}, {size // 2} and {size // 4}: {peaks}. The decoder's own products, nothing in between:",
        "",
    ]
    lines.append(
        "| case | graphs | questions | precision | tokens | done, GFLOP/s | layers alone, GFLOP/s | share of that |"
    )
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in result["rows"]:
        done, layers = row["operations_a_second"], row["peak_of_the_layers"]
        case = row["case"].removeprefix("training, ")
        batch = f"{row['batch']} | {row['questions_a_batch']:g} | {row['precision']}"
        shown = f"{row['tokens_a_batch']} | {done / 1e9:.0f} | {layers / 1e9:.0f} | {done / layers:.0%}"
        lines.append(f"| {case} | {batch} | {shown} |")
    lines += [
        "",
        f"A step on {memory['rows']} whole texts of {memory['width']} tokens holds {memory['step'] / gib:.2f} GiB beyond the model at "
        f"its peak; head and loss alone hold {memory['head'] / gib:.2f} GiB, where the logits in fp32 would take "
        f"{memory['plain_logits'] / gib:.1f}.",
        "",
        measured_on(result),
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    return command(NAME, arguments, DEFAULTS, ("pairs", "examples", "size", "rows", "width"), measure, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
