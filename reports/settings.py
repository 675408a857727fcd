"""What the caller decides about a report: titles, order, the reference, and the level of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Settings:
    """The `settings` dictionary of `reports.build.write`, checked.

    Attributes:
        title: heading of the page.
        reference: label that every method is tested against.
        alpha: level of every test and 1 - coverage of every interval.
        methods: label -> {"title", "year", "citations"}, in display order.
        datasets: id -> title, in display order.
        minimum_seeds: fewest paired seeds for which a p-value is printed.
        floor: label of the student trained without a teacher.
        ceiling: label under which the teachers' own rows stand.
        arrows: label that the arrows of the main table compare with.
        spotlight: labels that the summary names and the figures colour whatever their rank.
    """

    title: str = "Knowledge distillation of graph neural networks"
    reference: str = "kd"
    alpha: float = 0.05
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    minimum_seeds: int = 10
    floor: str = "supervised"
    ceiling: str = "teacher"
    arrows: str = "kd"
    spotlight: tuple[str, ...] = ("abkd", "stride")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Settings:
        """Raises ValueError for an unknown key or an impossible value: a misspelt key must not pass in silence."""
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(f"report settings: unknown keys {unknown}; allowed: {sorted(cls.__dataclass_fields__)}")
        settings = cls(**{**values, "spotlight": tuple(values.get("spotlight", cls.spotlight))})
        if not 0 < settings.alpha < 1:
            raise ValueError(f"report settings: alpha must lie between 0 and 1, not {settings.alpha}")
        if settings.minimum_seeds < 2:
            raise ValueError("report settings: minimum_seeds must be at least 2, or there is no variance to test with")
        if settings.reference == settings.ceiling:
            raise ValueError("report settings: the teacher cannot be the reference; it is another network")
        return settings

    def method_title(self, label: str) -> str:
        """The declared title; without one, "Teacher" for the ceiling, which no registry of methods describes."""
        return str(self.methods.get(label, {}).get("title", label.capitalize() if label == self.ceiling else label))

    def dataset_title(self, dataset: str) -> str:
        return str(self.datasets.get(dataset, dataset))

    def method_order(self, labels: Iterable[str]) -> list[str]:
        """Ceiling, floor, the declared order, then undeclared labels by name: never the order of rows in a file."""
        declared = {label: place for place, label in enumerate(self.methods)}
        first = {self.ceiling: -2, self.floor: -1}

        def place(label: str) -> tuple[int, str]:
            return first.get(label, declared.get(label, len(declared))), label

        return sorted(set(labels), key=place)

    def dataset_order(self, datasets: Iterable[str]) -> list[str]:
        declared = {dataset: place for place, dataset in enumerate(self.datasets)}
        return sorted(set(datasets), key=lambda dataset: (declared.get(dataset, len(declared)), dataset))
