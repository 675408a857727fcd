"""The typed form of what follows from a configuration: specs of jobs and the plan of a run. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from methods.vocabulary import Kind, Objective
from reports.rows import Role, sized
from workflow.errors import UserError
from workflow.files import digest

Option = bool | int | float | str
Network = dict[str, Option]
"""A network's id under `model`, beside its options: what `workflow.models.model.create` builds it from."""
POSITIONS = "positions"
"""The option by which a network of any class reads position encodings (`workflow.models.positions`)."""
Hyperparameters = dict[str, Any]
"""Of a method, whose file says what they may be; those of a composed one stand under the ids of its parts."""


class Strict(BaseModel):
    """A model that takes no unknown key, converts no type in silence, and does not change."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


SAMPLERS = {Kind.NODE: ("full", "neighbour"), Kind.HETEROGENEOUS: ("full", "saint"), Kind.GRAPH: ("full",)}
"""What a kind of task can be trained on."""


Sampler = Literal["full", "saint", "neighbour"]


class TrainingSettings(Strict):
    """Settings of one training. Those of a configuration are merged level by level; the last one wins."""

    epochs: int = Field(200, ge=1, description="passes over the training data")
    patience: int = Field(
        0, ge=0, description="stop after so many evaluations without a better validation score; 0 never stops"
    )
    evaluate_every: int = Field(1, ge=1, description="epochs between evaluations; only evaluated epochs can be chosen")
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = Field(
        "adam", description="optimizer of the network and of the method's heads; sgd has momentum 0.9"
    )
    learning_rate: float = Field(0.01, gt=0, description="step size")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty of the optimizer")
    schedule: Literal["constant", "cosine"] = Field("constant", description="learning rate over the epochs")
    warm_up: int = Field(0, ge=0, description="first epochs over which the learning rate rises linearly")
    loss: Literal["cross-entropy", "log-cross-entropy"] = Field(
        "cross-entropy",
        description="supervised loss of multi-class tasks; the logarithmic one bounds the pull of single nodes",
    )
    sampler: Sampler = Field(
        "full",
        description="what a step of a node task trains on: the whole graph; one induced by random walks (saint, of "
        "heterogeneous tasks); or some nodes with neighbours drawn hop by hop (neighbour, of homogeneous ones)",
    )
    roots: int = Field(20_000, ge=1, description="random walks of a sampled step")
    steps_per_epoch: int = Field(30, ge=1, description="sampled steps of an epoch")
    walk_length: int = Field(0, ge=0, description="steps of a random walk; 0 for as many as the network has layers")
    batch_size: int = Field(
        256,
        ge=1,
        description="training graphs of a mini-batch (graph-level tasks), or training nodes (neighbour); "
        "`distill_on: all` adds up to four times as many others",
    )
    fan_out: list[Annotated[int, Field(ge=1)]] = Field(
        [15, 10, 5],
        min_length=1,
        description="in-neighbours drawn of each node at the first hop, the second, ... (neighbour); a network "
        "of fewer layers takes the first ones, a deeper one sees no further than these",
    )

    @model_serializer(mode="wrap")
    def _serialized(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what came later and is not used, so that digests of trainings without it stay what they are."""
        found: dict[str, Any] = handler(self)
        if self.sampler != "neighbour":
            found.pop("fan_out", None)
        return found

    def changed(self, *levels: TrainingSettings) -> TrainingSettings:
        """These settings with what each level states, the last one winning."""
        stated = {key: getattr(level, key) for level in (self, *levels) for key in level.model_fields_set}
        return TrainingSettings(**stated)

    def check(self, kind: Kind, objective: Objective, where: str) -> None:
        """Raises UserError for a sampler or a loss that cannot serve a task; it begins with `where`."""
        if self.loss != "cross-entropy" and objective != Objective.MULTICLASS:
            raise UserError(
                f"{where}: training.loss: '{self.loss}' is for multi-class tasks, and this one is {objective}; "
                "allowed: cross-entropy, which here is the binary one or the squared error"
            )
        if self.sampler not in (allowed := SAMPLERS[kind]):
            raise UserError(
                f"{where}: training.sampler: '{self.sampler}' does not serve {kind} tasks; allowed: "
                f"{', '.join(allowed)}"
            )

    def times(self, factor: int) -> TrainingSettings:
        """Settings of a training of so many times the epochs, and of the patience that they allow."""
        if factor == 1:
            return self
        return self.changed(TrainingSettings(epochs=self.epochs * factor, patience=self.patience * factor))


class TeacherSpec(Strict):
    """All that one job needs to know of a teacher.

    Attributes:
        key: DATASET/TEACHER.
    """

    dataset: str
    teacher: str
    model: Network
    training: TrainingSettings
    params: int
    params_with_embeddings: int

    @property
    def variant(self) -> str:
        """What stands for the dataset in tables."""
        return self.dataset

    @property
    def key(self) -> str:
        return f"{self.dataset}/{self.teacher}"

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a row that the spec alone decides."""
        size = (self.params, self.params_with_embeddings)
        named = {"student": self.teacher, "method": "teacher", "ratio_target": 1.0}
        return {"dataset": self.dataset, "teacher": self.teacher, **named, **_sizes(size, size), **_hash(self)}


class CellSpec(Strict):
    """All that one job needs to know of a cell of the table: dataset x teacher x student x method.

    Attributes:
        dataset: id of the prepared data.
        variant: what stands for it in tables: `dataset`, or that with the nodes that are distilled where an experiment
            does not distil those of the configuration (`workflow.variants`).
        taught_by: key of the teacher that the method learns from; of another network than `teacher` names where that
            is one of the student's own size.
        taught: whether the method learns from it. The floor does not: it is compared with it at the end, and a teacher
            that failed leaves its training as it is.
        teacher_model: the network of that teacher.
        teacher_sampler: of its training, where that is not the student's own: what it knows is made as it was trained.
        teacher_hash: digest of the spec of that teacher. Another training of the teacher is another cell, whatever
            stands on disk: its agreement with the teacher, which every row states, is another one.
        extras: what the method asks of that teacher beside its signals.
    """

    dataset: str
    variant: str
    teacher: str
    taught_by: str
    teacher_model: Network
    teacher_sampler: Sampler | None = None
    teacher_hash: str
    teacher_params: int
    teacher_params_with_embeddings: int
    student: str
    student_params: int
    student_params_with_embeddings: int
    ratio_target: float | None
    model: Network
    training: TrainingSettings
    method: str
    method_id: str
    taught: bool
    extras: list[str] = []
    hyperparameters: Hyperparameters
    distill_on: Literal["train", "all"]

    @model_serializer(mode="wrap")
    def _serialized(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a sampler of the teacher's that is the student's own, and no extras: digests of such cells stay."""
        found: dict[str, Any] = handler(self)
        for key, usual in (("teacher_sampler", None), ("extras", [])):
            if found[key] == usual:
                found.pop(key)
        return found

    @property
    def key(self) -> str:
        """VARIANT/TEACHER/STUDENT/METHOD."""
        return f"{self.variant}/{self.teacher}/{self.sized}/{self.method}"

    @property
    def sized(self) -> str:
        """The student as `NAMExWIDTH`, with `~RATIOx` behind it where one was wanted."""
        return sized(self.student, self.ratio_target)

    @property
    def family(self) -> str:
        """Name of the student's model, whatever its width."""
        return self.student.rpartition("x")[0]

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a row that the spec alone decides."""
        teacher = (self.teacher_params, self.teacher_params_with_embeddings)
        student = (self.student_params, self.student_params_with_embeddings)
        named = {"student": self.student, "method": self.method, "ratio_target": self.ratio_target}
        return {"dataset": self.variant, "teacher": self.teacher, **named, **_sizes(teacher, student), **_hash(self)}


def _hash(spec: Strict) -> dict[str, str]:
    return {"config_hash": digest(spec.model_dump(mode="json"))}


def _sizes(teacher: tuple[int, int], student: tuple[int, int]) -> dict[str, float | int]:
    """The size columns of a row, from parameters without and with learned embeddings."""
    return {
        "ratio": teacher[0] / student[0],
        "ratio_with_embeddings": teacher[1] / student[1],
        "teacher_params": teacher[0],
        "student_params": student[0],
    }


class MeasuredNetwork(Strict):
    """A network that `measure` sizes and times."""

    name: str
    role: Role
    ratio_target: float | None
    model: Network


class MethodFacts(Strict):
    """What tables print of a method; `bibtex` holds the entry of each of its citation keys, "" for one without.

    Attributes:
        group: of the main table's rows.
        defaults: default of every hyperparameter, of a composition under the ids of its parts.
    """

    title: str
    year: int
    citations: list[str]
    bibtex: list[str] = Field(default_factory=list)
    group: str = ""
    defaults: Hyperparameters = Field(default_factory=dict)


class Plan(Strict):
    """All teachers and cells of a run.

    Attributes:
        teachers: by "DATASET/TEACHER".
        cells: by "VARIANT/TEACHER/STUDENT/METHOD" (`CellSpec.key`).
        methods: by label.
        layers: of a network that states none, by its id.
        tuning: the trials, a plan of its own: labels are `LABEL.NUMBER`, data blind, seeds others.
    """

    teachers: dict[str, TeacherSpec] = {}
    cells: dict[str, CellSpec] = {}
    methods: dict[str, MethodFacts] = {}
    layers: dict[str, int] = {}
    tuning: Plan | None = None

    def spec(self, key: str) -> TeacherSpec | CellSpec:
        """The spec of a teacher or a cell."""
        return self.teachers[key] if key in self.teachers else self.cells[key]

    @property
    def specs(self) -> Iterator[TeacherSpec | CellSpec]:
        yield from self.teachers.values()
        yield from self.cells.values()

    def networks(self, dataset: str) -> list[MeasuredNetwork]:
        """Every network of a dataset once, teachers first."""
        named = {spec.teacher for spec in self.cells.values()}  # without those of a student's own size
        found = {
            (spec.teacher, None): MeasuredNetwork(
                name=spec.teacher, role=Role.TEACHER, ratio_target=1.0, model=spec.model
            )
            for spec in self.teachers.values()
            if spec.dataset == dataset and spec.teacher in named
        } | {
            (spec.student, spec.ratio_target): MeasuredNetwork(
                name=spec.student, role=Role.STUDENT, ratio_target=spec.ratio_target, model=spec.model
            )
            for spec in self.cells.values()
            if spec.dataset == dataset
        }
        return list(found.values())
