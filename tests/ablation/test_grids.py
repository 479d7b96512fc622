"""The ablation's grids: every cell can be run, and has a folder of its own."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from hydra_plugins.union_sweeper import UnionSweeper, union
from reporting.results import ABLATION
from training.settings import SettingsError, check_settings

GRIDS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "grid").glob("ablation*.yaml"))


def parsed(*arguments):
    return OverridesParser.create().parse_overrides(list(arguments))


def cells_of(composed, grid, *arguments):
    sweeper = composed(f"grid={grid}", *arguments, name="sweep", keep_hydra=True).hydra.sweeper
    assert sweeper._target_ == f"{UnionSweeper.__module__}.{UnionSweeper.__name__}"
    params = [f"{key}={value}" for key, value in sweeper.params.items()]
    return union(OmegaConf.to_container(sweeper.parts), parsed(*params))


def test_a_union_of_products_by_hand():
    parts = {"a": {"x": "1,2", "y": "3"}, "b": {"x": "1", "z": "4,5"}, "none": None}
    assert union(parts, parsed("seed=0")) == [
        ["x=1", "y=3", "seed=0"],
        ["x=2", "y=3", "seed=0"],
        ["x=1", "z=4", "seed=0"],
        ["x=1", "z=5", "seed=0"],
    ]


def test_the_command_line_overrides_every_part_and_equal_cells_are_run_once():
    parts = {"a": {"x": "1,2"}, "b": {"x": "3", "y": "1"}}
    assert union(parts, parsed("x=7")) == [["x=7"], ["x=7", "y=1"]]
    assert union({"a": {"x": "1,2"}, "b": {"x": "2,3"}}, []) == [["x=1"], ["x=2"], ["x=3"]]
    # As Hydra finds it: it executes plugin modules anew, and a class imported before that is stale.
    (found,) = [plugin for plugin in Plugins.instance().discover(Sweeper) if plugin.__name__ == "UnionSweeper"]
    sweeper = found(2, parts={"a": {"x": "1,2,3"}})
    assert sweeper.split_arguments([], 2) == [[["x=1"], ["x=2"]], [["x=3"]]]


def test_the_whole_grid_is_its_parts(composed):
    whole = {frozenset(cell) for cell in cells_of(composed, "ablation")}
    parts = [cells_of(composed, grid) for grid in GRIDS if grid != "ablation"]
    assert whole == {frozenset(cell) for cells in parts for cell in cells}
    assert len(whole) == sum(map(len, parts)), "two grids share a cell"


GROUPS = ("experiment", "task", "schedule")  # keys that choose config files; the other keys change single values


def test_every_cell_can_be_run_and_has_a_folder_and_a_name_of_its_own(composed):
    cells = [dict(override.split("=", 1) for override in cell) for cell in cells_of(composed, "ablation")]
    by_files = {}
    for cell in cells:
        by_files.setdefault(tuple(f"{key}={cell.pop(key)}" for key in GROUPS if key in cell), []).append(cell)
    folders, names = {}, {}
    for files, values in by_files.items():
        base = composed("scale=smoke", *files)
        for value in values:
            cfg = copy.deepcopy(base)
            for key, text in value.items():
                OmegaConf.update(cfg, key, yaml.safe_load(text))
            check_settings(cfg)
            for place, seen in ((cfg.out, folders), ((cfg.task.questions_per_graph, cfg.variant), names)):
                assert place not in seen, f"{files} {value} and {seen[place]} share {place}"
                seen[place] = (files, value)
    assert len(folders) == len(cells) > 100


@pytest.mark.parametrize("grid", GRIDS)
def test_runs_are_marked_as_the_ablation_table_finds_them(grid, composed):
    assert composed(f"grid={grid}", name="sweep").grid == grid and grid.startswith(ABLATION)


def test_the_command_line_can_drop_a_part(composed):
    kept = cells_of(composed, "ablation_losses", "hydra.sweeper.parts.balanced=null")
    assert len(kept) == 36 and not any("data.yes_share=0.5" in cell for cell in kept)


def test_every_row_is_in_the_grid(composed):
    rows = {f"ablation/{path.stem}" for path in Path("conf/experiment/ablation").glob("*.yaml")}
    swept = {
        override for cell in cells_of(composed, "ablation") for override in cell if override.startswith("experiment=")
    }
    assert swept == {f"experiment={row}" for row in rows}


def test_only_the_own_task_is_scored(composed):
    cfg = composed("experiment=ablation/answer_ce", "task=dseparation", "scale=demo")
    assert list(cfg.suites.corrected.splits) == ["dseparation"] and cfg.suites.published.splits is None
    assert cfg.data.yes_share == 0.117 and cfg.loss.class_weights is None
    weighted = composed("experiment=ablation/answer_ce", "task=dseparation", "ablation.weighting=weighted")
    assert weighted.loss.class_weights == {"yes": 7.5, "no": 1.0}


FAMILIES = ["task.questions=families", "task.questions_per_graph=6"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=exact_semantic", "task.questions_per_graph=4"], "=4: loss=exact_semantic needs at least 6 questions"),
        (["loss=exact_semantic"], "task.questions_per_graph=1: loss=exact_semantic needs at least 6 questions"),
        (["loss=exact_semantic", "loss.group_size=4", *FAMILIES], "loss=exact_semantic needs at least 12 questions"),
        (["loss=semantic_distance"], "loss=semantic_distance needs at least 2 questions"),
        (["loss=semantic_distance", "task=dseparation", *FAMILIES], "works on task=transitivity only"),
        (["task.questions=families"], "task.questions_per_graph=1: a family of task=transitivity has 6, 12"),
        (["task.questions=families", "protocol=released"], "task.questions=families: needs protocol=corrected"),
        (["task.questions=whole"], "task.questions=whole: must be one of sampled, families"),
        ([*FAMILIES, "training.samples=5"], "training.samples=5: a family has task.questions_per_graph=6"),
        ([*FAMILIES, "data.yes_share=0.5"], "data.yes_share: a whole family has its own share of Yes"),
        ([*FAMILIES, "data.sampler=balanced"], "data.sampler=balanced: needs task.questions_per_graph=1"),
    ],
)
def test_contradictory_settings_are_refused_before_any_work(overrides, message, composed):
    with pytest.raises(SettingsError) as refusal:
        check_settings(composed(*overrides))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_closed_world_needs_one_question(composed):
    check_settings(composed("loss=exact_semantic", "loss.knowledge=entailed"))


def test_a_sweep_runs_the_cells_of_a_union_and_writes_its_table(tmp_path):
    root = Path(__file__).parents[2]
    arguments = [
        "grid=ablation_prior",
        "scale=smoke",
        "tracking=none",
        "training.samples=16",
        "evaluation.resamples=10",
    ]
    arguments += ["experiment=ablation/answer_ce", "task=transitivity", "data.yes_share=0.3,0.7"]
    done = subprocess.run(
        [sys.executable, str(root / "sweep.py"), *arguments],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 cells: 2 finished" in done.stdout + done.stderr
    table = (tmp_path / ".smoke/tables/ablation.csv").read_text()
    assert "transitivity_answer_ce,30 % Yes" in table and "transitivity_answer_ce,70 % Yes" in table
