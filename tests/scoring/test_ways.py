"""The ways of scoring have names of their own, and the text rule finds its Yes in the prompt."""

from types import SimpleNamespace

import torch
from omegaconf import OmegaConf

from causal_tasks.suites import build
from models.loading import load_answerer
from scoring.text_rule import NEW_TOKENS, says_yes, score_by_text, texts
from scoring.ways import Way


def test_a_scored_suite_is_named_after_what_is_unusual():
    assert Way().folder("published") == "published"
    assert Way(weights="merged_4bit").folder("published") == "published-merged_4bit"
    assert (
        Way(verdict="text", prompt="dseparation_released").folder("corrected") == "corrected-text-dseparation_released"
    )
    assert Way(weights="empty").folder("published", step=2000) == "published-empty-step2000"
    assert Way(without="lost_separators").folder("published") == "published-without_lost_separators"


def test_what_a_suite_says_goes_before_what_the_run_says():
    run = SimpleNamespace(weights="merged_16bit", verdict="logits")
    assert Way.of(OmegaConf.create({"name": "published"}), run) == Way(weights="merged_16bit")
    assert Way.of(OmegaConf.create({"weights": "adapter", "verdict": "text"}), run) == Way(verdict="text")
    trained = SimpleNamespace(weights="adapter", verdict="logits", prompt="dseparation_released")
    assert Way.of(OmegaConf.create({}), trained) == Way(), "the prompt of training is not that of scoring"
    assert Way.of(OmegaConf.create({}), trained, "dseparation_released") == Way(prompt="dseparation_released")
    assert Way.of(OmegaConf.create({"prompt": "dseparation_released"}), trained) == Way(prompt="dseparation_released")
    faults = {"lost_separators": False, "repeated_names": True, "ordered_queries": False}
    released = OmegaConf.create({"weights": "adapter", "protocol": "released", "faults": faults})
    assert Way.of(released, run) == Way(without="lost_separators,ordered_queries")


def test_texts_are_those_of_one_prompt_at_a_time(composed):
    """Left padding and batches change nothing; prompt and new tokens are both in the text."""
    answerer, _ = load_answerer(composed("model=tiny").model)
    torch.manual_seed(0)
    for name, parameter in answerer.language_model.named_parameters():
        if parameter.dim() == 2 and "embed" not in name:
            parameter.data.mul_(8)
    items = build("transitivity", "corrected", "length", 6, 0, 2) + build(
        "dseparation", "corrected", "in_distribution", 4, 0
    )
    format_ = answerer.prompt_format
    found = texts(answerer, items, token_budget=600)
    alone = []
    for item in items:
        for question in item.questions:
            prompt = torch.tensor(format_._tokenize([format_.text(item.premise, question.hypothesis)]))
            with torch.inference_mode():
                whole = answerer.language_model.generate(
                    input_ids=prompt, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=format_.pad
                )
            alone.append(format_.tokenizer.decode(whole[0], skip_special_tokens=True))
    assert found == alone and len(set(found)) == len(found)
    assert all("'Yes' or 'No'" in text for text in found)
    assert (score_by_text(answerer, items, token_budget=600) == 1).all()


def test_says_yes():
    assert says_yes("Please answer with only 'Yes' or 'No'.\nmodel\nNo") and not says_yes("No") and not says_yes("yes")
