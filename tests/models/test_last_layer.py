"""What is read is right, and of the rest of the last layer nothing but keys and values is computed."""

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from transformers import GPT2Config, GPT2Model, Phi3Config, Phi3Model

from models.last_layer import for_output, read_at
from models.loading import load_answerer

NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = OmegaConf.create({"rank": 4, "alpha": 4, "dropout": 0.0, "target_modules": NAMES})


@pytest.fixture(scope="module")
def decoder(tiny):
    """With adapters that do something."""
    answerer, _ = load_answerer(tiny(), lora=LORA)
    torch.manual_seed(0)
    for name, parameter in answerer.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter, std=0.3)
    return answerer.decoder


@pytest.mark.parametrize("places", [[7], [0, 5, 13], []])
def test_hidden_states_and_gradients_are_those_of_the_whole(decoder, places):
    places = torch.tensor(places, dtype=torch.long)
    tokens = torch.randint(5, 60, (2, 7), generator=torch.Generator().manual_seed(1))
    trained = [parameter for parameter in decoder.parameters() if parameter.requires_grad]

    def read():
        hidden = decoder(input_ids=tokens).last_hidden_state.flatten(0, 1)[places]
        loss = (hidden * torch.arange(hidden.shape[1])).sum()  # the last norm leaves no gradient of a sum of squares
        return hidden, torch.autograd.grad(loss, trained, materialize_grads=True)

    whole, of_whole = read()
    with read_at(decoder, places, tokens.shape):
        alone, of_alone = read()
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(of_alone, of_whole, atol=1e-4, rtol=1e-4)
    assert not len(places) or max(float(gradient.abs().max()) for gradient in of_whole) > 1e-3


def test_other_columns_are_not_computed(decoder):
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, arguments, __, name=name: seen.update({name: arguments[0].shape[:-1]}))
        for name, module in decoder.layers[-1].named_modules()
        if name.endswith("_proj")
    ]
    with read_at(decoder, torch.tensor([3, 9]), (2, 5)):
        decoder(input_ids=torch.ones(2, 5, dtype=torch.long))
    for hook in hooks:
        hook.remove()
    few = {"self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}
    assert {name for name, shape in seen.items() if shape == (1, 2)} == few == set(for_output(decoder))
    assert {name for name, shape in seen.items() if shape == (2, 5)} == {"self_attn.k_proj", "self_attn.v_proj"}


def test_nothing_is_left_behind_when_a_pass_fails(decoder):
    def fail():
        with read_at(decoder, torch.tensor([0]), (1, 2)):
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in for_output(decoder).values())


def test_of_a_decoder_with_other_names_what_is_known_is_left_out():
    """Phi 3 has queries, keys and values in one layer, and gate and up in another."""
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 9,
    }
    torch.manual_seed(0)
    decoder = Phi3Model(Phi3Config(**sizes, num_key_value_heads=2, pad_token_id=0)).eval()
    assert set(for_output(decoder)) == {"self_attn.o_proj", "mlp.down_proj"}
    tokens, places = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([2, 4])
    whole = decoder(input_ids=tokens).last_hidden_state.flatten(0, 1)
    with read_at(decoder, places, tokens.shape):
        alone = decoder(input_ids=tokens).last_hidden_state.flatten(0, 1)
    torch.testing.assert_close(alone[places], whole[places], atol=1e-5, rtol=0)
    assert not torch.allclose(alone, whole)


def test_a_decoder_without_such_layers_computes_all_of_it():
    assert for_output(GPT2Model(GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=9))) == {}
