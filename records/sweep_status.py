"""How each cell of a sweep ended: small files in the sweep's own folder, so that any launcher can write them."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from records.files import read_json, write_json


def note_cell(status: str, out: str, reason: str | None = None) -> None:
    """Record the state of the current Hydra job: started | finished | skipped | failed."""
    hydra = HydraConfig.get()
    write_json(
        Path(hydra.sweep.dir) / f"cell-{hydra.job.num:04d}.json", {"status": status, "out": out, "reason": reason}
    )


def cells(sweep_folder: str | Path) -> list[dict]:
    """All cells' states, in the order of the jobs."""
    return [read_json(path) for path in sorted(Path(sweep_folder).glob("cell-*.json"))]


def failures(sweep_folder: str | Path) -> list[str]:
    """One line for each cell that failed, or started and never ended."""
    return [
        f"{cell['out']}: {cell['reason'] or 'ended without a word (killed?)'}"
        for cell in cells(sweep_folder)
        if cell["status"] in ("failed", "started")
    ]
