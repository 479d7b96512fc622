"""The ways in which a run may be scored: what is put on the base model, how it is asked, and what counts as Yes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

# adapter: base + adapter, the truth about training. merged_16bit: added to the base's weights in their precision.
# merged_4bit: that, rounded to nf4 again, as the published numbers were measured (audit A10). empty: the adapter was
# lost when it was saved, so that the untuned model is scored (audit A13).
WEIGHTS = ("adapter", "merged_16bit", "merged_4bit", "empty")
# logits: the larger of the logits of Yes and No where the answer begins. text: "Yes" anywhere in prompt and generated
# text, as one function of the release found it (audit A11).
VERDICTS = ("logits", "text")


@dataclass(frozen=True)
class Way:
    """weights: one of WEIGHTS. verdict: one of VERDICTS. prompt: one of ``models.prompts.PROMPTS``.

    without: faults of the data that the released suite was built without, comma between (causal_tasks/faults.py).
    """

    weights: str = "adapter"
    verdict: str = "logits"
    prompt: str = "benchmark"
    without: str = ""

    @property
    def needs_adapter(self) -> bool:
        """Whether it says something of an adapter, which an untrained model does not have."""
        return self.weights != "adapter"

    @classmethod
    def of(cls, suite, otherwise, prompt: str | None = None) -> "Way":
        """What a suite config says, and where it says nothing ``prompt`` and a node with the keys weights and verdict.

        In train.py the node's own prompt is that of training: suites are asked with the benchmark's all the same.
        """
        faults = suite.get("faults") if suite.get("protocol") == "released" else None
        return cls(
            suite.get("weights", otherwise.weights),
            suite.get("verdict", otherwise.verdict),
            suite.get("prompt") or prompt or cls.prompt,
            ",".join(name for name, on in (faults or {}).items() if not on),
        )

    @classmethod
    def recorded(cls, report: Mapping) -> "Way":
        """What a metrics.json says; the default where it says nothing, as files older than the choice."""
        return cls(**{name: report.get(name) or usual for name, usual in vars(cls()).items()})

    def folder(self, suite: str, step: int | None = None) -> str:
        """Name of the folder of a scored suite: the suite, and whatever is not the default.

        step: of the checkpoint that was scored, if the run was not finished.
        """
        unusual = [
            f"without_{own.replace(',', '+')}" if name == "without" else own
            for name, own in vars(self).items()
            if own != getattr(Way, name)
        ]
        return "-".join([suite, *unusual, *([] if step is None else [f"step{step}"])])

    def validation(self, step: int | None = None) -> str:
        """Name of the folder of the validation suite, scored of the same model in the same way: it alone tunes thresholds for it."""
        return replace(self, without="").folder("validation", step)
