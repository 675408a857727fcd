"""Values of a row as JSON can hold them."""

from __future__ import annotations

from torch import Tensor


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if value - value == 0 else None


def listed(traced: Tensor) -> list[list[float | None]]:
    """Rows of a matrix; a scalar or vector is one row, and what has more dimensions has long rows."""
    rows = traced.flatten(1) if traced.dim() > 1 else traced.reshape(1, -1)
    return [[finite(value) for value in row] for row in rows.tolist()]


def ratios(teacher: dict[str, int], student: dict[str, int]) -> dict[str, float | int]:
    """The size columns of a row."""
    return {
        "ratio": teacher["params"] / student["params"],
        "ratio_with_embeddings": teacher["with"] / student["with"],
        "teacher_params": teacher["params"],
        "student_params": student["params"],
    }
