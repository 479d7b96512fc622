"""Valid texts, JSON values and bytes, changed at random the way broken, truncated and foreign files are."""

import copy
import json
import random

# What texts are broken with: separators, signs of the wording in the wrong place, what is no text, and too much of one.
PIECES = (
    *("", " ", "\n", "\r", "\t", "\x00", "\x1c", "\x85", "\u2028", "\ufeff", "\u202e", "é", "e\u0301", "\U0001f600"),
    *(".", "..", ",", ":", "?", "{", "}", "{}", "[", "]", '"', "'", "\\", "\\ud800", "/", "../", "${", "$", "=", "~"),
    *("causes", " causes ", " and ", "Does ", "Are ", " cause ", " d-separated", " given {", " share a hidden cause"),
    *("Yes", "No", "null", "true", "-0", "1e999", "NaN", "Infinity", "9" * 5000, "A" * 3000, "A causes B. " * 300),
)
VALUES = (
    *(None, True, False, 0, -1, 3, 0.5, 1e308, 2**70, float("nan"), float("inf"), -float("inf")),
    *("", " ", "x", "Yes", "no", "../..", "/etc/passwd", "null", "\ud800", "\x00", "1", "x" * 3000),
    *([], {}, [[]], [None], [1, 2], ["Yes"], {"a": 1}, {"": None}),
)
DEEP = 100_000  # more brackets than any parser follows


def mutated_text(rng: random.Random, text: str) -> str:
    """One to three changes: a part left out, repeated, put elsewhere or cut off at, or a piece put in."""
    for _ in range(rng.randint(1, 3)):
        start, end = sorted(rng.randint(0, len(text)) for _ in range(2))
        part = text[start:end]
        text = rng.choice(
            (
                text[:start] + rng.choice(PIECES) + text[start:],
                text[:start] + rng.choice(PIECES) + text[min(start + 1, len(text)) :],
                text[:start] + text[end:] if rng.random() < 0.5 else text[: max(0, start - 1)] + text[start:],
                text[:end] + part[:200] + text[end:],
                text[:start],
                text[end:] + text[:start],
            )
        )
    return text


def mutated_bytes(rng: random.Random, content: bytes) -> bytes:
    """As `mutated_text`, or bytes set to any value, which need not leave a text."""
    if rng.random() < 0.5:
        return mutated_text(rng, content.decode("latin-1")).encode("utf-8", "surrogatepass")
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.randint(0, len(changed))] if rng.random() < 0.2 else changed)


def mutated_json(rng: random.Random, value) -> str:
    """One to three values replaced, keys left out, renamed or given twice; then JSON, in escapes or not."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(_places(value)) or [(None, None)])
        if holder is None:
            return json.dumps(rng.choice(VALUES))
        chosen = rng.random()
        if chosen < 0.6:
            text = isinstance(holder[key], str) and rng.random() < 0.5
            holder[key] = mutated_text(rng, holder[key]) if text else copy.deepcopy(rng.choice(VALUES))
        elif chosen < 0.8:
            del holder[key]
        elif isinstance(holder, dict):
            holder[mutated_text(rng, key)] = holder[key]
        else:
            holder.append(copy.deepcopy(holder[key]))
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05:
        text = text.replace("null", "[" * DEEP + "]" * DEEP, 1)
    if rng.random() < 0.02:
        text = text.replace("{", '{"label": "Yes", "label": "No", ', 1)
    return text


def _places(value):
    """(holder, key) of everything in a JSON value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        yield value, key
        yield from _places(inner)
