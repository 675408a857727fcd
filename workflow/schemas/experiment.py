"""The typed form of a configuration's experiments: which students learn from which teachers, on what. No torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from workflow.specs import Hyperparameters, Strict, TrainingSettings
from workflow.variants import INDUCTIVE, Variant


class Student(Strict):
    """Students of one architecture, by wanted ratios or by widths."""

    model: str = Field(description="name of a model; its width is set here")
    ratios: list[Annotated[float, Field(gt=1, le=1_000_000)]] | None = Field(
        None, min_length=1, description="wanted compression ratios; the width is solved for each, to within 5 %"
    )
    widths: list[Annotated[int, Field(ge=1, le=1_000_000)]] | None = Field(
        None, min_length=1, description="widths, where no ratio is wanted"
    )
    larger_than_teacher: bool = Field(
        False, description="admits a student that is not smaller than its teacher; its ratio is then below 1"
    )

    @field_validator("ratios", "widths")
    @classmethod
    def _distinct(cls, values: list[float] | None) -> list[float] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError(f"names {next(v for v in values if values.count(v) > 1):g} twice")
        return values

    @model_validator(mode="after")
    def _one_of_both(self) -> Student:
        if (self.ratios is None) == (self.widths is None):
            raise ValueError(f"give either ratios or widths, not {'both' if self.ratios else 'neither'}")
        return self


def _or_labels(schema: dict[str, Any]) -> None:
    """What `Experiment` takes beside a mapping of methods."""
    schema["anyOf"].insert(0, {"type": "array", "items": {"type": "string"}})


class Experiment(Strict):
    """Which teachers and students meet on one dataset."""

    dataset: str = Field(description="id of the dataset")
    labels_per_class: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="training nodes (or graphs) of each class that keep their label, those of 5 among those of 20; by "
        "default all",
    )
    labels_at_most: bool = Field(
        False,
        description="a class with fewer than `labels_per_class` keeps all of its own; by default it is refused",
    )
    valid_per_class: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="draws all three parts among everything that has a label: so many of each class for validation "
        "beside `labels_per_class` for training, the rest for testing; by default validation and test stay",
    )
    labels_drawn: Literal["once", "per-seed"] = Field(
        "once",
        description="`per-seed`: every seed draws its own, for its teacher and all of its students; `once`: the same "
        "ones everywhere",
    )
    setting: Literal["transductive", "inductive"] = Field(
        "transductive",
        description="`inductive` (homogeneous node tasks): test nodes and their edges are absent in training and in "
        "what the teacher knows",
    )
    unseen: float | None = Field(
        None,
        ge=0.001,
        lt=1,
        description="share of the test nodes that an `inductive` training does not see and that are scored, the others "
        "being nodes without a label; by default all",
    )
    distill_on: Literal["train", "all"] | None = Field(
        None, description="in place of the configuration's own `distill_on`"
    )
    teachers: list[str] = Field(min_length=1, description="names of models")
    students: list[Student] = Field(min_length=1, description="students of each of these teachers")
    methods: dict[str, Hyperparameters | None] | None = Field(
        None,
        description="a list takes some of the methods; a mapping takes those and changes their hyperparameters, "
        "of a composition part by part",
        json_schema_extra=_or_labels,
    )
    training: TrainingSettings = Field(TrainingSettings(), description="settings of the students of this experiment")

    @property
    def variant(self) -> Variant:
        """What is changed of the dataset."""
        return Variant(
            self.labels_per_class,
            self.setting == INDUCTIVE,
            valid_per_class=self.valid_per_class,
            drawn=self.labels_drawn == "per-seed",
            unseen=self.unseen,
            at_most=self.labels_at_most,
        )

    @property
    def task(self) -> str:
        """Id of the prepared data: the dataset, or a variant of it."""
        return self.variant.of(self.dataset)

    def distilled(self, configured: str) -> str:
        """What stands for `task` in the tables of its cells: the distilled nodes are named where not as configured."""
        other = self.distill_on if self.distill_on not in (None, configured) else None
        return replace(self.variant, distill_on=other or "").of(self.dataset)

    @field_validator("methods", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """A list of labels is a mapping that changes nothing."""
        if not isinstance(value, list):
            return value
        if not value or not all(isinstance(label, str) for label in value):
            raise ValueError("must be a list of labels, or a mapping of labels to hyperparameters")
        if len(set(value)) < len(value):
            raise ValueError(f"names {next(v for v in value if value.count(v) > 1)!r} twice")
        return dict.fromkeys(value)

    @field_validator("teachers")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError(f"names {next(v for v in value if value.count(v) > 1)!r} twice")
        return value
