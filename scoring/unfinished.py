"""What a suite's scoring has got so far: an interrupted one goes on after the last split that it finished."""

import logging
import shutil
from pathlib import Path

import numpy as np

from input_output.reading import read_json
from input_output.writing import write_json
from models.answerer import Answerer
from scoring.ways import Way

log = logging.getLogger(__name__)


class Unfinished:
    """Margins of finished splits in ``folder/unfinished/``, until the suite is whole.

    seconds: what the splits that are taken up took, so that the whole counts them.
    They are taken up only for the same weights, the same way of scoring and the same items, whose fingerprints stand in
    ``fingerprints`` by task/split.
    """

    def __init__(self, folder: Path, answerer: Answerer, way: Way, fingerprints: dict[str, str]):
        self.folder = folder / "unfinished"
        self.items = fingerprints
        self.seconds = 0.0
        self.of = {"weights": answerer.fingerprint(), "way": vars(way)}

    def margins(self, task: str, split: str) -> np.ndarray | None:
        """float32 [questions] of a split that is done; None if it is to be scored."""
        path = self._path(task, split)
        if not path.is_file():
            return None
        found = read_json(path)
        if found["of"] != self.of or found["items"] != self.items[f"{task}/{split}"]:
            return None
        log.info("%s/%s: scored before, going on", task, split)
        self.seconds += found.get("seconds", 0.0)
        return np.array(found["margins"], dtype=np.float32)

    def keep(self, task: str, split: str, margins: np.ndarray, seconds: float) -> None:
        found = {"of": self.of, "items": self.items[f"{task}/{split}"]}
        write_json(self._path(task, split), found | {"seconds": seconds, "margins": margins.tolist()})

    def clear(self) -> None:
        """The suite is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, task: str, split: str) -> Path:
        return self.folder / f"{task}-{split}.json"
