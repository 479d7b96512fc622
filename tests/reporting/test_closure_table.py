"""The table of believed relations shows what suite=closure measured, and nothing of other suites."""

import json

from reporting import tables


def test_closure_rows_are_shown_with_their_intervals(tmp_path, make_run):
    run = make_run(tmp_path, "transitivity_ce", protocol="released", n=40)
    assert tables(tmp_path)["closure"].empty
    about = {"task": "transitivity", "protocol": "corrected", "n": 600, "accuracy": 0.6, "yes_rate": 0.4}
    about |= {"label_yes_rate": 0.3, "majority_share": 0.6, "shd_share": 0.25, "shd_share_interval": [0.2, 0.3]}
    rows = [about | {"split": split} for split in ("in_distribution", "long_names", "pooled")]
    folder = run / "evaluation/closure"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"suite": "closure", "rows": rows}))
    frame = tables(tmp_path)["closure"]
    assert frame["split"].tolist() == ["in_distribution", "long_names"]
    for name, value in {"shd_share": 0.25, "shd_share_low": 0.2, "shd_share_high": 0.3}.items():
        assert frame[name].tolist() == [value] * 2
