"""The released prompts, in a model's own chat template, as tokens."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from causal_tasks.questions import PROMPT
from input_output.errors import UserError

log = logging.getLogger(__name__)

PROMPTS = {
    # What all published numbers were measured with, and what three of the four models were trained with.
    "benchmark": PROMPT,
    # What the d-separation baseline alone was trained with (audit A12).
    "dseparation_released": "Given the following causal relationships:\n{premise}\n\nQuestion: {hypothesis}\n"
    "Answer with only 'Yes' or 'No' based on d-separation rules.",
}

# The turns of Gemma's own template, for weights that come without one.
GEMMA_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n'"
    " + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)

# What a template that writes today's date (Llama 3) writes instead: a prompt must not change overnight.
DATE = "26 Jul 2024"


class PromptError(UserError, ValueError):
    """The tokenizer's chat template cannot pose the question, or an answer is not one token."""


@dataclass(frozen=True)
class EncodedItem:
    """The prompts of one graph's K questions as a two-level tree of tokens.

    shared:   tokens that all K prompts begin with.
    branches: K lists, each the rest of one prompt; never empty. ``shared + branches[k]`` is exactly
              the tokenisation of prompt k on its own.
    """

    shared: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]

    @property
    def length(self) -> int:
        """Tokens that one packed row holds."""
        return len(self.shared) + sum(map(len, self.branches))

    @property
    def longest_prompt(self) -> int:
        """Tokens in the longest of the K prompts."""
        return len(self.shared) + max(map(len, self.branches))


class PromptFormat:
    """One user turn with the question, then the answer as the model's turn (the released protocol).

    prompt: one of PROMPTS.
    Attributes: ``yes`` and ``no``, the answers' token ids; ``ending``, the token ids that close the
    model's turn after the answer; ``header_length``, the number of tokens that open it.

    Raises PromptError if there is no chat template, or an answer is not a single token after it.
    """

    def __init__(self, tokenizer, prompt: str = "benchmark"):
        if tokenizer.chat_template is None:
            raise PromptError(
                f"{tokenizer.name_or_path}: the tokenizer has no chat template; use an instruction-tuned model"
            )
        if "strftime_now" in tokenizer.chat_template and "date_string" not in tokenizer.chat_template:
            log.warning(
                "%s: the chat template writes today's date and takes no other: tomorrow's prompts, and what they score, "
                "are not today's",
                tokenizer.name_or_path,
            )
        self.tokenizer = tokenizer
        self.instruction = PROMPTS[prompt]
        probe = self.instruction.format(premise="A causes B.", hypothesis="Does A cause B?")
        prompt = self._tokenize([self._render(probe)])[0]
        tokens = {}
        for answer in ("Yes", "No"):
            turns = [{"role": "user", "content": probe}, {"role": "assistant", "content": answer}]
            whole = self._tokenize([self._fill_in(turns)])[0]
            if whole[: len(prompt)] != prompt or len(whole) <= len(prompt):
                raise PromptError(
                    f"{tokenizer.name_or_path}: with the answer {answer!r} the chat template changes the prompt before it"
                )
            tokens[answer] = whole[len(prompt) :]
        if tokens["Yes"][1:] != tokens["No"][1:] or tokens["Yes"][0] == tokens["No"][0]:
            raise PromptError(
                f"{tokenizer.name_or_path}: 'Yes' and 'No' must each be one token of their own after the prompt; "
                f"the turns end in {tokens['Yes']} and {tokens['No']}"
            )
        self.yes, self.no = tokens["Yes"][0], tokens["No"][0]
        self.ending = tuple(tokens["Yes"][1:])
        question = self._tokenize([self._render(probe, answering=False)])[0]
        self.header_length = len(prompt) - common_prefix_length([prompt, question])
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id

    @property
    def turn_length(self) -> int:
        """Tokens in the answer turn: its header, the answer, and the token that closes it."""
        return self.header_length + 2

    def _render(self, content: str, answering: bool = True) -> str:
        return self._fill_in([{"role": "user", "content": content}], answering)

    def _fill_in(self, turns: list[dict[str, str]], answering: bool = False) -> str:
        # A template that knows thinking opens the answer as it shows one without a thought. Templates that know nothing of
        # thoughts or dates pass the words over.
        return self.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=answering, enable_thinking=False, date_string=DATE
        )

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        # The template writes the special tokens itself.
        return self.tokenizer(list(texts), add_special_tokens=False).input_ids

    def text(self, premise: str, hypothesis: str) -> str:
        """The whole prompt, up to where the model's answer begins."""
        return self._render(self.instruction.format(premise=premise, hypothesis=hypothesis))

    def encode(self, items: Sequence, answered: bool = False) -> list[EncodedItem]:
        """Tokenise the questions of each item.

        items: objects with ``premise`` and ``questions`` (each with ``hypothesis`` and ``label``).
        answered: append the true answer and the turn's ending to every branch, for losses that read
            the whole sequence.
        """
        texts = [self.text(item.premise, q.hypothesis) for item in items for q in item.questions]
        prompts = iter(self._tokenize(texts)) if texts else iter(())
        encoded = []
        for item in items:
            own = [next(prompts) for _ in item.questions]
            # The last prompt token stays in the branch: the answer is read there.
            cut = min(common_prefix_length(own), min(map(len, own)) - 1)
            tails = [p[cut:] for p in own]
            if answered:
                tails = [
                    tail + [self.yes if q.label else self.no, *self.ending] for tail, q in zip(tails, item.questions)
                ]
            encoded.append(EncodedItem(tuple(own[0][:cut]), tuple(map(tuple, tails))))
        return encoded


def common_prefix_length(sequences: Sequence[Sequence[int]]) -> int:
    """Number of leading elements that all the sequences share."""
    # The smallest and the largest in lexicographic order differ first where any two of them do.
    first, last = min(sequences), max(sequences)
    for i, (a, b) in enumerate(zip(first, last)):
        if a != b:
            return i
    return min(len(first), len(last))
