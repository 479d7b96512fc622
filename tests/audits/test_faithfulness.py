"""Held against the published shares of Yes, on few samples; the whole report from end to end."""

import json

import pytest

from audits import faithfulness
from causal_tasks.suites import build


def test_two_sample_z_by_hand():
    error, z = faithfulness.two_sample_z(0.6, 100, 0.5, 100)
    assert error == pytest.approx((0.55 * 0.45 * 0.02) ** 0.5) and z == pytest.approx(0.1 / error)
    assert faithfulness.two_sample_z(1.0, 10, 1.0, 10) == (0.0, 0.0)


def test_the_fault_of_the_oracle_loses_about_a_quarter_of_the_separated():
    """A4: about 26 % of the truly d-separated are labelled No, which is about 4 % of all labels."""
    shares = faithfulness.unblocked_chain_shares(build("dseparation", "released", "train", 1500, 0))
    assert 0.15 <= shares["separated_labelled_no"] <= 0.37
    assert 0.02 <= shares["labels_wrong"] <= 0.06
    assert shares["labels_wrong"] == pytest.approx(shares["separated"] * shares["separated_labelled_no"])


def test_the_report_is_near_the_published_shares_and_shows_every_part(tmp_path):
    assert faithfulness.main(["n=200", "training=300", f"out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "faithfulness.json").read_text())
    rows = {(row["task"], row["split"]): row for row in report["label_shares"]}
    assert len(rows) == 7 and all(abs(row["z"]) < 4 for row in rows.values())
    assert rows["transitivity", "length"]["measured"] == rows["transitivity", "length"]["yes"] == 1
    assert [row["largest_given"] for row in report["branching_by_largest_given"]] == [1, 2, 3]
    overlap = {(row["task"], row["split"]): row["shared"] for row in report["structural_overlap"]}
    assert len(overlap) == 12 and overlap["transitivity", "long_names"] > 0.5 > overlap["transitivity", "length"]
    text = (tmp_path / "faithfulness.md").read_text()
    assert text == faithfulness.markdown(report) and all(f"| {task} | {split} |" in text for task, split in overlap)
    assert faithfulness.main(["size=3"]) == 2
