"""What was asked and answered, in words."""

import pandas as pd

from causal_tasks.suites import build
from scoring.answers import SHOWN, in_words


def test_each_question_stands_with_its_own_label_and_verdict():
    items = [item for item in build("transitivity", "corrected", "validation", 40, 0, 4) if len(item.questions) > 1]
    questions = [question for item in items for question in item.questions]
    assert {question.label for question in questions[:SHOWN]} == {True, False}
    margins = [0.0, -0.5, *range(1, len(questions) - 1)]
    blocks = in_words(items, pd.DataFrame({"margin": margins})).split("\n\n")
    assert len(blocks) == SHOWN
    asked = [(item.premise, question) for item in items for question in item.questions]
    for block, (premise, question), margin in zip(blocks, asked, margins, strict=False):
        label, verdict = ("Yes" if answer else "No" for answer in (question.label, margin >= 0))
        answered = f"label {label}, model {verdict} (logit(Yes) - logit(No) = {margin:.2f})"
        assert block == f"{premise}\n{question.hypothesis}\n{answered}"
    assert "model Yes" in blocks[0] and "model No" in blocks[1]
