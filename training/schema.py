"""What train.yaml and evaluate.yaml may hold: every key, its type and its range. Keys that are not here are refused.

`loss` and `schedule` are the exception: their keys are the arguments of the class that `_target_` names.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from causal_tasks.evaluation_graphs import OWN
from causal_tasks.faults import NAMES, OF_DATA, OF_SCORING
from causal_tasks.questions import TASKS
from causal_tasks.spec import PROTOCOLS
from models.prompts import PROMPTS
from records.tracking import MODES
from scoring.ways import VERDICTS, WEIGHTS


def number(kind: type, low: float, high: float):
    """An int or a float (which may be written as a whole number) within [low, high]."""
    return Annotated[kind, Field(ge=low, le=high)]


Seed = number(int, 0, 2**31 - 1)
Count = number(int, 1, 10**8)
Share = number(float, 0.001, 0.999)
Task, Protocol = Literal[TASKS], Literal[PROTOCOLS]
Weights, Verdict, Prompt = Literal[WEIGHTS], Literal[VERDICTS], Literal[tuple(PROMPTS)]
Questions = Literal["sampled", "families"]
QuestionsPerGraph = number(int, 1, 64)


class Node(BaseModel):
    """Closed, and strict: `no` is not false, 2.5 is not a whole number, true is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TaskNode(Node):
    name: Task
    questions_per_graph: QuestionsPerGraph
    questions: Questions


class WheelPart(Node):
    package: str
    sha256: str


class Wheel(Node):
    parts: list[WheelPart]
    sha256: str
    unpacked_mib: Count
    install: str


class Model(Node):
    name: str
    name_or_path: str | None
    wheel: Wheel | None
    terms: str | None
    revision: str | None
    random_architecture: bool
    device: Literal["auto", "cuda", "cpu"]
    precision: Literal["auto", "bf16", "fp32"]
    attention: Literal["auto", "eager", "sdpa"]
    quantization: Literal["none", "nf4", "4bit"]
    short_learning_rate: number(float, 1e-9, 1.0)


class Graphs(Node):
    """Of a split of one's own: the arguments of the class that `kind` names (causal_tasks/evaluation_graphs.py)."""

    kind: Literal[tuple(OWN)]
    shortest: Count
    longest: Count
    flips: list[number(float, 0, 1)] | None = None
    told: Literal["forward", "backward"] | None = None
    shuffled: bool | None = None
    dense: number(float, 0, 1) | None = None
    hidden: list[number(int, 0, 100)] | None = None


class Suite(Node):
    """A file (`path`) or generated splits, and what is scored in another way than `evaluate.yaml` says."""

    name: str
    path: str | None = None
    protocol: Protocol | None = None
    splits: dict[Task, list[str]] | None = None
    graphs: dict[str, Graphs] | None = None
    questions: Questions = "sampled"
    questions_per_graph: QuestionsPerGraph = 1
    samples: Count = 1
    seed: Seed = 0
    faults: dict[Literal[OF_DATA], bool] | None = None
    weights: Weights | None = None
    verdict: Verdict | None = None
    prompt: Prompt | None = None


class Data(Node):
    path: str | None
    wrong_labels: Literal["keep"] | None
    sampler: Literal["shuffled", "balanced"]
    unlabelled_fraction: number(float, 0.0, 0.999)
    yes_share: Share | None


class Lora(Node):
    rank: number(int, 1, 1024)
    alpha: number(float, 0.001, 4096)
    dropout: number(float, 0.0, 0.999)
    target_modules: Annotated[list[str], Field(min_length=1)]


class Training(Node):
    enabled: bool
    samples: Count
    epochs: number(int, 1, 1000)
    batch_size: number(int, 1, 10**5)
    accumulation: number(int, 1, 10**4)
    learning_rate: number(float, 1e-9, 1.0)
    learning_rate_schedule: Literal["cosine", "linear", "constant", "constant_with_warmup"]
    warmup_steps: number(float, 0, 10**7)
    weight_decay: number(float, 0.0, 1.0)
    max_gradient_norm: number(float, 1e-6, 1e6)
    log_every: Count
    checkpoint_every: Count


class Probe(Node):
    samples: number(int, 2, 10**6)
    every: Count


class Evaluation(Node):
    token_budget: Count | None
    resamples: number(int, 0, 10**6)
    yardstick_questions: number(int, 0, 10**7)
    prior: Share | None = None


class Tracking(Node):
    mode: Literal[MODES]
    project: str
    entity: str | None
    group: str


class Script(Node):
    """What both configs hold."""

    # Faults first: other keys are derived from them.
    faults: dict[str, bool]
    model: Model
    prompt: Prompt
    weights: Weights
    verdict: Verdict
    evaluation: Evaluation
    tracking: Tracking


class Train(Script):
    faults: dict[Literal[NAMES], bool]
    task: TaskNode
    loss: dict
    schedule: dict
    suites: dict[str, Suite]
    scale: str
    variant: str
    protocol: Protocol
    seed: Seed
    results: str
    out: str
    resume: bool
    data: Data
    lora: Lora
    training: Training
    probe: Probe
    # What some experiments and grids add for others to refer to.
    grid: str | None = None
    ablation: dict | None = None
    released_class_weights: dict | None = None


class Evaluate(Script):
    faults: dict[Literal[OF_SCORING], bool]
    prompt: Prompt | None
    run: str | None
    suite: Suite
    results: str
    out: str | None
    overwrite: bool
    verify: str | None
    checkpoint: number(int, 0, 10**9) | None
    show: Literal["answers", "errors"] | None
