"""The ablation's grids: every cell can be run, and has a folder of its own."""

import copy
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from hydra_plugins.union_sweeper import UnionSweeper, union
from input_output.errors import SettingsError
from reporting.run import ABLATION
from training.settings import check_settings

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


GROUPS = (
    "experiment",
    "loss",
    "task",
    "schedule",
)  # keys that choose config files; the other keys change single values


def test_every_cell_can_be_run_and_has_a_folder_of_its_own(composed):
    cells = [dict(override.split("=", 1) for override in cell) for cell in cells_of(composed, "ablation")]
    by_files = {}
    for cell in cells:
        by_files.setdefault(tuple(f"{key}={cell.pop(key)}" for key in GROUPS if key in cell), []).append(cell)
    folders = {}
    for files, values in by_files.items():
        base = composed("scale=smoke", *files)
        for value in values:
            cfg = copy.deepcopy(base)
            for key, text in value.items():
                OmegaConf.update(cfg, key, yaml.safe_load(text))
            check_settings(cfg)
            assert cfg.out not in folders, f"{files} {value} and {folders[cfg.out]} share {cfg.out}"
            folders[cfg.out] = (files, value)
    assert len(folders) == len(cells) > 100


@pytest.mark.parametrize("grid", GRIDS)
def test_runs_are_marked_as_the_ablation_table_finds_them(grid, composed):
    assert composed(f"grid={grid}", name="sweep").grid == grid and grid.startswith(ABLATION)


def test_the_command_line_can_drop_a_part(composed):
    assert len(cells_of(composed, "ablation_losses")) == 36
    kept = cells_of(composed, "ablation_losses", "hydra.sweeper.parts.semantic=null")
    assert len(kept) == 24 and not any("loss=semantic" in cell for cell in kept)


def test_every_row_is_in_the_grid(composed):
    overrides = {override for cell in cells_of(composed, "ablation") for override in cell}
    for override, folder in (("loss=", "conf/loss"), ("experiment=ablation/", "conf/experiment/ablation")):
        rows = {path.stem for path in Path(folder).glob("*")}
        assert {one.removeprefix(override) for one in overrides if one.startswith(override)} == rows


def test_only_the_own_task_is_scored_at_the_published_share(composed):
    cfg = composed("experiment=ablation/sampled", "loss=cross_entropy", "task=dseparation", "scale=demo")
    assert list(cfg.suites.corrected.splits) == ["dseparation"] and cfg.suites.published.splits is None
    assert cfg.data.yes_share == 0.117 and cfg.loss.class_weights is None
    assert composed("experiment=ablation/sampled").data.yes_share == 0.632
    weighted = composed("experiment=ablation/weighted", "loss=cross_entropy", "task=dseparation")
    assert weighted.loss.class_weights == {"yes": 7.5, "no": 1.0}


FAMILIES = ["task.questions=families", "task.questions_per_graph=6"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=exact_semantic", "task.questions_per_graph=4"], "=4: loss=exact_semantic needs at least 6 questions"),
        (
            ["task=dseparation", "loss=exact_semantic", "task.questions_per_graph=2"],
            "task.questions_per_graph=2: loss=exact_semantic needs at least 3 questions on a graph, best with task.questions=families",
        ),
        (["loss=exact_semantic"], "task.questions_per_graph=1: loss=exact_semantic needs at least 6 questions"),
        (["loss=exact_semantic", "loss.group_size=4", *FAMILIES], "loss=exact_semantic needs at least 12 questions"),
        (["loss=semantic_distance"], "loss=semantic_distance needs at least 2 questions"),
        (["loss=semantic_distance", "task=dseparation", *FAMILIES], "works on task=transitivity only"),
        (["task.questions=families"], "task.questions_per_graph=1: a family of task=transitivity has 6, 12"),
        (["task.questions=families", "protocol=released"], "task.questions=families: needs protocol=corrected"),
        (["task.questions=whole"], "task.questions=whole: must be one of sampled, families"),
        ([*FAMILIES, "training.samples=5"], "training.samples=5: a family has task.questions_per_graph=6"),
        ([*FAMILIES, "data.yes_share=0.5"], "data.yes_share: a whole family has its own share of Yes"),
        ([*FAMILIES, "data.sampler=balanced"], "needs one question a graph, not task.questions_per_graph=6"),
    ],
)
def test_contradictory_settings_are_refused_before_any_work(overrides, message, composed):
    with pytest.raises(SettingsError) as refusal:
        check_settings(composed(*overrides))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_sweep_runs_the_cells_of_a_union_and_writes_its_table(run_script, tmp_path):
    arguments = [
        "grid=ablation_prior",
        "scale=smoke",
        "tracking=none",
        "training.samples=16",
        "evaluation.resamples=10",
    ]
    dropped = [
        "prior_semantic",
        "prior_logit_adjusted",
        "balanced_cross_entropy",
        "balanced_semantic",
        "balanced_baselines",
    ]
    arguments += [f"hydra.sweeper.parts.{part}=null" for part in dropped]
    arguments += ["loss.target=choice(answer)", "task=transitivity", "data.yes_share=0.3,0.7"]
    assert "2 cells: 2 finished" in run_script("sweep.py", *arguments, cwd=tmp_path)
    table = (tmp_path / ".smoke/tables/ablation.csv").read_text()
    assert "transitivity_answer_ce,30 % Yes" in table and "transitivity_answer_ce,70 % Yes" in table
