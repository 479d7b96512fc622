"""Prompts as tokens: the released wording, single-token answers, shared beginnings."""

from types import SimpleNamespace

import pytest

from models.prompts import GEMMA_CHAT_TEMPLATE, PromptError, PromptFormat, common_prefix_length
from models.tiny import tiny_tokenizer


def item(premise, *hypotheses):
    return SimpleNamespace(
        premise=premise, questions=[SimpleNamespace(hypothesis=h, label=i % 2 == 0) for i, h in enumerate(hypotheses)]
    )


@pytest.fixture(scope="module")
def prompt_format():
    return PromptFormat(tiny_tokenizer())


def test_prompt_is_the_released_wording_in_one_user_turn(prompt_format):
    text = prompt_format.text("A causes B.", "Does A cause B?")
    assert text == (
        "<bos><start_of_turn>user\nGiven the following causal relationships:\nA causes B.\n\nDoes A cause B?\n"
        "Please answer with only 'Yes' or 'No'.<end_of_turn>\n<start_of_turn>model\n"
    )


def test_shared_part_and_branches_rebuild_each_prompt(prompt_format):
    asked = item(
        "Ab causes c1. c1 causes Q.", "Does Ab cause Q?", "Does Q cause Ab?", "Are Ab and Q d-separated given {c1}?"
    )
    encoded = prompt_format.encode([asked])[0]
    for branch, question in zip(encoded.branches, asked.questions):
        alone = prompt_format.tokenizer(
            prompt_format.text(asked.premise, question.hypothesis), add_special_tokens=False
        )
        assert list(encoded.shared + branch) == alone.input_ids
    assert len(encoded.shared) > 20, "the premise must be shared"


def test_one_question_keeps_its_last_token_in_the_branch(prompt_format):
    encoded = prompt_format.encode([item("A causes B.", "Does A cause B?")])[0]
    assert len(encoded.branches[0]) == 1


def test_identical_questions_still_have_branches(prompt_format):
    encoded = prompt_format.encode([item("A causes B.", "Does A cause B?", "Does A cause B?")])[0]
    assert [len(branch) for branch in encoded.branches] == [1, 1]


def test_answered_branches_end_with_the_label_and_the_turn(prompt_format):
    encoded = prompt_format.encode([item("A causes B.", "Does A cause B?", "Does B cause A?")], answered=True)[0]
    ending = prompt_format.ending
    assert encoded.branches[0][-1 - len(ending)] == prompt_format.yes
    assert encoded.branches[1][-1 - len(ending)] == prompt_format.no
    assert prompt_format.tokenizer.decode(list(ending)) == "<end_of_turn>\n"


def test_a_tokenizer_without_template_is_refused():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(PromptError, match="no chat template"):
        PromptFormat(tokenizer)


def test_an_answer_of_two_tokens_is_refused():
    tokenizer = tiny_tokenizer()
    # Lower-casing the answer leaves no single token for it.
    tokenizer.chat_template = tokenizer.chat_template.replace("message['content'] | trim", "message['content'] | lower")
    with pytest.raises(PromptError, match="one token"):
        PromptFormat(tokenizer)


THINKING = (
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{{ message['content'] + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>assistant\\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{% endif %}"
)


def test_a_model_that_can_think_is_asked_for_the_answer_alone(prompt_format):
    """As Qwen 3 does: a turn that is shown has an empty thought before its answer, and one to be written only if asked."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = THINKING
    found = PromptFormat(tokenizer)
    assert (found.yes, found.no, found.ending) == (prompt_format.yes, prompt_format.no, prompt_format.ending)
    assert found.text("A causes B.", "Does A cause B?").endswith("assistant\n<think>\n\n</think>\n\n")


def test_no_prompt_changes_overnight(caplog):
    """As Llama 3 does: today's date, unless another is given."""
    tokenizer = tiny_tokenizer()
    today = "{{ strftime_now('%d %b %Y') }}"
    tokenizer.chat_template = (
        "{% if date_string is not defined %}{% set date_string = " + today[3:-3] + " %}{% endif %}"
        "{{ date_string }}" + GEMMA_CHAT_TEMPLATE
    )
    assert PromptFormat(tokenizer).text("A causes B.", "Does A cause B?").startswith("26 Jul 2024")
    assert not caplog.messages
    tokenizer.chat_template = today + GEMMA_CHAT_TEMPLATE
    PromptFormat(tokenizer)
    (line,) = caplog.messages
    assert "today's date" in line


@pytest.mark.parametrize(
    ("sequences", "length"),
    [
        ([[1, 2, 3]], 3),
        ([[1, 2, 3], [1, 2, 4]], 2),
        ([[1, 2], [1, 2, 4]], 2),
        ([[2], [1]], 0),
        ([[1, 5], [1, 2], [1, 9]], 1),
    ],
)
def test_common_prefix_length(sequences, length):
    assert common_prefix_length(sequences) == length
