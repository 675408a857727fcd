"""What a block leaves behind: one row and one history per seed, typed, and whole or not at all. Imports no torch.

Files of a block's folder:
    rows.json     one row per seed, the columns of runs.parquet; written last, so that its presence means "done".
    history.json  learning curves and traces (attention maps) of every seed.
    finished/seed~N.json  while the block is under way: what an interrupted job need not train again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from reports.rows import Row
from workflow.files import write_text
from workflow.specs import Strict

if TYPE_CHECKING:
    from torch import Tensor

Matrix = list[list[float | None]]


class History(Strict):
    """What one training looked like; numbers that are not finite are None.

    Attributes:
        curve: (epoch, mean training loss, validation score) of every evaluation.
        trace: (epoch, the method's small tensors by name).
    """

    seed: int
    curve: list[tuple[int, float | None, float | None]]
    trace: list[tuple[int, dict[str, Matrix]]]


class Finished(Strict):
    """One seed of a block that is under way.

    Attributes:
        identity: digest of all that the training rests on.
    """

    identity: str
    row: Row
    history: History


ROWS = TypeAdapter(list[Row])
HISTORIES = TypeAdapter(list[History])


def read_block(folder: Path) -> list[tuple[Row, History]]:
    """The row and history of every seed of a block that is done."""
    rows = ROWS.validate_json((folder / "rows.json").read_bytes())
    histories = HISTORIES.validate_json((folder / "history.json").read_bytes())
    return list(zip(rows, histories, strict=True))


def write_block(folder: Path, seeds: list[Finished]) -> None:
    """Writes what `read_block` reads, and drops what only an interrupted job would need."""
    write_text(folder / "history.json", HISTORIES.dump_json([one.history for one in seeds], indent=1).decode() + "\n")
    write_text(folder / "rows.json", ROWS.dump_json([one.row for one in seeds], indent=1).decode() + "\n")
    shutil.rmtree(folder / "finished", ignore_errors=True)


def finished(folder: Path, seed: int, identity: str) -> Finished | None:
    """What an interrupted run of the same block left of a seed; None where it left nothing, or something else."""
    file = folder / "finished" / f"seed~{seed}.json"
    if not file.exists():
        return None
    kept = Finished.model_validate_json(file.read_bytes())
    return kept if kept.identity == identity else None


def keep(folder: Path, one: Finished) -> None:
    """Writes what `finished` finds."""
    write_text(folder / "finished" / f"seed~{one.row.seed}.json", one.model_dump_json(indent=1) + "\n")


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if value - value == 0 else None


def listed(traced: Tensor) -> Matrix:
    """Rows of a matrix; a scalar or vector is one row, and what has more dimensions has long rows."""
    rows = traced.flatten(1) if traced.dim() > 1 else traced.reshape(1, -1)
    return [[finite(value) for value in row] for row in rows.tolist()]
