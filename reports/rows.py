"""The tidy results: one model per table, whose fields are its columns in their order. Imports no torch."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """What became of a training, or of a measurement.

    MISSING is a training that was planned and has left no row: its job has not run, or was killed. It has no scores,
    the reason says which log to read, and `device`, `commit` and `versions` are "".
    """

    OK = "ok"
    DIVERGED = "diverged"
    OOM = "oom"
    SKIPPED = "skipped"
    FAILED = "failed"
    MISSING = "missing"


PASSING = (Status.FAILED, Status.OOM)
"""What can pass with the moment: a GPU that others used, a full disk. A diverged training diverges again."""


class Role(StrEnum):
    """What a measured network is."""

    TEACHER = "teacher"
    STUDENT = "student"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Row(_Strict):
    """One training, a row of runs.parquet: a cell of the table (dataset, teacher, student, method) at one seed.

    Attributes:
        task: the kind of task.
        ratio_target: the compression that was asked for; None where the student was given by its width.
        ratio, ratio_with_embeddings: teacher parameters over student parameters, without and with learned embeddings.
        train, valid, test: the metric at the best validation epoch; None where there is none.
        agreement: share of the test part on which student and teacher predict the same; this and all further ones of
            the same weights, and None where the task or the training has no such number (docs/protocol.md).
        kl_to_teacher: mean KL(teacher || student), nats.
        nll: mean negative log-likelihood of the labels, nats.
        ece: expected calibration error, from 0 to 1.
        cka: linear CKA of the last hidden layers of student and teacher, from 0 to 1.
        worst_class: the lowest accuracy of a class.
        seconds: wall time of the training with its evaluations.
        peak_memory_mb: MiB.
    """

    dataset: str
    task: str
    metric: str
    teacher: str
    student: str
    ratio_target: float | None
    ratio: float
    ratio_with_embeddings: float
    teacher_params: int
    student_params: int
    method: str
    seed: int
    status: Status
    reason: str
    train: float | None
    valid: float | None
    test: float | None
    agreement: float | None
    kl_to_teacher: float | None
    nll: float | None
    ece: float | None
    cka: float | None
    worst_class: float | None
    best_epoch: int | None
    epochs: int
    seconds: float
    peak_memory_mb: float
    device: str
    threads: int
    config_hash: str
    commit: str
    versions: str

    @property
    def cell(self) -> tuple[Any, ...]:
        """The values of the columns that name a training (CELL)."""
        return tuple(getattr(self, column) for column in CELL)


class Measurement(_Strict):
    """Size, work, latency and memory of one network, a row of measurements.csv.

    Attributes:
        macs: multiply-accumulates of one answer for the whole task.
        latency_ms_median, latency_ms_iqr: milliseconds of such an answer.
        peak_memory_mb: MiB.
    """

    dataset: str
    model: str
    role: Role
    ratio_target: float | None
    params: int
    params_with_embeddings: int
    macs: int | None
    latency_ms_median: float | None
    latency_ms_iqr: float | None
    peak_memory_mb: float | None
    status: Status
    reason: str


RUN_COLUMNS = list(Row.model_fields)
MEASUREMENT_COLUMNS = list(Measurement.model_fields)
FAMILY = ["dataset", "teacher", "student", "ratio_target"]
"""Columns that name a family: the methods of one family train the same student under the same teacher."""
CELL = [*FAMILY, "method", "seed"]
SCORES = ["train", "valid", "test"]
FIDELITY = {
    "agreement": (0, 1),
    "kl_to_teacher": (0, math.inf),
    "nll": (0, math.inf),
    "ece": (0, 1),
    "cka": (0, 1),
    "worst_class": (0, 1),
}
"""Columns of what a training hands on beside its score, and the least and the most that each can be."""
CURVE_COLUMNS = [*CELL, "epoch", "loss", "valid"]
TERM_COLUMNS = [*CELL, "epoch", "name", "value"]
ATTENTION_COLUMNS = [*CELL, "epoch", "name", "row", "column", "value"]
LAYER_COLUMNS = [*CELL, "name", "row", "column", "value"]
"""Linear CKA of a teacher's layer (row) and a student's (column), `name` before or after the training."""


def sized(student: str, ratio_target: float | None) -> str:
    """A student as `NAMExWIDTH`, with `~RATIOx` behind it where one was wanted, for tuning and tables alike."""
    return student if ratio_target is None else f"{student}~{ratio_target:g}x"


def width_of(sized: str) -> int:
    """The width in `NAMExWIDTH` or `NAMExWIDTH~RATIOx`."""
    return int(sized.partition("~")[0].rpartition("x")[2])
