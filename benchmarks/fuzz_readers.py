"""The readers that benchmarks/fuzz.py tries, each with a maker of broken inputs and the errors it documents."""

import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import open_dict
from omegaconf.errors import OmegaConfBaseException

from benchmarks.mutations import mutated_bytes, mutated_json, mutated_text
from causal_tasks.files import read_jsonl, write_jsonl
from causal_tasks.labels import check_labels
from causal_tasks.questions import ParseError, parse, parse_premise, parse_question, say_premise, say_question
from causal_tasks.suites import build
from input_output.errors import UserError
from input_output.reading import FileFormatError
from records.provenance import fingerprint
from reporting.report import build_tables
from reporting.results import load

ROOT = Path(__file__).parents[1]
OVERRIDES = (
    *("task=dseparation", "model=tiny", "loss=semantic", "loss=focal", "schedule=cosine", "scale=smoke"),
    *("experiment=transitivity_semantic", "faults=released", "protocol=released", "seed=3", "training.samples=100"),
    *("training.learning_rate=1e-3", "training.batch_size=8", "training.enabled=false", "data.yes_share=0.5"),
    *("task.questions_per_graph=4", "lora.target_modules=[q_proj]", "tracking.mode=offline", "verdict=text"),
    *("out=${variant}", "prompt=benchmark", "weights=merged_4bit", "+suite@suites.hidden=hidden", "~suites.published"),
)
SETTINGS = (
    *("0", "1", "-1", "2", "0.3", "1e400", "nan", "true", "null", "''", "[]", "[1,2]", "{}", "{a: 1}", "text", "../.."),
    *(
        "???",
        "${seed}",
        "${nothing}",
        "${out}",
        "${oc.env:HOME}",
        "${if:1}",
        "1,2",
        "choice(1,2)",
        "range(3)",
        "a b",
        "=",
    ),
)


@dataclass(frozen=True)
class Reader:
    """
    Args:
        share: of all inputs of a campaign.
        make: draws a broken input.
        read: True if it accepts the input; False, or one of the errors `documented`, if it refuses it.
    """

    name: str
    share: float
    make: Callable[[random.Random], object]
    read: Callable[[object], bool]
    documented: tuple[type[Exception], ...] = ()


def readers(folder: Path) -> list[Reader]:
    """All readers; files are written under `folder`."""
    texts = [(item.premise, item.questions[0].hypothesis) for item in _items()]
    premises, hypotheses = zip(*texts)
    refused = (ParseError,)
    return [
        Reader("premise", 0.33, lambda rng: mutated_text(rng, rng.choice(premises)), _premise, refused),
        Reader("hypothesis", 0.33, lambda rng: mutated_text(rng, rng.choice(hypotheses)), _hypothesis, refused),
        Reader("item", 0.16, lambda rng: _broken_item(rng, rng.choice(texts)), _item, refused),
        *_data_files(folder / "data", texts),
        *_results_files(folder / "results"),
        Reader("overrides", 0.002, _broken_overrides, _overrides, (UserError,)),
    ]


def _items() -> list:
    return [
        *build("transitivity", "corrected", "in_distribution", 20, 0),
        *build("dseparation", "corrected", "hidden", 20, 0),
        *build("transitivity", "released", "shuffled", 10, 0),
    ]


def _premise(text: str) -> bool:
    graph = parse_premise(text)
    if parse_premise(say_premise(graph)) != graph:
        raise AssertionError("what was read cannot be said and read again")
    return True


def _hypothesis(text: str) -> bool:
    question = parse_question(text)
    if parse_question(say_question(question)) != question:
        raise AssertionError("what was read cannot be said and read again")
    return True


def _broken_item(rng: random.Random, texts: tuple[str, str]) -> tuple[str, str]:
    broken = [mutated_text(rng, text) if rng.random() < 0.6 else text for text in texts]
    return tuple(broken)


def _item(texts: tuple[str, str]) -> bool:
    graph, question = parse(*texts)
    if not {question.source, question.target, *question.given} <= set(graph.nodes):
        raise AssertionError("asks about what is not in the graph")
    return True


def _data_files(folder: Path, texts: list[tuple[str, str]]) -> list[Reader]:
    """Files of questions in the three forms, each some lines long, changed as values or as bytes."""
    folder.mkdir()
    records = [{"premise": p, "hypothesis": h, "label": "Yes", "id": str(i)} for i, (p, h) in enumerate(texts)]
    pairs = [{"prompt": f"Premise: {p} Question: {h}", "completion": "No"} for p, h in texts if ". " in p]

    def some(rng: random.Random) -> list[dict]:
        first = rng.choice(records) | {"pair": "p1", "family": "edge_cut"}
        return [first, rng.choice(records) | {"id": rng.choice(("7", 7))}, rng.choice(pairs)]

    def lines(rng: random.Random) -> bytes:
        chosen = some(rng)
        broken = rng.randrange(len(chosen))
        written = [mutated_json(rng, one) if i == broken else json.dumps(one) for i, one in enumerate(chosen)]
        return "\n".join(written).encode("utf-8", "surrogatepass")

    def damaged(rng: random.Random) -> bytes:
        return mutated_bytes(rng, "\n".join(map(json.dumps, some(rng))).encode())

    def dictionary(rng: random.Random) -> bytes:
        one = {pair["prompt"]: pair["completion"] for pair in rng.sample(pairs, 2)}
        return mutated_json(rng, one).encode("utf-8", "surrogatepass")

    def read(name: str) -> Callable[[bytes], bool]:
        path = folder / name

        def read_file(content: bytes) -> bool:
            path.write_bytes(content)
            items = read_jsonl(path)
            asked = sum(len(item.questions) for item in items)
            fingerprint(items)
            if check_labels(items).questions != asked or write_jsonl(items, folder / "again.jsonl") != asked:
                raise AssertionError("what was read cannot be checked and written again")
            if [item.premise for item in read_jsonl(folder / "again.jsonl")] != [item.premise for item in items]:
                raise AssertionError("what was written again is not what was read")
            return True

        return read_file

    return [
        Reader("questions.jsonl, values", 0.07, lines, read("values.jsonl"), (FileFormatError,)),
        Reader("questions.jsonl, bytes", 0.05, damaged, read("bytes.jsonl"), (FileFormatError,)),
        Reader("questions.json", 0.02, dictionary, read("questions.json"), (FileFormatError,)),
    ]


def _results_files(folder: Path) -> list[Reader]:
    """The files of a small results folder, one broken at a time; a file that is refused is a problem that is listed."""
    files = _small_results(folder)
    found = []
    for name, path in files.items():
        content = path.read_bytes()
        # YAML can be changed as values, too: what JSON writes is YAML.
        value = json.loads(content) if path.suffix == ".json" else None
        value = yaml.safe_load(content) if path.suffix == ".yaml" else value

        def make(rng: random.Random, content=content, value=value) -> bytes:
            if value is not None and rng.random() < 0.7:
                return mutated_json(rng, value).encode("utf-8", "surrogatepass")
            return mutated_bytes(rng, content)

        def read(broken: bytes, path=path, content=content, tables=False) -> bool:
            path.write_bytes(broken)
            try:
                results = load(folder)
                if tables:
                    build_tables(results)
                return not results.problems
            finally:
                path.write_bytes(content)

        def read_to_tables(broken: bytes, read=read) -> bool:
            return read(broken, tables=True)

        found += [
            Reader(name, 0.004, make, read),
            Reader(f"{name}, to tables", 0.00015, make, read_to_tables),
        ]
    return found


def _small_results(folder: Path) -> dict[str, Path]:
    """Write a finished and an unfinished run, cut from a committed one; name -> path of their files."""
    committed = load(ROOT / "results")
    whole = next(run for run in committed.runs if run.log is not None and run.own_margins() is not None)
    run = folder / whole.folder.relative_to(committed.folder)
    evaluation = run / "evaluation" / "corrected"
    evaluation.mkdir(parents=True)
    for name in ("run.json", "config.yaml"):
        shutil.copy(whole.folder / name, run)
    (run / "training_log.jsonl").write_text(whole.log.head(6).to_json(orient="records", lines=True))
    metrics = json.loads((whole.folder / "evaluation/corrected/metrics.json").read_text())
    (evaluation / "metrics.json").write_text(json.dumps(metrics | {"rows": metrics["rows"][:2]}))
    whole.margins("corrected").groupby(["split", "label"]).head(2).to_parquet(evaluation / "margins.parquet")
    unfinished = run.with_name("seed999")
    unfinished.mkdir()
    config = (whole.folder / "config.yaml").read_text(encoding="utf-8")  # a copy of the seed would be left out
    (unfinished / "config.yaml").write_text(re.sub(r"(?m)^seed: \d+$", "seed: 999", config), encoding="utf-8")
    shutil.copy(run / "training_log.jsonl", unfinished)
    before = load(folder)
    if before.problems or len(before.runs) != 1 or len(before.unfinished) != 1:
        raise AssertionError(f"what is to be broken is not whole: {before.problems}")
    return {
        "run.json": run / "run.json",
        "metrics.json": evaluation / "metrics.json",
        "margins.parquet": evaluation / "margins.parquet",
        "training_log.jsonl": run / "training_log.jsonl",
        "config.yaml": run / "config.yaml",
        "config.yaml, unfinished": unfinished / "config.yaml",
    }


def _broken_overrides(rng: random.Random) -> list[str]:
    """One to three overrides, one of them with another value or changed as a text."""
    chosen = rng.sample(OVERRIDES, rng.randint(1, 3))
    broken = rng.randrange(len(chosen))
    key = chosen[broken].partition("=")[0]
    chosen[broken] = f"{key}={rng.choice(SETTINGS)}" if rng.random() < 0.5 else mutated_text(rng, chosen[broken])
    return chosen


def _overrides(overrides: list[str]) -> bool:
    """As train.py: training/start.py reports Hydra's errors and OmegaConf's, then the settings are checked."""
    from training.settings import check_settings
    from training.start import unnamed_option

    if unnamed_option(overrides):
        return False
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        try:
            cfg = compose("train", overrides=overrides, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException):
            return False
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    check_settings(cfg)
    return True
