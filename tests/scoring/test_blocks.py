"""What is resampled together, and which rows carry the judgement."""

from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from causal_tasks import suites
from causal_tasks.constructions.real_graphs import asked_about
from causal_tasks.headline import SEEN_STRUCTURE, UNSEEN_STRUCTURE
from causal_tasks.questions import TASKS
from causal_tasks.spec import EVALUATION_SPLITS
from scoring.blocks import blocks, in_headline
from scoring.evaluation import margins_table

CONF = Path(__file__).parents[2] / "conf" / "scale"


def table_of(task, split, n, k):
    items = suites.build(task, "corrected", split, n, 0, k)
    return margins_table(items, range(n), task, "corrected", split)


def test_graphs_drawn_together_are_one_block_with_balanced_labels():
    for task in ("transitivity", "dseparation"):
        table = table_of(task, "length", 64, 1)
        assert (table.groupby("block").size() == 4).all()
        assert (table.groupby("block")["label"].mean() == 0.5).all()
        assert table["block"].iloc[0] == f"{task}-corrected-length-0-block0"


def test_a_network_and_a_pair_are_blocks():
    networks = table_of("transitivity", "real_graphs", 128, 4)
    assert networks["block"].nunique() == networks["stratum/network"].nunique() == len(asked_about("transitivity"))
    pairs = table_of("dseparation", "adversarial", 20, 1)
    assert (pairs.groupby("block").size() == 2).all()


def test_elsewhere_a_block_is_a_graph_and_a_recorded_block_is_kept():
    table = pd.DataFrame(
        {"graph": ["transitivity-released-length-0-000001", "file-1", "file-1"], "task": "transitivity"}
    )
    assert blocks(table).tolist() == table["graph"].tolist()
    assert blocks(table.assign(block=["a", "a", "b"])).tolist() == ["a", "a", "b"]


def test_the_headline_is_unseen_structure_beyond_a_stated_edge():
    rows = pd.DataFrame(
        {
            "protocol": "corrected",
            "split": [
                "length",
                "length",
                "branching",
                "long_names",
                "reversed",
                "shuffled",
                "train",
                "adversarial",
                "in_distribution",
            ],
            "stratum/distance": [1, 2, 5, 4, None, 14, 3, 3, 3],
        }
    )
    assert rows.loc[in_headline(rows), "split"].tolist() == ["length", "branching", "shuffled"]
    assert not in_headline(rows)[0]
    assert sorted(UNSEEN_STRUCTURE + SEEN_STRUCTURE) == sorted(EVALUATION_SPLITS)
    assert not in_headline(rows.assign(protocol="released")).any()
    assert not in_headline(rows.drop(columns="stratum/distance")).any()


@pytest.mark.parametrize("task", TASKS)
def test_from_cpu_on_a_scale_asks_6000_questions_of_the_headline(task):
    asked = pd.concat([table_of(task, split, 800, 4) for split in UNSEEN_STRUCTURE])
    smallest = min(OmegaConf.load(CONF / f"{scale}.yaml").suites.corrected.samples for scale in ("cpu", "paper"))
    assert in_headline(asked).mean() * smallest * len(UNSEEN_STRUCTURE) >= 6000


@pytest.mark.parametrize("task", TASKS)
def test_families_share_the_blocks_of_their_graphs(task):
    graphs = pd.DataFrame({"graph": [f"{task}-families-long_names-0-00000{i}" for i in range(8)], "task": task})
    assert blocks(graphs).nunique() == 2
