"""The files of one scored suite, and where they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # imported by whoever reads the margins


class ScoredSuite:
    """``metrics.json`` and ``margins.parquet`` (one row a question: id, label, margin, strata) in a folder of their own."""

    METRICS = "metrics.json"
    MARGINS = "margins.parquet"

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.metrics = self.folder / self.METRICS
        self.margins = self.folder / self.MARGINS

    @property
    def name(self) -> str:
        """That of the folder: the suite's, and the way in which it was scored."""
        return self.folder.name

    @property
    def whole(self) -> bool:
        return self.metrics.is_file() and self.margins.is_file()

    def read_margins(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.read_parquet(self.margins)

    @classmethod
    def below(cls, folder: str | Path, file: str = METRICS) -> Iterator["ScoredSuite"]:
        """Those at any depth under ``folder`` that have metrics (or ``file``), in the order of their paths; what lies in a hidden
        folder (a record that was replaced, a run under way) is not among them."""
        for path in sorted(Path(folder).rglob(file)):
            if not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield cls(path.parent)

    @classmethod
    def without_metrics(cls, folder: str | Path) -> Iterator[str]:
        """A line for each under ``folder`` that has margins alone: its metrics were lost, or a kill came before them."""
        for suite in cls.below(folder, cls.MARGINS):
            if not suite.metrics.is_file():
                yield f"{suite.metrics}: missing beside {cls.MARGINS}; score the suite again"
