"""What trainings leave behind: one record per seed, whole or not at all. Imports no torch.

A cell (or a teacher) that is trained by one spec and one code has one folder, named by `workflow.identity.of`:
    spec.json                     the spec, for human eyes.
    trainings/seed~N.json         the record of a seed: its basis, its row, its history.
    trainings/seed~N.begun        while it is trained: how often its process was killed.
    trainings/seed~N.checkpoint   while it is trained: what a stopped training goes on from.
    weights/seed~N.safetensors    the network at its best validation epoch.
    knowledge/seed~N.safetensors  teachers only: logits and every hidden layer of all rows, or of those that most read.
    knowledge/seed~N.EXTRA.safetensors  teachers only: what a method asks for beside these; `whole` for all rows.
    seeds~A-B.json                all of these seeds have their record; what Snakemake waits for.
    lock                          one byte per seed, locked by whoever trains it.
Blocks of seeds share the folder, so that a larger block takes over what a smaller one has trained.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from reports.rows import Row, Status
from workflow.errors import UserError
from workflow.files import replacing, write_json, write_text
from workflow.identity import Basis
from workflow.sealed import Sealed
from workflow.specs import Strict

if TYPE_CHECKING:
    from torch import Tensor

GROUPS = ("teachers", "cells")
"""Folders of a configuration's results that hold trainings."""
Matrix = list[list[float | None]]


class History(Strict):
    """What one training looked like; numbers that are not finite are None.

    Attributes:
        curve: (epoch, mean training loss, validation score) of every evaluation.
        terms: (epoch, mean of every term of the loss by name, as weighted) of every evaluation.
        trace: (epoch, the method's small tensors by name).
        layers: linear CKA of all pairs of layers, teacher x student, "before" and "after" the training; empty where
            there is no teacher to compare with.
    """

    curve: tuple[tuple[int, float | None, float | None], ...] = ()
    terms: tuple[tuple[int, dict[str, float | None]], ...] = ()
    trace: tuple[tuple[int, dict[str, Matrix]], ...] = ()
    layers: dict[str, Matrix] = Field(default_factory=dict)


class Record(Sealed):
    """One training that has ended, well or not.

    Attributes:
        basis: all that its numbers rest on.
        knowledge: digest of what the network knows, as it was kept; "" where it was not.
        weights: digest of the network's weights, likewise.
    """

    basis: Basis
    row: Row
    history: History = History()
    knowledge: str = ""
    weights: str = ""


class DamagedError(UserError):
    """A record that is there and cannot be read, or is not as it was written."""


class Records:
    """The folder of one cell or teacher.

    Args:
        folder: see the module's docstring.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def weights(self, seed: int) -> Path:
        """The file of a network."""
        return self.folder / "weights" / f"seed~{seed}.safetensors"

    def knowledge(self, seed: int) -> Path:
        """The file of a teacher's signals."""
        return self.folder / "knowledge" / f"seed~{seed}.safetensors"

    def extra(self, seed: int, name: str) -> Path:
        """The file of a teacher's extra."""
        return self.folder / "knowledge" / f"seed~{seed}.{name}.safetensors"

    def purged(self, seed: int) -> bool:
        """Whether a teacher's network and what it knows are both gone, so that neither can be made from the other."""
        return not self.weights(seed).exists() and not self.knowledge(seed).exists()

    def checkpoint(self, seed: int) -> Path:
        """The file that a stopped training goes on from."""
        return self.folder / "trainings" / f"seed~{seed}.checkpoint"

    def file(self, seed: int) -> Path:
        """The file of a record."""
        return self.folder / "trainings" / f"seed~{seed}.json"

    def marker(self, block: str) -> Path:
        """The file that says that a block of seeds is done."""
        return self.folder / f"seeds~{block}.json"

    def read(self, seed: int) -> Record | None:
        """The record of a seed; None where there is none.

        Raises:
            DamagedError: its file is not a record of this seed, or was edited.
        """
        try:
            record = Record.model_validate_json(self.file(seed).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise DamagedError(f"{self.file(seed)}: {str(error).splitlines()[0]}") from error
        if record.row.seed != seed:
            raise DamagedError(f"{self.file(seed)}: is the record of seed {record.row.seed}")
        if not record.intact:
            raise DamagedError(f"{self.file(seed)}: is not as its training has left it")
        return record

    def of_basis(self, seed: int, basis: Basis) -> Record | None:
        """The record of a seed if it rests on this basis; one that does not, or that is damaged, is told in a line."""
        try:
            record = self.read(seed)
        except DamagedError as damage:
            print(f"{damage}; training it anew", file=sys.stderr)
            return None
        if record is None or record.basis == basis:
            return record
        before, now = record.basis.model_dump(), basis.model_dump()
        others = " and ".join(name for name in now if before[name] != now[name])
        print(f"{self.file(seed)}: rests on another {others}; training it anew", file=sys.stderr)
        return None

    def adopt(self, seed: int, basis: Basis) -> Record | None:
        """The record of a seed that another configuration has trained, with the network, as links or copies.

        The folders of one training end alike in all of RESULTS/NAME/GROUP/.../IDENTITY; the identity stands for spec
        and code, and the basis must be the same. None where nobody has it. Only what went well counts: another run's
        trouble may have passed.
        """
        for other in self._siblings():
            try:
                record = other.read(seed)
            except DamagedError:
                continue
            if record is None or record.basis != basis or record.row.status != Status.OK:
                continue
            if record.knowledge and other.purged(seed):
                continue
            for file in ("weights", "knowledge"):
                _link(getattr(other, file)(seed), getattr(self, file)(seed))
            print(f"seed {seed}: trained already, {other.file(seed)}", file=sys.stderr)
            return self.write(record)
        return None

    def _siblings(self) -> Iterator[Records]:
        """The folders of the same training below the other configurations' results."""
        parts = self.folder.parts
        for depth in (k for k, part in enumerate(parts) if part in GROUPS and k >= 1):
            root, below = Path(*parts[: depth - 1]), Path(*parts[depth:])
            found = (results / below for results in sorted(root.glob("*")) if results.name != parts[depth - 1])
            yield from (Records(folder) for folder in found if folder.is_dir())

    def write(self, record: Record) -> Record:
        """Keeps a record with its digest, and drops what only an unfinished training needs."""
        record, seed = record.sealed(), record.row.seed
        write_text(self.file(seed), record.model_dump_json(indent=1) + "\n")
        self.checkpoint(seed).unlink(missing_ok=True)
        self._begun(seed).unlink(missing_ok=True)
        return record

    def forget(self, seed: int) -> None:
        """Drops a record, so that the seed is trained anew."""
        self.file(seed).unlink(missing_ok=True)
        self.checkpoint(seed).unlink(missing_ok=True)

    def finish(self, block: str, records: list[Record]) -> None:
        """Says that a block is done, and how: Snakemake takes a newer file of the same content for unchanged."""
        done = {str(r.row.seed): {"status": r.row.status, "record": r.digest} for r in records}
        write_json(self.marker(block), done)

    def begin(self, seed: int, killed: bool) -> int:
        """Notes that a training begins.

        Args:
            killed: whether it begins again because its process was killed.

        Returns:
            How often that has happened to this seed since its job began.
        """
        begun = self._begun(seed)
        times = int(begun.read_text() or 0) + 1 if killed and begun.exists() else 0
        write_text(begun, str(times))
        return times

    def _begun(self, seed: int) -> Path:
        return self.folder / "trainings" / f"seed~{seed}.begun"

    @contextmanager
    def writer(self, seed: int) -> Iterator[None]:
        """Lets one process at a time train a seed, and waits for the other; the lock dies with its process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, seed)
            except (BlockingIOError, PermissionError):
                print(f"{self.folder}: another process trains seed {seed}; waiting for it", file=sys.stderr)
                fcntl.lockf(file, fcntl.LOCK_EX, 1, seed)
            except OSError as error:
                print(f"{self.folder}: this file system has no locks ({error.strerror})", file=sys.stderr)
            yield


def _link(source: Path, target: Path) -> None:
    """Gives a file a second name, or makes a copy where its file system cannot; a missing one is left out."""
    if not source.exists():
        return
    with replacing(target) as temporary:
        temporary.unlink()  # a link takes no name that is there
        try:
            temporary.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, temporary)


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if value - value == 0 else None


def listed(traced: Tensor) -> Matrix:
    """Rows of a matrix; a scalar or vector is one row, and what has more dimensions has long rows."""
    rows = traced.flatten(1) if traced.dim() > 1 else traced.reshape(1, -1)
    return [[finite(value) for value in row] for row in rows.tolist()]
