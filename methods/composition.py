"""Several methods at once, as in `kd+gcrd`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals
from methods.terms import check, given
from methods.vocabulary import Extra


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
        self.uses_ids = any(member.uses_ids for member in members.values())
        self.labels_apart = any(member.labels_apart for member in members.values())
        self.uses_view = any(member.uses_view for member in members.values())
        self.teacher_extras = tuple(sorted({extra for member in members.values() for extra in member.teacher_extras}))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        return {
            f"{name}.{term}": value
            for name, member in self.members.items()
            for term, value in check(member, given(member, student, teacher, batch)).items()
        }

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        for member in self.members.values():
            assert isinstance(member, Method)
            member.begin(ids, {name: extras[name] for name in member.teacher_extras})

    def view(
        self,
        features: Sequence[Tensor],
        answer: Callable[[Sequence[Tensor]], Signals],
        teacher: Signals,
        batch: Batch,
    ) -> dict[str, Tensor]:
        return {
            f"{name}.{term}": value
            for name, member in self.members.items()
            if member.uses_view
            for term, value in check(member, member.view(features, answer, teacher, batch), "view").items()  # type: ignore[operator]
        }

    def trace(self) -> dict[str, Tensor]:
        return {f"{n}.{k}": v for n, member in self.members.items() for k, v in member.trace().items()}  # type: ignore[operator]
