"""After a resume the tracker is shown the log from its start: a killed process may not have written it out."""

import json

from records.run_folder import RunFolder
from training.fine_tune import _log_writer


class Shown:
    def __init__(self):
        self.steps = []

    def log(self, values, step):
        self.steps.append(step)


def test_every_line_is_shown_once_a_process(tmp_path):
    history = [{"step": step, "loss": 1.0} for step in (2, 4, 6)]
    before, after = Shown(), Shown()
    write = _log_writer(RunFolder(tmp_path / "run"), before)
    for done in (1, 2):
        write(history[:done], history[done - 1]["step"])
    resumed = _log_writer(RunFolder(tmp_path / "run"), after)
    resumed(history, 6)
    assert before.steps == [2, 4] and after.steps == [2, 4, 6]
    lines = (tmp_path / "run/training_log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]
