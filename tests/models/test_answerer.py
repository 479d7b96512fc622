"""Many questions in one pass give the margins of separate prompts."""

import itertools
import math

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from models import answerer as answerer_module
from models import loading, packing
from models.answerer import Answerer
from models.loading import ModelError, choose_attention, choose_precision, load_answerer
from models.packing import pack
from models.prompts import PromptFormat
from models.tiny import tiny_model, tiny_tokenizer


def tiny_llama(tokenizer, attention):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, attn_implementation=attention,
        )
    )  # fmt: skip


@pytest.fixture(scope="module", params=list(itertools.product(("gemma3", "llama"), ("eager", "sdpa"))), ids="-".join)
def answerer(request):
    architecture, attention = request.param
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    build = tiny_model if architecture == "gemma3" else tiny_llama
    model = build(tokenizer, attention)
    # The default initialisation is so small that all margins would be nearly equal.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(8)
    return Answerer(model, PromptFormat(tokenizer)).eval()


def test_packed_margins_equal_separate_prompts(answerer, items):
    assert answerer.verify(items, tolerance=1e-4) <= 1e-4
    assert answerer.verify(items[:1] * 2, tolerance=1e-4) <= 1e-4  # rows of one premise are all common prefix


def test_the_check_sees_a_wrong_margin(answerer, monkeypatch, items):
    monkeypatch.setattr(answerer, "_attention_masks", lambda visible: answerer._as_mask(torch.ones_like(visible())))
    with pytest.raises(RuntimeError, match="not supported"):
        answerer.verify(items, tolerance=1e-4)


def test_margins_do_not_depend_on_a_shared_prefix(answerer, items, margins):
    separate = margins(answerer, fewest_saved=math.inf)
    torch.testing.assert_close(margins(answerer, fewest_saved=1), separate, atol=1e-4, rtol=0)


def test_margins_do_not_depend_on_the_rest_of_the_batch(answerer, items, margins):
    together = margins(answerer)
    for row, alone in enumerate(items):
        count = len(alone.questions)
        torch.testing.assert_close(margins(answerer, [alone])[0], together[row, :count], atol=1e-4, rtol=0)


@pytest.mark.parametrize("endings", [False, True])
def test_one_pass_over_the_tree_and_two_over_its_parts_agree(answerer, endings, items, monkeypatch):
    format_ = answerer.prompt_format
    layout = {"endings": 1 + len(format_.ending) if endings else 0, "fewest_saved": 1}
    batch = pack(format_.encode(items, answered=endings), format_.pad, **layout)
    weight = answerer.language_model.model.layers[0].self_attn.k_proj.weight
    read, branched, found = answerer._read_branches, [], []
    monkeypatch.setattr(answerer, "_read_branches", lambda *about: branched.append(about) or read(*about))
    for widest in (batch.tokens.shape[1], batch.tokens.shape[1] - 1):
        monkeypatch.setattr(answerer_module, "WIDEST_TREE", widest)
        reading = answerer(batch)
        found.append(reading.log_yes - reading.log_no)
    assert len(branched) == 1  # the wider rows
    torch.testing.assert_close(*found, atol=1e-4, rtol=0)
    gradients = [torch.autograd.grad(margin.square().sum(), weight)[0] for margin in found]
    assert gradients[0].abs().max() > 1e-4
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


def test_margins_differ_between_questions(answerer, items, margins):
    """Otherwise the equalities above would hold of a constant."""
    values = margins(answerer)
    assert (values[0, 0] - values[0, 1]).abs() > 1e-3


def test_log_probabilities_are_over_the_full_vocabulary(answerer, items):
    format_ = answerer.prompt_format
    with torch.inference_mode():
        reading = answerer(pack(format_.encode(items[:1]), format_.pad))
        text = format_.text(items[0].premise, items[0].questions[1].hypothesis)
        tokens = torch.tensor([format_.tokenizer(text, add_special_tokens=False).input_ids])
        log_p = answerer.language_model(tokens).logits[0, -1].log_softmax(-1)
    torch.testing.assert_close(reading.log_yes[0, 1], log_p[format_.yes], atol=1e-4, rtol=0)


# Of equal questions, which balanced sampling draws, all but what is kept would be common.
ROWS = {"different": lambda items: items, "equal": lambda items: [items[1]] * 2}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("share", [False, True], ids=["whole", "common prefix"])
@pytest.mark.parametrize("target", ["sequence", "turn", "released"])
def test_text_targets_equal_plain_logits_of_each_text(answerer, target, share, rows, items, margins):
    """Token by token, on every question as a text of its own; and the answers do not change."""
    items = ROWS[rows](items)
    format_ = answerer.prompt_format
    layout = {"endings": 1 + len(format_.ending), "kept": format_.header_length}
    batch = pack(format_.encode(items, answered=True), format_.pad, **layout, fewest_saved=1 if share else math.inf)
    assert (len(batch.prefix) > 4) == share
    with torch.inference_mode():
        reading = answerer(batch, text=target)
        torch.testing.assert_close(reading.log_yes - reading.log_no, margins(answerer, items), atol=1e-4, rtol=0)
        expected = []
        for row, asked in enumerate(items):
            for k, question in enumerate(asked.questions):
                prompt = format_._tokenize([format_.text(asked.premise, question.hypothesis)])[0]
                text = prompt + [format_.yes if question.label else format_.no, *format_.ending]
                logits = answerer._causal_model(torch.tensor([text])).logits[0]
                turn = range(len(prompt) - format_.header_length, len(prompt) + 2)
                if target == "sequence":
                    # the premise is one text for all of its questions
                    shared = len(format_.encode([asked], answered=True)[0].shared)
                    tokens = range(1 if k == 0 else shared, len(text))
                    places = [token - 1 for token in tokens]
                else:
                    tokens = turn
                    places = [token - (target == "turn") for token in turn]
                log_p = logits.log_softmax(-1)
                expected += [(row, -float(log_p[at, text[token]])) for token, at in zip(tokens, places, strict=True)]
    found = sorted(zip(reading.text_rows.tolist(), reading.text_nats.tolist(), strict=True))
    torch.testing.assert_close(torch.tensor(found), torch.tensor(sorted(expected)), atol=1e-4, rtol=1e-4)


def test_the_answer_turn_has_five_tokens_in_gemmas_template(items):
    format_ = PromptFormat(tiny_tokenizer())
    (encoded,) = format_.encode([items[1]], answered=True)
    tokens = format_.tokenizer.convert_ids_to_tokens(list(encoded.shared + encoded.branches[0]))
    assert format_.turn_length == 5
    assert tokens[-6:] == ["<start_of_turn>", "model", "\n", "Yes", "<end_of_turn>", "\n"]


def test_bf16_margins_do_not_tie(margins, make_item):
    """The head's own bf16 output would leave few distinct values."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer, "eager").to(torch.bfloat16)
    with torch.no_grad():
        model.lm_head.weight.mul_(40)
    questions = [make_item(f"n{i} causes m{i}.", f"Does n{i} cause m{i}?", f"Does m{i} cause n{i}?") for i in range(40)]
    answerer = Answerer(model, PromptFormat(tokenizer)).eval()
    values = margins(answerer, questions)
    assert values.dtype == torch.float32 and len(values.unique()) > 70
    rounded = values.to(torch.bfloat16)
    assert len(rounded.unique()) < len(values.unique())


def test_parents_predict_their_tokens(answerer, items):
    """Every token but a row's first is predicted from the token before it in its own prompt."""
    format_ = answerer.prompt_format
    encoded = format_.encode(items, answered=True)
    batch = pack(encoded, format_.pad, endings=1 + len(format_.ending), fewest_saved=math.inf)
    for row, tree in enumerate(encoded):
        for k, branch in enumerate(tree.branches):
            text = list(tree.shared + branch)
            column = int(batch.answers[row, k]) + 1 + len(format_.ending)
            walked = []
            while column >= 0:
                walked.append(int(batch.tokens[row, column]))
                column = int(batch.parents[row, column])
            assert walked[::-1] == text


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("text", [None, "sequence", "turn", "released"])
def test_gradients_flow_through_the_shared_prefix(answerer, text, rows, items):
    """The prefix is computed once for all rows, but what it gives is trained as if for each."""
    format_ = answerer.prompt_format
    encoded = format_.encode(ROWS[rows](items), answered=text is not None)
    layout = {"endings": 1 + len(format_.ending), "kept": format_.header_length} if text else {}
    weight = answerer.language_model.model.layers[0].self_attn.k_proj.weight
    gradients = []
    for fewest in (1, math.inf):
        batch = pack(encoded, format_.pad, fewest_saved=fewest, **layout)
        assert bool(len(batch.prefix)) == (fewest == 1)
        reading = answerer(batch, text)
        loss = (reading.log_yes - reading.log_no).sum() + (reading.text_nats.sum() if text else 0)
        gradients.append(torch.autograd.grad(loss, weight)[0])
    assert gradients[0].abs().max() > 1e-4
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-3)


def test_a_local_folder_loads_by_name_or_path(tmp_path, items, margins, tiny):
    first, _ = load_answerer(tiny())
    first.language_model.save_pretrained(tmp_path)
    first.prompt_format.tokenizer.save_pretrained(tmp_path)
    again, loaded = load_answerer(tiny(name_or_path=str(tmp_path)))
    assert loaded["source"] == str(tmp_path)
    torch.testing.assert_close(margins(again), margins(first))


def test_a_hub_model_without_a_revision_is_warned_of_with_the_commit_to_pin(tmp_path, tiny, monkeypatch, caplog):
    """The hub's cache, as a download leaves it."""
    commit, cache = "0123456789abcdef" * 2 + "01234567", tmp_path / "models--someone--tiny"
    first, _ = load_answerer(tiny())
    first.language_model.save_pretrained(cache / "snapshots" / commit)
    first.prompt_format.tokenizer.save_pretrained(cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    _, loaded = load_answerer(tiny(name_or_path="someone/tiny"))
    assert loaded["commit"] == commit and loaded["revision"] is None
    (line,) = caplog.messages
    assert line.startswith("model.revision: none is given") and f"add model.revision={commit}" in line
    load_answerer(tiny(name_or_path="someone/tiny", revision=commit))
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name_or_path": "/nowhere/at/all", "random_architecture": False}, "model.name_or_path"),
        ({"random_architecture": False}, "model.name_or_path"),
        ({"quantization": "4bit"}, "the random model takes nf4 or none"),
    ],
)
def test_models_that_cannot_be_had_are_refused_by_key(change, message, tiny):
    with pytest.raises(ModelError, match=message):
        load_answerer(tiny(**change))


def test_missing_adapter_is_refused(tmp_path, tiny):
    with pytest.raises(ModelError, match="adapter_model.safetensors"):
        load_answerer(tiny(), adapter=tmp_path)


@pytest.mark.parametrize("fault", ["mask of the tree", "mask of the branches", "no numbers"])
def test_other_architectures_are_checked_when_they_are_loaded(fault, tmp_path, monkeypatch, tiny):
    tokenizer = tiny_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = tiny(name_or_path=str(tmp_path))
    load_answerer(model)
    if fault == "no numbers":
        token_logits = answerer_module.token_logits
        monkeypatch.setattr(answerer_module, "token_logits", lambda *head: token_logits(*head) * torch.nan)
    else:  # as if the architecture did not heed it
        place, name = (
            (answerer_module, "visible_to") if fault == "mask of the branches" else (packing.PackedBatch, "visible")
        )
        visible = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *layout: torch.ones_like(visible(*layout)))
    with pytest.raises(ModelError, match="qwen2: packed margins differ.*not supported"):
        load_answerer(model)


def test_a_model_without_sdpa_is_read_without_it_unless_it_is_asked_for(tiny, tmp_path, monkeypatch):
    """On a GPU auto is sdpa, which Gemma 2 does not have."""
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    gpu = torch.device("cuda")
    monkeypatch.setattr(loading, "choose_attention", lambda name, device: choose_attention(name, gpu))
    assert load_answerer(tiny())[1]["attention"] == "sdpa"
    assert load_answerer(tiny(name_or_path=str(tmp_path)))[1]["attention"] == "eager"
    with pytest.raises(ModelError, match="does not support an attention implementation"):
        load_answerer(tiny(name_or_path=str(tmp_path), attention="sdpa"))


def test_precision_follows_the_hardware(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("auto", cpu) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert choose_precision("auto", cpu) == "fp32"
    assert choose_precision("bf16", cpu) == "bf16"
