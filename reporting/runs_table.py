"""Which run lies where: the settings of every run beside its folder."""

import pandas as pd

from reporting.groups import GROUP
from reporting.results import Results
from reporting.table import Table


def runs_table(results: Results) -> Table:
    """One row a run, unfinished ones that left a log or scores included."""
    rows = [
        run.key
        | {"status": run.info["status"], "loss": run.settings.loss and str(run.settings.loss)}
        | {"schedule": run.settings.schedule and str(run.settings.schedule)}
        | {"questions": run.training.get("samples"), "training_yes_share": run.training.get("yes_share")}
        | {"commit": run.commit}
        | {"seconds": run.seconds, "folder": run.folder.relative_to(results.folder).as_posix()}
        for run in results.runs + results.underway
    ]
    columns = ["folder", "status", *GROUP, "variant", "setting", "seed", "loss", "schedule", "questions"]
    frame = pd.DataFrame(rows, columns=[*columns, "training_yes_share", "seconds", "commit"])
    note = (
        "*setting* is what tells a run from others of its variant and group, and from what is usual; *samples* were asked for (of "
        "47,500 at the paper's scale, the 50,000 of which they are the training part), *questions* trained on. *commit*: of the code, with a + where changes of it were in no commit. Every setting: config.yaml in the folder."
    )
    return Table("runs", "Runs and their folders", note, frame, decimal=("training_yes_share",))
