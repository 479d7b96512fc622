"""Scored questions in words, for people who want to see what was asked and answered."""

import pandas as pd

from causal_tasks.items import Item

SHOWN = 8


def in_words(items: list[Item], margins: pd.DataFrame) -> str:
    """Premise, question, label and verdict of the first questions. margins: the table that `evaluate_suite` writes, whose rows
    have the order of the items."""
    asked = [(item.premise, question) for item in items for question in item.questions]
    blocks = []
    for (premise, question), margin in list(zip(asked, margins["margin"], strict=True))[:SHOWN]:
        blocks.append(
            f"{premise}\n{question.hypothesis}\n"
            f"label {_word(question.label)}, model {_word(margin >= 0)} (logit(Yes) - logit(No) = {margin:.2f})"
        )
    return "\n\n".join(blocks)


def _word(answer: bool) -> str:
    return "Yes" if answer else "No"
