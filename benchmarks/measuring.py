"""What the benchmarks share: a model's config, ways measured in turn, rows that compare them, and their command line.

Every comparison is a ratio of two ways in one run on one machine. Other load comes and goes, so both are measured in turn,
a pair at a time, and a row gives medians with the least and the most.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from input_output.command_line import read_settings, whole, write_report
from models.errors import ModelError
from records.provenance import provenance

CONF = Path(__file__).parents[1] / "conf"
# Settings that name places on a machine: reports leave them out.
PLACES = ("out", "lm_eval", "trl")


def configuration(model: str, *overrides: str, script: str = "train") -> DictConfig:
    """The config of a script with one of conf/model/, on the CPU, as the peers are asked and the peak is measured. The base is
    dense: a peer reads the same folder of weights, and nf4 (model.quantization) would change its numbers but not what they
    cost.

    Raises:
        ValueError: there is no such model.
    """
    known = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    if model not in known:
        raise ValueError(f"model= is one of {', '.join(known)}, not {model!r}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        fixed = [f"model={model}", "model.quantization=none", "model.device=cpu"]
        return compose(script, overrides=[*overrides, *fixed])


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
    """What `python -m benchmarks.NAME` does: measure, write OUT/NAME_MODEL.json and .md, print; the exit status.

    numbers: settings that are whole numbers from 1. measure: settings → result, which has `loaded` and `rows`;
    None if it was skipped: nothing is written then.
    """
    try:
        settings = read_settings(arguments, defaults)
        settings |= {key: whole(settings, key) for key in numbers}
        if wrong := [key for key in numbers if settings[key] < 1]:
            raise ValueError(f"{wrong[0]}= is a whole number from 1")
        configuration(settings["model"])
        result = measure(settings)
    except (ValueError, ModelError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    if result is None:
        return 0
    shown = {key: value for key, value in settings.items() if key not in PLACES}
    asked = " ".join(f"{key}={value}" for key, value in shown.items() if key == "model" or str(value) != defaults[key])
    found = provenance() | {"command": f"python -m benchmarks.{name} {asked}"}
    result = {
        "model": settings["model"],
        "settings": shown,
        **result,
        "threads": torch.get_num_threads(),
        "provenance": found,
    }
    text = markdown(result)
    write_report(Path(settings["out"]) / f"{name}_{settings['model']}", result, text)
    print(text)
    return 0
