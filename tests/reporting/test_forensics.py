"""Forensics: which measurement the published rows are held against, and that no other table sees the extra ones."""

import json
import shutil

import pandas as pd
import pytest

from reporting import tables
from reporting.adapter_growth import asked_alike, differing_verdicts, margins_left
from reporting.claims import _after_the_merge
from reporting.evidence import evidence, last_merges
from reporting.forensics_page import NEAREST, _variant, forensics_page
from reporting.published import SUITES, load_published
from reporting.report import build_tables
from reporting.report_page import report_page
from reporting.results import load
from reporting.run_files import ResultsError

EXTRA = {
    "published-merged_16bit": {"weights": "merged_16bit", "adapter": {"relative_size": 0.02, "surviving_share": 0.99}},
    "published-merged_4bit": {"weights": "merged_4bit", "adapter": {"relative_size": 0.02, "surviving_share": 0.018}},
    "published-empty": {"weights": "empty"},
    "published-text": {"verdict": "text"},
    "published-dseparation_released": {"prompt": "dseparation_released"},
    "published-step20": {"step": 20, "steps": 40},
}
GROUP = {"model": "tiny", "scale": "smoke", "samples": 100, "trained_on": "released-k1"}


def rows(accuracies, label_shares=(1.0, 0.02, 0.02, 0.0, 0.34), n=200):
    about = {"protocol": "released", "n": n, "yes_rate": 0.5, "majority_share": 0.5}
    return [
        about | {"task": task, "split": split, "accuracy": accuracy, "label_yes_rate": share}
        for (split, task), accuracy, share in zip(SUITES.items(), accuracies, label_shares, strict=True)
    ]


def write_metrics(folder, name, accuracies, **keys):
    path = folder / "evaluation" / name / "metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"suite": "published", "rows": rows(accuracies)} | keys), encoding="utf-8")


@pytest.fixture
def made(tmp_path, make_run, make_unfinished_run):
    """A variant scored in six ways, the untuned model, and an unfinished run of another variant."""
    about = {"protocol": "released", "questions_per_graph": 1, "n": 40}
    untuned = make_run(tmp_path, "pretrained", **about)
    folder = make_run(tmp_path, "transitivity_semantic", **about)
    for run in (untuned, folder):
        # As older checkouts wrote it: nothing but suite and rows.
        write_metrics(run, "published", (1.0, 0.5, 0.5, 0.5, 0.5))
    for name, keys in EXTRA.items():
        write_metrics(folder, name, (1.0, 0.02, 0.02, 0.0, 0.34), **keys)
    write_metrics(
        make_unfinished_run(tmp_path, "dseparation_ce"), "published", (0.2, 0.9, 0.9, 0.9, 0.6), step=2000, steps=18750
    )
    return tmp_path


def of(frame, variant, **keys):
    found = frame[(frame[["variant", *keys]] == pd.Series({"variant": variant} | keys)).all(axis=1)]
    return found


def test_distance_hand_worked(made):
    frame = tables(made)["forensics"]
    # Published: 6464, 9789, 5688, 6971 and 6275 of 10,000 right; |1 - 0.6464| + |0.5 - 0.9789| + ... over five.
    expected = (0.3536 + 0.4789 + 0.0688 + 0.1971 + 0.1275) / 5
    (adapter,) = of(frame, "transitivity_semantic", source="adapter", prompt="benchmark", step=40).to_dict("records")
    assert adapter["distance"] == pytest.approx(expected) and adapter["n"] == 1000
    assert adapter["mean"] == pytest.approx(0.6) and adapter["step"] == adapter["of"] == 40
    published = of(frame, "transitivity_semantic", source="published")
    assert published["distance"].isna().all() and published["mean"].iloc[0] == pytest.approx(0.704, abs=0.001)
    assert of(frame, "dseparation_semantic")["distance"].isna().all()
    assert of(frame, "dseparation_semantic", source="published")["mean"].tolist() == pytest.approx([0.686])


def test_rows_of_a_variant_come_in_order_and_the_text_rule_is_read(made):
    frame = tables(made)["forensics"]
    block = of(frame, "transitivity_semantic")
    assert block["source"].tolist() == [
        "published", "release, adapter, cell 134", "published, untuned model", "always No", "always Yes",
        "adapter", "adapter", "adapter", "merged_16bit", "merged_4bit", "empty", "adapter, text rule",
        "untuned model", "always No", "always Yes",
    ]  # fmt: skip
    assert block["prompt"].tolist()[5:8] == ["benchmark", "benchmark", "dseparation_released"]
    assert block["step"].tolist()[5:8] == [20, 40, 40]
    text, always = (
        block[(block["source"] == name) & (block["suites"] == "released")]
        for name in ("adapter, text rule", "always Yes")
    )
    assert text[list(SUITES)].to_numpy() == pytest.approx(always[list(SUITES)].to_numpy())
    merged = of(frame, "transitivity_semantic", source="merged_4bit").iloc[0]
    assert (merged["relative_size"], merged["surviving_share"]) == (0.02, 0.018)


def test_the_releases_own_distances(tmp_path):
    """AUDIT A10 and A11, from the published files alone."""
    frame = tables(tmp_path)["forensics"]
    points = lambda variant, source: 100 * of(frame, variant, source=source)["distance"].iloc[0]  # noqa: E731
    assert points("transitivity_semantic", "published, untuned model") == pytest.approx(2.7, abs=0.05)
    assert points("transitivity_semantic", "release, adapter, cell 134") == pytest.approx(34.8, abs=0.05)
    assert points("transitivity_ce", "always Yes") == 0


def test_an_unfinished_run_stands_here_with_its_step_and_nowhere_else(made):
    made_tables = tables(made)
    row = of(made_tables["forensics"], "dseparation_ce", source="adapter").iloc[0]
    assert (row["step"], row["of"], row["seed"]) == (2000, 18750, "0")
    assert {name: row[name] for name in GROUP} == GROUP
    for name, frame in made_tables.items():
        if name not in ("forensics", "adapter_growth", "faults", "runs") and "variant" in frame:
            measured = frame[frame["source"] == "measured"] if "source" in frame else frame
            measured = measured[measured["scale"] == "smoke"] if "scale" in measured else measured
            assert "dseparation_ce" not in set(measured["variant"]), name
    results = load(made)
    assert results.problems == [] and [status for _, status in results.unfinished] == ["running or interrupted"]


def test_other_tables_do_not_change_with_extra_evaluations(made):
    with_extra = tables(made)
    for name in EXTRA:
        (folder,) = made.glob(f"runs/tiny/transitivity_semantic/*/seed0/evaluation/{name}")
        shutil.rmtree(folder)
    shutil.rmtree(made / "runs/tiny/dseparation_ce")
    for name, frame in tables(made).items():
        # claims: verdicts rest on merged weights
        if name not in ("forensics", "adapter_growth", "faults", "runs", "claims"):
            pd.testing.assert_frame_equal(with_extra[name], frame, obj=name)
    assert len(tables(made)["forensics"]) == len(with_extra["forensics"]) - len(EXTRA) - 1


def test_a_suite_that_was_not_scored_leaves_distance_and_mean_open(made):
    (path,) = made.glob("runs/tiny/transitivity_semantic/*/seed0/evaluation/published-text/metrics.json")
    report = json.loads(path.read_text())
    path.write_text(json.dumps(report | {"rows": report["rows"][:4]}))
    row = of(tables(made)["forensics"], "transitivity_semantic", source="adapter, text rule").iloc[0]
    assert row[["long_names", "mean", "distance"]].isna().all() and row["length"] == 1 and row["n"] == 800


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("evaluation/published/metrics.json", '{"rows": [', "evaluation/published/metrics.json:1: not JSON"),
        ("evaluation/published/metrics.json", '{"rows": {}}', "rows is an object; expected a list"),
        ("config.yaml", "variant: [", "config.yaml: not YAML"),
        ("config.yaml", "variant: transitivity_ce", "config.yaml: not the config of a run (KeyError: 'model.name')"),
    ],
)
def test_an_unreadable_unfinished_run_gives_one_line(made, file, text, message):
    (run,) = made.glob("runs/tiny/dseparation_ce/*/seed0")
    (run / file).write_text(text)
    (problem,) = load(made).problems
    assert message in problem and "\n" not in problem


def test_a_line_that_is_still_being_written_is_left_out(made):
    (run,) = made.glob("runs/tiny/dseparation_ce/*/seed0")
    (run / "training_log.jsonl").write_text('{"step": 1, "progress": 0.5}\n{"step')
    results = load(made)
    assert results.problems == [] and len(results.underway[0].log) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lambda,cross_entropy\n0.1,0.2\n", "lacks the columns consistency"),
        ("", "not a CSV"),
        ("a,b\n1,2,3\n4\n5,6,7,8\n", "not a CSV"),
    ],
)
def test_a_bad_published_file_gives_one_line(tmp_path, text, message):
    from records.published import PUBLISHED

    shutil.copytree(PUBLISHED, tmp_path / "published")
    (tmp_path / "published/lambda_law.csv").write_text(text)
    with pytest.raises(ResultsError, match=message) as error:
        load_published(tmp_path / "published")
    assert "lambda_law.csv" in str(error.value) and "\n" not in str(error.value)


def test_the_shown_table_has_points_and_steps(made):
    results = load(made)
    written = build_tables(results)
    shown = written["forensics"].markdown()
    assert "distance (points)" in shown and "| 2000 " in shown and "| 18750 " in shown
    assert "(FORENSICS.md)" in report_page(results, written, [], made)


def test_the_page_names_what_lies_nearest_and_what_a_merge_leaves(made):
    """The published transitivity-CE row is always Yes on the paper's own labels; the semantic one is near the untuned model."""
    written = build_tables(load(made))
    page = forensics_page(written["forensics"].frame, written["adapter_growth"], written["lambda_law"], None, [], made)
    sections = {section.split("\n", 1)[0]: section for section in page.split("\n## ")}
    assert (
        "Nearest: **always Yes, as by the text rule** (paper's own suites), 0.0 points away."
        in sections["transitivity_ce"]
    )
    semantic = sections["transitivity_semantic"]
    assert "Nearest: **published, untuned model** (paper's own suites), 2.7 points away." in semantic
    assert "release, adapter, cell 134" in semantic  # however far
    mean = sections["dseparation_semantic"]
    assert "Published is the mean alone, 68.6 %: *distance* is that of the means" in mean
    (merged,) = (line for line in mean.splitlines() if "cell 174" in line and line.startswith("|"))
    assert [cell.strip() for cell in merged.split("|")][3:9] == ["85.5", "95.5", "27.5", "39.5", "52.5", "60.1"]
    assert merged.split("|")[9].strip() == "8.5"
    # (85.5 - 57.2) + (97.9 - 95.5) + (60.2 - 27.5) + (70.7 - 39.5) + (64.6 - 52.5), a fifth of it
    assert "cell 174) lies 21.3 points from the published untuned model, suite by suite" in mean
    assert "| transitivity_semantic | 40     | 40   | 0.02000" in sections["Which adapters survive a merge"]


def test_the_page_says_at_which_size_an_adapter_survives(made):
    written = build_tables(load(made))
    rows = [
        {"relative_size": size, "surviving_share": share} for size, share in ((0.005, 0.01), (0.02, 0.08), (0.1, 0.8))
    ]
    survival = {"variant": "transitivity_semantic", "model": "tiny", "step": 3000, "rows": rows}
    pages = written["forensics"].frame, written["adapter_growth"], written["lambda_law"]
    page = forensics_page(*pages, survival, [], made)
    assert (
        "At which size an adapter survives: 8 % at 0.02, 80 % at 0.1." in page
    )  # the first row is the adapter as it is
    assert "- transitivity_semantic, tiny, 100 questions: 0.0200\n" in page
    assert "At which size" not in forensics_page(*pages, None, [], made).replace("at which size", "")


def rows_and_untuned(made) -> tuple[pd.DataFrame, pd.DataFrame]:
    forensics = tables(made)["forensics"]
    untuned = forensics[(forensics["variant"] == "pretrained") & (forensics["source"] == "published")]
    return of(forensics, "transitivity_semantic"), untuned


def test_the_merge_and_the_text_rule_are_shown_however_far(made):
    """The verdicts rest on them, and on the base model they are among the farthest."""
    sentence, _, table = _variant(*rows_and_untuned(made))
    shown = [line.split("|")[1].strip() for line in table.splitlines()[3:]]
    assert shown[-2:] == ["merged_4bit", "adapter, text rule"] and len(shown) == NEAREST + 2
    assert "merged_16bit" not in shown  # as far away
    assert "Our 4-bit merge is 56.9 points away" in sentence and "2.7 for the paper's untuned checkpoint." in sentence


def test_another_prompt_is_named_and_our_adapter_is_shown_under_the_published_one(made):
    """A12: what lies nearest may have been asked otherwise than the published row, and must not pass for it."""
    rows, untuned = rows_and_untuned(made)
    published = rows[rows["source"] == "published"].iloc[0]
    near = rows[rows["prompt"] == "dseparation_released"].assign(distance=0.001, **published[list(SUITES)])
    always = rows[rows["source"] == "always No"].assign(distance=[0.01 + 0.001 * n for n in range(2)])
    crowd = pd.concat([always.assign(n=n) for n in range(NEAREST)])
    sentence, _, table = _variant(pd.concat([rows, near, crowd, crowd], ignore_index=True), untuned)
    shown = [line.split("|")[1].strip() for line in table.splitlines()[3:]]
    assert sentence.startswith("Nearest: **adapter, prompt dseparation_released** (rebuilt suites), 0.1 points away.")
    assert shown[0] == "adapter, prompt dseparation_released" and "adapter" in shown
    assert shown[1:NEAREST] == ["always No"] * (NEAREST - 1)
    lines = table.splitlines()[2:]
    assert len({*lines}) == len(lines), "no row stands there twice"


def test_growth_joins_the_log_with_what_was_scored(made):
    folder = next(made.glob("runs/tiny/transitivity_semantic/*/seed0"))
    with (folder / "training_log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 8, "progress": 0.2, "adapter/relative_size": 0.01, "adapter/surviving_share": 0.5}\n')
    shutil.copytree(folder / "evaluation/published", folder / "evaluation/published-merged_4bit", dirs_exist_ok=True)
    write_metrics(folder, "published-merged_4bit", (1.0, 0.02, 0.02, 0.0, 0.34), **EXTRA["published-merged_4bit"])
    untuned = next(made.glob("runs/tiny/pretrained/*/seed0")) / "evaluation/published/margins.parquet"
    ours, theirs = (
        pd.read_parquet(path)["margin"] >= 0
        for path in (folder / "evaluation/published-merged_4bit/margins.parquet", untuned)
    )
    written = tables(made)
    growth = written["adapter_growth"]
    assert growth[["step", "relative_size", "surviving_share"]].to_numpy().tolist() == [
        [8, 0.01, 0.5],
        [40, 0.02, 0.018],
    ]
    end = growth.iloc[1]
    assert end["merged_4bit"] == pytest.approx(0.276) and end["adapter"] == pytest.approx(0.6)
    assert end["flips"] == pytest.approx((ours != theirs).mean()) and end["flips_n"] == len(ours)
    assert growth["of"].tolist() == [40, 40]
    assert evidence(written, written["forensics"], growth).lost == pytest.approx(0.6 - 0.276)
    (said,) = _after_the_merge(last_merges(growth, "transitivity_semantic"))
    assert said.startswith("at step 40 of 40 released 60.0 % as adapter, 27.6 % merged into 4 bit")
    assert said.endswith("and 1.0000 of the adapter's change of the margins is left")


def test_flips_are_held_against_the_untuned_model_of_the_same_scale_or_the_same_questions(tmp_path, make_run):
    make_run(tmp_path, "transitivity_semantic", n=20, scale="demo")
    make_run(tmp_path, "pretrained", n=20, scale="demo")
    make_run(tmp_path, "pretrained", 1, n=20)
    make_run(tmp_path, "pretrained", n=10, scale="cpu")
    runs = {(run.settings.variant, run.settings.scale): run for run in load(tmp_path).runs}
    semantic = runs.pop(("transitivity_semantic", "demo"))
    own, alike, other = (runs["pretrained", scale] for scale in ("demo", "smoke", "cpu"))
    of = {one.settings.scale: differing_verdicts((semantic, "published"), (one, "published")) for one in runs.values()}
    assert of["demo"] != of["smoke"]
    assert asked_alike(semantic, [alike, own], "published") is asked_alike(semantic, [own, alike], "published") is own
    assert asked_alike(semantic, [other, alike], "published") is alike
    assert of["cpu"] and asked_alike(semantic, [other], "published") is None


def test_no_flips_are_counted_where_the_untuned_model_is_known_to_have_answered_others(tmp_path, make_run):
    """Questions of other generators have the same names."""
    folder = make_run(tmp_path, "transitivity_semantic", n=20)
    make_run(tmp_path, "pretrained", n=20)
    path = folder / "evaluation/published/metrics.json"
    report = json.loads(path.read_text())
    for asked, found in ((report["data_fingerprint"], True), ({}, True), ({"transitivity/length": "other"}, False)):
        path.write_text(json.dumps(report | {"data_fingerprint": asked}))
        runs = {run.settings.variant: run for run in load(tmp_path).runs}
        alike = asked_alike(runs["transitivity_semantic"], [runs["pretrained"]], "published")
        assert (alike is runs["pretrained"]) is found, asked


@pytest.mark.parametrize("kept", [0.25, 0.0])
def test_margins_left_are_what_the_merge_keeps_of_the_adapters_change(kept, tmp_path, make_run):
    folder = make_run(tmp_path, "transitivity_semantic", n=20)
    base = pd.read_parquet(make_run(tmp_path, "pretrained", n=20) / "evaluation/published/margins.parquet")
    merged = folder / "evaluation/published-merged_4bit"
    shutil.copytree(folder / "evaluation/published", merged, dirs_exist_ok=True)
    changed = pd.read_parquet(merged / "margins.parquet")
    changed["margin"] = base["margin"] + kept * (changed["margin"] - base["margin"]) + 0.3  # the same for all of them
    changed.to_parquet(merged / "margins.parquet")
    runs = {run.settings.variant: run for run in load(tmp_path).runs}
    found = margins_left(runs["transitivity_semantic"], merged.name, "published", runs["pretrained"])
    assert found["margins_left"] == pytest.approx(kept, abs=1e-6)
    assert abs(found["margins_correlation"]) == pytest.approx(1.0 if kept else 0.0, abs=0.1)


def test_a_run_interrupted_while_it_was_scored_is_at_its_last_step(made, make_unfinished_run):
    """Its scores name no step, and no record says how many there were."""
    folder = make_unfinished_run(made, "transitivity_ce")
    write_metrics(folder, "published", (0.5, 0.5, 0.5, 0.5, 0.5))
    assert of(tables(made)["adapter_growth"], "transitivity_ce").empty
    line = {"step": 7, "progress": 1.0, "adapter/relative_size": 0.01, "adapter/surviving_share": 0.5}
    (folder / "training_log.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    growth = of(tables(made)["adapter_growth"], "transitivity_ce")
    assert growth[["step", "adapter"]].to_numpy().tolist() == [[7, 0.5]]
