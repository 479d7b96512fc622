"""How each cell of a sweep ended: small files in the sweep's own folder, so that any launcher can write them."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from input_output.reading import read_json
from input_output.writing import write_json
from records.claim import is_first_process

# Why a cell with this status, when all have ended, failed; one that says so itself gives the reason.
UNENDED = {
    "submitted": "never started (cancelled?)",
    "started": "ended without a word (killed, cancelled or out of time?)",
}


def note(
    sweep_folder: str | Path, number: int, status: str, out: str, reason: str | None = None, job: str = ""
) -> None:
    """Record the state of a cell: submitted | started | finished | skipped | failed |
    elsewhere (another process works on it). job: the launcher's name for it."""
    cell = {"status": status, "out": out, "reason": reason, "job": job}
    write_json(Path(sweep_folder) / f"cell-{number:04d}.json", cell)


def note_cell(status: str, out: str, reason: str | None = None) -> None:
    """Record the state of the current Hydra job; of several processes that share it, the first speaks."""
    if is_first_process():
        hydra = HydraConfig.get()
        note(hydra.sweep.dir, hydra.job.num, status, out, reason, str(hydra.job.id))


def cells(sweep_folder: str | Path) -> list[dict]:
    """All cells' states, in the order of the jobs."""
    return [read_json(path) for path in sorted(Path(sweep_folder).glob("cell-*.json"))]


def failures(sweep_folder: str | Path) -> list[str]:
    """One line for each cell that failed, never started, or started and never ended."""
    lines = []
    for cell in cells(sweep_folder):
        if cell["status"] == "failed" or cell["status"] in UNENDED:
            job = f" [job {cell['job']}]" if cell["job"] else ""
            lines.append(f"{cell['out']}: {cell['reason'] or UNENDED[cell['status']]}{job}")
    return lines


def waiting(sweep_folder: str | Path) -> bool:
    """Whether a cell has not ended."""
    return any(cell["status"] in UNENDED for cell in cells(sweep_folder))
