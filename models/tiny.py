"""A random Gemma 3 model and a small tokenizer, built in memory: for tests and `model=tiny`."""

import string

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from models.prompts import GEMMA_CHAT_TEMPLATE

_WORDS = [
    "Yes",
    "No",
    "Given",
    "the",
    "following",
    "causal",
    "relationships",
    "Does",
    "Are",
    "and",
    "causes",
    "cause",
    "d",
    "separated",
    "given",
    "share",
    "hidden",
    "Please",
    "answer",
    "with",
    "only",
    "or",
    "user",
    "model",
]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Words of the prompt are one token each; everything else is spelled by characters."""
    special = ["<pad>", "<bos>", "<eos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    characters = sorted(set(string.printable) - set(string.whitespace)) + ["\n", "▁"]
    vocabulary = {token: i for i, token in enumerate(special + characters)}
    merges = []
    for word in _WORDS:
        # A merge needs both its parts in the vocabulary, so a word is built up from the left.
        for end in range(2, len(word) + 1):
            pair = (word[: end - 1], word[end - 1])
            if word[:end] not in vocabulary:
                vocabulary[word[:end]] = len(vocabulary)
            if pair not in merges:
                merges.append(pair)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never"),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Split("▁", "isolated"),
            pre_tokenizers.Split("\n", "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="never")
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        chat_template=GEMMA_CHAT_TEMPLATE,
    )
    wrapped.name_or_path = "tiny"
    return wrapped


def tiny_model(tokenizer: PreTrainedTokenizerFast, attention: str | None) -> Gemma3ForCausalLM:
    """A few ten thousand random weights; two sliding layers and a full one, so that both masks are used."""
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=64,
        max_position_embeddings=4096,
        query_pre_attn_scalar=8,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        attn_implementation=attention,
    )
    return Gemma3ForCausalLM(config)
