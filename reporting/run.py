"""One run as the tables and figures see it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pyarrow import parquet

from records.run_folder import RunFolder
from records.run_settings import RunSettings
from records.scored_suite import ScoredSuite
from reporting.groups import PUBLISHED_SIZE, called
from scoring.blocks import blocks, in_headline

OWN = ("id", "graph", "block", "task", "protocol", "split", "label", "margin", "stratum/distance")
ABLATION = "ablation"  # grids of this name, and those whose names begin so


@dataclass(frozen=True)
class Run:
    """One run: the record of its settings (from config.yaml) and `info`, its run.json; {"status": ...} if unfinished.

    `setting` says in words what tells it from the other runs of its group and variant, its repetitions left out; empty
    if there are no others.

    `asked` has the fingerprints of the questions, by part, of every evaluation.

    `log` has one row a logged step (step, progress, lambda, loss, loss/..., probe/...); None for an untrained model.
    """

    folder: Path
    settings: RunSettings
    info: dict
    log: pd.DataFrame | None = None
    setting: str = ""
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def group(self) -> dict:
        """The keys of GROUP; an untrained model is trained on 0 samples of "nothing"."""
        settings = self.settings
        samples = settings.samples or (self.training.get("samples", 0) if settings.task else 0)
        return {
            "model": settings.model,
            "scale": settings.scale,
            "samples": PUBLISHED_SIZE.get((settings.scale, samples), samples),
            "trained_on": settings.trained_on,
        }

    @property
    def key(self) -> dict:
        """The keys of RUN."""
        settings = self.settings
        return self.group | {"variant": settings.variant, "setting": self.setting, "seed": str(settings.seed)}

    @property
    def shared_key(self) -> tuple:
        """The values of the keys of RUN but the seed: what the run and its repetitions have in common."""
        return tuple(value for name, value in self.key.items() if name != "seed")

    @property
    def name(self) -> str:
        """What the run and its repetitions are called within their group: the variant, and what is special about them."""
        return called(self.settings.variant, self.setting)

    @property
    def training(self) -> dict:
        """What run.json says of the training: samples (as many as there were), yes_share, steps, data_fingerprint ..."""
        return self.info.get("training") or {}

    @property
    def loaded(self) -> dict:
        """What run.json says of the model as it was loaded: source, precision, quantization ..."""
        return self.info.get("loaded") or {}

    @property
    def finished(self) -> bool:
        return self.info["status"] == "finished"

    @property
    def ablation(self) -> bool:
        """Whether the run belongs to an ablation grid, which has a table of its own."""
        return str(self.info.get("grid") or "").startswith(ABLATION)

    @property
    def commit(self) -> str | None:
        """The commit that trained it; a + behind it says that there were changes which no commit holds."""
        commit = self.info.get("commit")
        return f"{commit}+" if commit and self.info.get("uncommitted_changes") is True else commit

    @property
    def processor(self) -> str | None:
        """The one that trained it; None where it is not on record."""
        return (self.info.get("machine") or {}).get("processor")

    @property
    def seconds(self) -> float:
        """Wall time of training and scoring together; the run's cost."""
        return float(sum(value for value in (self.info.get("seconds") or {}).values() if value is not None))

    @property
    def probes(self) -> pd.DataFrame:
        """The log's rows on the probe set since the first step: progress, step, probe/...; empty for an untrained model."""
        if self.log is None or "probe/majority_share" not in self.log:
            return pd.DataFrame(columns=["progress", "probe/majority_share"])
        rows = self.log.dropna(subset="probe/majority_share")
        return rows[rows["progress"] > 0]

    def margins(
        self, suite: str, columns: Callable[[str], bool] | None = None, categories: Callable[[str], bool] | None = None
    ) -> pd.DataFrame | None:
        """One row an item: id, graph, task, protocol, split, label, margin, stratum/...; None if not scored.

        Args:
            columns: says by its name whether a column is wanted, all by default. Texts take long to read: graph is not,
                where block is there.
            categories: says which texts are to be read as categories, faster to compare, in no order.
        """
        path = ScoredSuite(RunFolder(self.folder).evaluation(suite)).margins
        if not path.is_file():
            return None
        names = parquet.read_schema(path).names
        if columns:
            names = [name for name in names if columns(name) and not (name == "graph" and "block" in names)]
        named = [name for name in names if categories and categories(name)]
        # Half the time of pd.read_parquet, which looks for file systems and data sets first.
        return parquet.ParquetFile(path, read_dictionary=named).read(names).to_pandas()

    def own_margins(self) -> pd.DataFrame | None:
        """The corrected suite on the task of the run's training: OWN but for the graph, and headline (scoring/blocks.py);
        None if not scored."""
        margins = self.margins("corrected", OWN.__contains__, categories=lambda name: name not in ("id", "graph"))
        if margins is None:
            return None
        own = margins[margins["task"] == self.settings.task]
        return own.assign(block=blocks(own), headline=in_headline(own))
