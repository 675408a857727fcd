"""Several methods at once, as in `kd+gcrd`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals


class Composition(Method):
    """Sums the terms of its parts; the cross-entropy weight is the product of theirs (1 unless a part lowers it)."""

    title = "composition"
    year = 0
    citation = ""

    def __init__(self, teacher: Shape, student: Shape, members: Mapping[str, Method]) -> None:
        super().__init__(teacher, student)
        self.members = nn.ModuleDict(members)
        for member in members.values():
            self.ce_weight *= member.ce_weight

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        return {
            f"{name}.{term}": value
            for name, member in self.members.items()
            for term, value in member(student, teacher, batch).items()
        }

    def trace(self) -> dict[str, Tensor]:
        return {f"{n}.{k}": v for n, member in self.members.items() for k, v in member.trace().items()}  # type: ignore[operator]
