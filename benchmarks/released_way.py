"""The released way, written from its description: one example at a time, in fp32, with the logits of every position over
the whole vocabulary. The reference for what the product's path computes, and for how fast it is.

    python -m benchmarks.released_way model=gemma3_270m            32 verdicts, gradients of a batch of 4
    python -m benchmarks.released_way model=tiny out=DIR

Compares, in fp32: the verdicts, and the gradients of the adapters for every case of benchmarks/training_cases.py (dropout 0:
the two ways draw different masks). Torch's fp32 sums over a vocabulary of 262,144 are themselves off by some 1e-5, so the gradients
are also held against the reference with its head and softmax in fp64. Writes released_way_MODEL.json and .md into out=, by default results/benchmarks.
"""

import sys
from collections.abc import Sequence

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from benchmarks.measuring import command, configuration, measured_on
from benchmarks.training_cases import CASES, ProductStep
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.suites import build
from models.loading import load_answerer
from models.prompts import PromptFormat
from scoring.scorer import score

NAME = "released_way"
DEFAULTS = {"model": "gemma3_270m", "n": "32", "batch": "4", "out": "results/benchmarks"}
# So that the gradient of the other half of an adapter is not zero, as it is where training begins.
_ADAPTER_SIZE = 0.02


class ReleasedWay:
    """A plain causal language model that is asked, and trained, one example at a time.

    language_model: transformers' own, or peft's around it. prompt_format: its prompt.
    """

    def __init__(self, language_model: nn.Module, prompt_format: PromptFormat):
        self.language_model = language_model
        self.prompt_format = prompt_format

    @classmethod
    def load(cls, model: DictConfig, lora: DictConfig | None = None) -> "ReleasedWay":
        """In fp32, whatever the config says. lora: the config node; adds peft's adapters, with its own dropout, for training."""
        answerer, _ = load_answerer(OmegaConf.merge(model, {"precision": "fp32"}))
        language_model = answerer.language_model
        if lora is not None:
            adapters = LoraConfig(
                r=lora.rank,
                lora_alpha=lora.alpha,
                lora_dropout=lora.dropout,
                target_modules=list(lora.target_modules),
                task_type="CAUSAL_LM",
            )
            language_model = get_peft_model(language_model, adapters).train()
        return cls(language_model, answerer.prompt_format)

    @torch.inference_mode()
    def margin(self, item: Item, question: LabelledQuestion) -> float:
        """logit(Yes) - logit(No) of the next token."""
        logits = self.language_model(input_ids=self._prompt(item, question)[None]).logits[0, -1].float()
        return float(logits[self.prompt_format.yes] - logits[self.prompt_format.no])

    def margins(self, items: Sequence[Item]) -> np.ndarray:
        """float32 [questions]."""
        return np.array([self.margin(item, q) for item in items for q in item.questions], dtype=np.float32)

    def accumulate(self, items: Sequence[Item], target: str, weight: float = 0.0) -> float:
        """Add the gradients of a batch's mean loss, one question at a time; returns the loss.

        target: what the cross-entropy covers: answer | sequence | turn | released (losses/cross_entropy.py).
        weight: of the semantic term, -log p(the labelled answer).
        """
        asked = [(item, question) for item in items for question in item.questions]
        covered = sum(len(self._covered(*self._text(*one), target)[1]) for one in asked)
        whole = 0.0
        for item, question in asked:
            tokens, start = self._text(item, question)
            logits = self.language_model(input_ids=tokens[None]).logits
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            outputs, targets = self._covered(tokens, start, target)
            loss = cross_entropy(logits[0, outputs], targets, reduction="sum") / covered
            if weight:
                loss = loss + weight * cross_entropy(logits[0, start - 1], tokens[start]) / len(asked)
            loss.backward()
            whole += float(loss.detach())
        return whole

    def exact(self) -> "ReleasedWay":
        """From now on with the head, and so the softmax over the vocabulary, in fp64."""
        head = self.language_model.get_output_embeddings()
        head.forward = lambda hidden: linear(hidden.double(), head.weight.double())
        return self

    def _covered(self, tokens: Tensor, start: int, target: str) -> tuple[Tensor, Tensor]:
        """Positions of the logits that the cross-entropy reads, and the tokens that it holds against them, [N] each."""
        positions = torch.arange(len(tokens))
        if target == "answer":
            predicted = positions[start : start + 1]
        elif target == "sequence":
            predicted = positions[1:]
        else:  # the answer turn: its header, the answer, the token that closes it
            predicted = positions[start - self.prompt_format.header_length : start + 2]
        return predicted if target == "released" else predicted - 1, tokens[predicted]

    def _prompt(self, item: Item, question: LabelledQuestion) -> Tensor:
        text = self.prompt_format.text(item.premise, question.hypothesis)
        return torch.tensor(self.prompt_format.tokenizer(text, add_special_tokens=False).input_ids)

    def _text(self, item: Item, question: LabelledQuestion) -> tuple[Tensor, int]:
        """The tokens of prompt, answer and end of turn, and the place of the answer."""
        prompt = self._prompt(item, question)
        answer = self.prompt_format.yes if question.label else self.prompt_format.no
        return torch.cat([prompt, torch.tensor([answer, *self.prompt_format.ending])]), len(prompt)


def gradient_differences(model: str, case: str, batch: int) -> dict:
    """Both ways' gradients of one batch with the same adapters, in fp32 without dropout.

    batch: graphs. Returns a row: case; loss_difference, relative; largest, over the adapters' matrices, and whole, over
    all of them together: the size of the gradients' difference over that of the reference's gradient; largest_exact and
    whole_exact: the same with the reference's head and softmax in fp64.
    """
    overrides = ("model.precision=fp32", "lora.dropout=0.0", f"training.batch_size={batch}")
    cfg = configuration(model, *CASES[case], *overrides)
    product = ProductStep(cfg, batches=1)
    reference = ReleasedWay.load(cfg.model, cfg.lora)
    same_adapters(product.answerer.language_model, reference.language_model)
    ours = product.accumulate(product.batches[0])
    found = _gradients(product.answerer.language_model)
    items = [example.item for example in product.batches[0]]
    row = {"case": case}
    for name, way in (("", lambda: reference), ("_exact", reference.exact)):
        reference.language_model.zero_grad()
        theirs = way().accumulate(items, product.target, product.weight)
        expected = _gradients(reference.language_model)
        sizes = {matrix: float(gradient.norm()) for matrix, gradient in expected.items()}
        differences = {matrix: float((found[matrix] - gradient).norm()) for matrix, gradient in expected.items()}
        row |= {
            f"loss_difference{name}": abs(ours - theirs) / abs(theirs),
            f"largest{name}": max(differences[matrix] / sizes[matrix] for matrix in sizes),
            f"whole{name}": float(np.linalg.norm(list(differences.values())) / np.linalg.norm(list(sizes.values()))),
        }
    return row


def same_adapters(ours: PeftModel, theirs: PeftModel) -> None:
    """Random adapters, the same ones in both."""
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(weight.shape, generator=generator) * _ADAPTER_SIZE
        for name, weight in get_peft_model_state_dict(ours).items()
    }
    for model in (ours, theirs):
        set_peft_model_state_dict(model, weights)


def _gradients(language_model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.float() for name, p in language_model.named_parameters() if p.requires_grad}


def verdicts(model: str, n: int) -> dict:
    """Both ways on n questions of either task in fp32: questions, those answered alike, the largest margin difference."""
    cfg = configuration(model, "model.precision=fp32", script="evaluate")
    items = [
        item for task in ("transitivity", "dseparation") for item in build(task, "corrected", "in_distribution", n, 0)
    ]
    answerer, loaded = load_answerer(cfg.model)
    ours = score(answerer, items, cfg.evaluation.token_budget)
    theirs = ReleasedWay(answerer.language_model, answerer.prompt_format).margins(items)
    return {
        "loaded": loaded,
        "questions": len(ours),
        "verdicts_that_agree": int(((ours >= 0) == (theirs >= 0)).sum()),
        "largest_margin_difference": float(np.abs(ours - theirs).max()),
    }


def measure(settings: dict) -> dict:
    found = verdicts(settings["model"], settings["n"])
    return found | {"rows": [gradient_differences(settings["model"], case, settings["batch"]) for case in CASES]}


def markdown(result: dict) -> str:
    lines = ["# The product's path and the released way, both in fp32", ""]
    lines.append(
        f"{result['verdicts_that_agree']} of {result['questions']} verdicts agree; the largest difference of a margin is "
        f"{result['largest_margin_difference']:.1e}."
    )
    lines += [
        "",
        "| gradients | loss | largest matrix | all together | head and softmax in fp64: loss | largest matrix | all together |",
    ]
    lines.append("|---" * 7 + "|")
    columns = [f"{name}{end}" for end in ("", "_exact") for name in ("loss_difference", "largest", "whole")]
    lines += [f"| {row['case']} | {' | '.join(f'{row[name]:.1e}' for name in columns)} |" for row in result["rows"]]
    lines += [
        "",
        "Differences are relative; lambda as half-way through training. In the last three columns the released way has its "
        "head and its softmax over the vocabulary in fp64: in fp32 torch's sums over so many words are less exact than ours.",
    ]
    return "\n".join([*lines, "", measured_on(result), ""])


def main(arguments: Sequence[str]) -> int:
    return command(NAME, arguments, DEFAULTS, ("n", "batch"), measure, markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
