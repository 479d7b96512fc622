"""Small files of questions."""

import json

GOOD = {"premise": "A causes B. B causes C.", "hypothesis": "Does A cause C?", "label": "Yes"}
PROMPT = {"prompt": "Premise: A causes B. Does A cause B?", "completion": "Yes"}


def write(path, *records):
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(line + "\n" for line in lines))
    return path


def prompt(text):
    return PROMPT | {"prompt": text}
