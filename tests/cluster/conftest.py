"""One grid, undisturbed, that every engine must reproduce."""

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what these tests share
from sweeps import Sweep


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The five variants, one after the other, in one process."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    sweep.run()
    assert len(sweep.finished()) == 5
    return sweep


@pytest.fixture
def assert_the_same(undisturbed):
    """Asserts that a sweep's margins, to the last bit, are those of the undisturbed one; of some variants if it ran some."""

    def same(sweep: Sweep, variants: int = 5) -> None:
        found, expected = sweep.margins(), undisturbed.margins()
        assert len(found) == variants * 3  # suites
        for name, table in found.items():
            pd.testing.assert_frame_equal(table, expected[name])

    return same
