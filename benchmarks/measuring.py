"""What the benchmarks share: a model's config, ways measured in turn, rows that compare them, and their command line.

Every comparison is a ratio of two ways in one run on one machine. Other load comes and goes, so both are measured in turn,
a pair at a time, and a row gives medians with the least and the most.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from input_output.errors import SettingsError
from records.reports import report_command
from training.settings import composed

CONF = Path(__file__).parents[1] / "conf"


def configuration(model: str, *overrides: str, script: str = "train") -> DictConfig:
    """The config of a script with one of conf/model/, on the CPU, as the peers are asked and the peak is measured. The base is
    dense: a peer reads the same folder of weights, and nf4 (model.quantization) would change its numbers but not what they
    cost.

    Raises:
        SettingsError: there is no such model.
    """
    known = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    if model not in known:
        raise SettingsError(f"model= is one of {', '.join(known)}, not {model!r}")
    fixed = [f"model={model}", "model.quantization=none", "model.device=cpu"]
    return composed(script, [*overrides, *fixed])


def paired(ways: Mapping[str, Callable[[int], float]], pairs: int) -> dict[str, list[float]]:
    """Call every way once a pair, in turn forwards and backwards, with the number of the pair; what each returned."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for pair in range(pairs):
        for way in list(ways) if pair % 2 == 0 else reversed(ways):
            found[way].append(ways[way](pair))
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def comparison(
    case: str, unit: str, ours: Sequence[float], peer: str, theirs: Sequence[float], share_of_peak: float | None = None
) -> dict:
    """A row: rates in `unit` of both, pair by pair, their spreads and that of their ratio (ours / theirs).

    share_of_peak: work done a second over the machine's measured peak, in [0, 1]; None where it was not counted.
    """
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return {
        "case": case,
        "unit": unit,
        "ours": spread(ours),
        "peer": peer,
        "theirs": spread(theirs),
        "ratio": spread(ratios),
        "pairs": len(ratios),
        "share_of_peak": share_of_peak,
    }


def comparison_table(rows: Sequence[dict]) -> str:
    """The rows of ``comparison`` as a markdown table."""
    lines = ["| what | ours | peer | theirs | ratio | share of the peak |", "|---|---|---|---|---|---|"]
    for row in rows:
        share = "–" if row["share_of_peak"] is None else f"{row['share_of_peak']:.0%}"
        lines.append(
            f"| {row['case']} | {_words(row['ours'])} {row['unit']} | {row['peer']} | {_words(row['theirs'])} | "
            f"{_words(row['ratio'])} | {share} |"
        )
    lines += ["", "Medians of the pairs, with the least and the most in brackets; of the ratio, too."]
    return "\n".join(lines)


def _words(found: Mapping[str, float]) -> str:
    return f"{found['median']:.3g} [{found['least']:.3g}, {found['most']:.3g}]"


def measured_on(result: Mapping) -> str:
    """A line below a table: command, weights, processor."""
    machine = result["provenance"]["machine"]
    return (
        f"`{result['provenance']['command']}`: {result['loaded']['source']}, {result['threads']} threads of "
        f"{machine['processor']} ({machine['cores']} cores), torch {result['provenance']['versions']['torch']}."
    )


def command(
    name: str,
    arguments: Sequence[str],
    defaults: Mapping[str, str],
    numbers: Sequence[str],
    measure: Callable[[dict], dict | None],
    markdown: Callable[[dict], str],
) -> int:
    """What `python -m benchmarks.NAME` does with one model: measure, write OUT/NAME_MODEL.json and .md, print; the exit status.

    numbers: settings that are whole numbers from 1. measure: settings → result, which has `loaded` and `rows`;
    None if it was skipped: nothing is written then.
    """

    def of_model(settings: dict) -> dict | None:
        configuration(settings["model"])  # an unknown one is refused before any work
        result = measure(settings)
        return result and {"model": settings["model"], **result, "threads": torch.get_num_threads()}

    of = {"numbers": dict.fromkeys(numbers, 1), "file": f"{name}_{{model}}"}
    return report_command(f"benchmarks.{name}", arguments, defaults, of_model, markdown, **of)
