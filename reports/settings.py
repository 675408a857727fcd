"""What the caller decides about a report: titles, order, the reference, and the level of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from reports.chosen import Report
from reports.printing import printable

Text = Annotated[str, AfterValidator(printable)]


CONTROLS = "Controls"
"""Heading of the methods that are controls, as `methods.registry` names it."""


class Facts(BaseModel):
    """What the page says of a method beside its numbers; `bibtex` holds the entry of each citation key.

    `group` is the heading under which its row stands in the main table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    year: int | None = None
    citations: tuple[str, ...] = ()
    bibtex: tuple[str, ...] = ()
    group: str = ""


MOST_TOLD = 3
"""Faults of a file that one line names."""


class Tuning(BaseModel):
    """What was chosen for one method, dataset, teacher and student of any width.

    Attributes:
        student: name of the model, without a width.
        method, tuned: labels at defaults, and at what was chosen.
        values: the chosen hyperparameters as text.
        valid: student with its width (`Family.sized`) -> its mean validation score in each trial, the default
            first; None where one of its trainings failed.
        ranks: mean rank of each trial over the students; None where it could not be chosen.
        chosen: number of the trial.
        floor: student -> validation score of the floor on the same seeds; empty without one.
        borders: hyperparameters whose chosen value is the smallest or largest that was tried.
        tried: the hyperparameters of each trial, by one name each; empty in reports of earlier versions.
        scores: student -> validation scores of each trial by seed.
        base, base_scores: label of what the trials add to, the floor or a composition's first parts at their chosen
            values, and student -> its validation scores by seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    teacher: str
    student: str
    method: str
    tuned: str
    values: Text
    valid: dict[str, tuple[float | None, ...]]
    ranks: tuple[float | None, ...]
    chosen: int
    floor: dict[str, float | None] = {}
    borders: tuple[str, ...] = ()
    tried: tuple[Mapping[str, Any], ...] = ()
    scores: dict[str, tuple[tuple[float | None, ...], ...]] = {}
    base: str = ""
    base_scores: dict[str, tuple[float | None, ...]] = {}


class Network(BaseModel):
    """What tables say of a network beside its measurements: number of layers, where known, and citation keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int | None = None
    citations: tuple[str, ...] = ()


class Used(BaseModel):
    """The hyperparameters that one method had in one family, as text.

    Attributes:
        targets, taught: the files that ask Snakemake for the cell, and for the teacher that it learns from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    teacher: str
    student: str
    ratio_target: float | None
    method: str
    values: Text
    targets: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()


class Settings(BaseModel):
    """The `settings` dictionary of `reports.build.write`, checked.

    Attributes:
        title: heading of the page.
        reference: label that every method is tested against, and that the arrows of the main table compare with.
        alpha: level of every test and 1 - coverage of every interval.
        methods: label -> what to print of it, in display order.
        datasets: id -> title, in display order.
        minimum_seeds: fewest paired seeds for which a p-value is printed.
        floor: label of the student trained without a teacher.
        ceiling: label under which the teachers' own rows stand.
        spotlight: labels that the summary names and the figures colour whatever their rank.
        tuning: the choices that tuned methods rest on.
        report: what a paper's tables show, what counts as equal, how figures look.
        networks: by name, as the tables name teachers and students.
        data_citations: dataset -> citation keys.
        references: citation key -> BibTeX entry, of datasets and networks; the methods bring their own.
        hyperparameters: of every cell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text = "Knowledge distillation of graph neural networks"
    reference: str = "kd"
    alpha: float = 0.05
    methods: Mapping[str, Facts] = Field(default_factory=dict)
    datasets: Mapping[str, Text] = Field(default_factory=dict)
    minimum_seeds: int = 10
    floor: str = "supervised"
    ceiling: str = "teacher"
    spotlight: tuple[str, ...] = ()
    tuning: tuple[Tuning, ...] = ()
    report: Report = Report()
    networks: Mapping[str, Network] = Field(default_factory=dict)
    data_citations: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    references: Mapping[str, str] = Field(default_factory=dict)
    hyperparameters: tuple[Used, ...] = ()

    @field_validator("alpha")
    @classmethod
    def _a_level(cls, alpha: float) -> float:
        if not 0 < alpha < 0.5:
            raise ValueError(f"alpha must lie between 0 and 0.5, not {alpha:g}")
        return alpha

    @field_validator("minimum_seeds")
    @classmethod
    def _a_variance(cls, seeds: int) -> int:
        if seeds < 2:
            raise ValueError("minimum_seeds must be at least 2, or there is no variance to test with")
        return seeds

    @model_validator(mode="after")
    def _another_network(self) -> Settings:
        if self.reference == self.ceiling:
            raise ValueError("the teacher cannot be the reference; it is another network")
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Settings:
        """Raises ValueError, in one line, for an unknown key or an impossible value: no misspelt key passes."""
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            raise ValueError(f"report settings: unknown keys {unknown}; allowed: {sorted(cls.model_fields)}")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            told = list(map(_told, error.errors()))
            more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
            raise ValueError(f"report settings: {'; '.join(told[:MOST_TOLD])}{more}") from None

    @property
    def level(self) -> str:
        """Coverage of the intervals in percent, as printed: `95`."""
        return f"{100 * (1 - self.alpha):g}"

    def method_title(self, label: str) -> str:
        """The declared title; without one, "Teacher" for the ceiling, which no registry of methods describes."""
        if label in self.methods:
            return self.methods[label].title
        return label.capitalize() if label == self.ceiling else label

    @property
    def bibliography(self) -> dict[str, str]:
        """Citation key -> BibTeX entry, of all methods, datasets and networks that have one."""
        methods = {
            key: entry
            for facts in self.methods.values()
            for key, entry in zip(facts.citations, facts.bibtex, strict=False)
            if entry
        }
        return {**self.references, **methods}

    def group(self, label: str) -> str:
        """The heading under which a method's row stands; the teacher, of another size, stands alone."""
        return self.methods[label].group if label in self.methods else ""

    def is_control(self, label: str) -> bool:
        """Whether it says what else than a large teacher a gain can be due to, and is no contestant."""
        return self.group(label) == CONTROLS

    def with_labels(self, labels: Iterable[str]) -> Settings:
        """The same with undeclared labels behind the declared ones: results that were added have no other facts."""
        group = "Added results" if any(facts.group for facts in self.methods.values()) else ""
        further, select = sorted(set(labels) - {*self.methods, self.ceiling}), self.report.select
        added = {label: Facts(title=label, group=group) for label in further}
        changes: dict[str, Any] = {"methods": {**self.methods, **added}}
        if select.methods:  # no configuration can name them, and who adds results wants them seen
            more = select.model_copy(update={"methods": list(dict.fromkeys([*select.methods, *further]))})
            changes["report"] = self.report.model_copy(update={"select": more})
        return self.model_copy(update=changes)

    def cited(self, label: str) -> list[str]:
        """The citation keys of a method that the bibliography holds."""
        facts = self.methods.get(label)
        return [key for key in dict.fromkeys(facts.citations if facts else ()) if key in self.bibliography]

    def cites(self, labels: Iterable[str]) -> dict[str, list[str]]:
        """Title -> citation keys of the methods of a table."""
        return {self.method_title(label): self.cited(label) for label in labels}

    def dataset_title(self, dataset: str) -> str:
        """The declared title, or the id."""
        return self.datasets.get(dataset, dataset)

    def method_order(self, labels: Iterable[str]) -> list[str]:
        """Ceiling, floor, the declared order, then undeclared labels by name: never the order of rows in a file."""
        declared = {label: place for place, label in enumerate(self.methods)}
        first = {self.ceiling: -2, self.floor: -1}

        def place(label: str) -> tuple[int, str]:
            return first.get(label, declared.get(label, len(declared))), label

        return sorted(set(labels), key=place)

    def dataset_order(self, datasets: Iterable[str]) -> list[str]:
        """The declared order, then undeclared datasets by name."""
        declared = {dataset: place for place, dataset in enumerate(self.datasets)}
        return sorted(set(datasets), key=lambda dataset: (declared.get(dataset, len(declared)), dataset))


def _told(error: Any) -> str:
    """One of pydantic's errors in words; those of the validators above name their key themselves."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
