"""A block of seeds in one process: trains what has no record yet, seed after seed, and leaves one record per seed.

What lies in the folder: `workflow.training.records`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import methods
from methods.contract import Method, NotApplicableError, Shape, Signals
from reports.rows import Status
from workflow import catalog, identity, unwatched, variants
from workflow.environment import KILLED
from workflow.errors import UserError, broken_disk
from workflow.files import digest, write_json
from workflow.identity import Basis
from workflow.models import sizes
from workflow.models.model import Model, create
from workflow.specs import CellSpec, Network, TeacherSpec
from workflow.task import Task
from workflow.training import device as devices
from workflow.training import feeding, fidelity, layers
from workflow.training.checkpoint import Checkpoint
from workflow.training.exchange import exchanged
from workflow.training.extras import Taught, extras_of
from workflow.training.feeds import labels
from workflow.training.feeds.step import Feed
from workflow.training.knowledge import load_weights, no_knowledge, save_knowledge, save_tensors, weights_of
from workflow.training.layers import Layers
from workflow.training.limits import TimeLimitError, time_limit
from workflow.training.loop import fit
from workflow.training.outcome import Outcome
from workflow.training.progress import Progress
from workflow.training.records import DamagedError, Record, Records
from workflow.training.seeds import Streams
from workflow.training.teaching import kept, knowledge_of

CHECKPOINT_SECONDS = 300.0
"""Between the points from which a stopped training goes on."""
KILLS = 3
"""So often the process of one seed may be killed; then that is its row, and the next seed begins."""


@dataclass(frozen=True)
class Place:
    """Where a block is trained, and how.

    Attributes:
        task: folder of the prepared task.
        output: folder of the records.
        device, threads: as in the configuration.
        teacher: folder of the records of a cell's teacher.
        keep_weights: whether the networks are saved.
        time_limit: seconds that one training may take; None for no limit.
    """

    task: Path
    output: Path
    device: str = "auto"
    threads: int = 1
    teacher: Path | None = None
    keep_weights: bool = True
    time_limit: float | None = None


class Block:
    """Everything that the seeds of one job share; the data are loaded when the first seed needs them.

    Args:
        spec: a teacher's or a cell's.
        place: where it is trained.

    Raises:
        UserError: the device is not there.
    """

    def __init__(self, spec: TeacherSpec | CellSpec, place: Place) -> None:
        self.spec = spec
        self.place = place
        self.device = devices.choose(place.device, place.threads)
        self.facts = catalog.facts(spec.dataset)
        self.records = Records(place.output)
        self.training = identity.of(spec, place.threads)
        self.imports = unwatched.Watch(spec)

    @cached_property
    def task(self) -> Task:
        """The prepared task. Raises UserError where there is none, or one whose arrays were changed."""
        return Task.load(self.place.task, verified=True)

    def of_seed(self, seed: int) -> Block:
        """This block; one with a feed of its own where each seed has other labels."""
        task = variants.of_seed(self.task, seed)
        if task is self.task:
            return self
        found = Block(self.spec, self.place)
        found.task = task
        return found

    @cached_property
    def feed(self) -> Feed:
        """The task on the device, as the network reads it."""
        return feeding.own(self.spec, self.task, self.place.task, self.device)

    @cached_property
    def teaching(self) -> Feed:
        """The same, as the teacher of a cell reads it."""
        return feeding.of_teacher(self._cell, self.feed, self.task, self.place.task, self.device)

    @cached_property
    def teacher_shape(self) -> Shape:
        """Widths of a cell's teacher."""
        return sizes.measure(self._cell.teacher_model, self.facts).shape

    @property
    def _cell(self) -> CellSpec:
        assert isinstance(self.spec, CellSpec)
        return self.spec

    def run(self, block: str, seeds: list[int]) -> list[Record]:
        """Trains the seeds that have no record of the same basis; each leaves a record, the block a marker.

        Args:
            block: the seeds as in a file's name, such as "0-9".

        Raises:
            UserError: the task is not prepared, or the teacher has no record.
        """
        write_json(self.place.output / "spec.json", self.spec.model_dump(mode="json"))
        killed = os.environ.get(KILLED, "")
        found = []
        for seed in seeds:
            with self.records.writer(seed):
                taught_by = self._teacher_record(seed)
                basis = Basis(
                    training=self.training,
                    data=self.task.fingerprint,
                    teacher=taught_by.knowledge if taught_by else "",
                    device=self.device.type,
                )
                record = self.records.of_basis(seed, basis) or self.records.adopt(seed, basis)
                if record is None:
                    times = self.records.begin(seed, bool(killed))
                    record = self.of_seed(seed)._finish(seed, basis, taught_by, killed if times >= KILLS else "")
                    killed = ""
                found.append(record)
        self.records.finish(block, found)
        return found

    def _teacher_record(self, seed: int) -> Record | None:
        """What became of the teacher of a seed; None for a teacher. Raises UserError where it has no good record."""
        if self.place.teacher is None or isinstance(self.spec, TeacherSpec):
            return None
        try:
            record = Records(self.place.teacher).read(seed)
        except DamagedError as damage:
            raise UserError(f"{damage}; train it anew: abkd-bench retry") from damage
        if record is None:
            raise UserError(f"{self.place.teacher}: the teacher of seed {seed} has no record; run again")
        return record

    def _finish(self, seed: int, basis: Basis, taught_by: Record | None, killed: str) -> Record:
        """Trains one seed; whatever becomes of it is a record.

        Args:
            killed: name of the signal that has ended its process too often.
        """
        for file in (self.records.weights(seed), self.records.knowledge(seed)):
            file.unlink(missing_ok=True)  # of an earlier training, which this one may not replace
        devices.reset_peak_memory(self.device)
        if killed:
            outcome, model = Outcome(Status.FAILED, devices.killed(self.device, killed)), None
        else:
            checkpoint = Checkpoint(
                self.records.checkpoint(seed), digest([basis.model_dump(), seed]), CHECKPOINT_SECONDS
            )
            outcome, model = self._guarded(seed, taught_by, checkpoint)
            self.imports.look()
        weights = knowledge = ""
        if outcome.status == Status.OK and model is not None:
            weights = self._keep(seed, model)
            knowledge = self._keep_knowledge(seed, model) if isinstance(self.spec, TeacherSpec) else ""
        outcome.peak_memory_mb = outcome.peak_memory_mb or devices.peak_memory_mb(self.device)
        row = outcome.row(self.spec, self.task, seed, devices.describe(self.device), self.place.threads)
        record = Record(basis=basis, row=row, history=outcome.history, knowledge=knowledge, weights=weights)
        return self.records.write(record)

    def _guarded(self, seed: int, taught_by: Record | None, checkpoint: Checkpoint) -> tuple[Outcome, Model | None]:
        """One training; whatever goes wrong inside it becomes an outcome with a status, never a lost row."""
        try:
            with time_limit(self.place.time_limit):
                if isinstance(self.spec, TeacherSpec):
                    return self._teach(seed, checkpoint)
                return self._distill(seed, taught_by, checkpoint)
        except UserError:
            raise
        except TimeLimitError as limit:
            return Outcome(Status.FAILED, str(limit)), None
        except NotApplicableError as reason:
            return Outcome(Status.SKIPPED, str(reason)), None
        except OSError as error:
            if told := broken_disk(error):
                raise told from error
            return Outcome(*devices.trouble(error)), None
        except Exception as error:
            status, line = devices.trouble(error)
            devices.end_if_lost(self.device, line)
            return Outcome(status, line), None

    def _teach(self, seed: int, checkpoint: Checkpoint) -> tuple[Outcome, Model]:
        streams = Streams(seed, "teacher", self.device)
        model = self._network(self.spec.model, streams)
        progress = self._progress(seed, "teacher")
        outcome = fit(model, self.feed, streams, self.spec.training, progress=progress, checkpoint=checkpoint)
        self._measure(outcome, model, lambda: None, ())
        return outcome, model

    def _distill(self, seed: int, taught_by: Record | None, checkpoint: Checkpoint) -> tuple[Outcome, Model | None]:
        spec = self._cell
        known = taught_by if taught_by and taught_by.knowledge else None
        if spec.taught and taught_by and not known:
            reason = f"the teacher of seed {seed}: {taught_by.row.status} ({taught_by.row.reason})"
            return Outcome(Status.FAILED, reason), None
        streams = Streams(seed, "student", self.device)
        model = self._network(spec.model, streams)
        if skipped := methods.skip(spec.method_id, self.task, self.teacher_shape, model.shape):
            return Outcome(Status.SKIPPED, skipped), None
        knowledge = self._knowledge(seed, known if spec.taught else None)
        taught = Taught(self.task, lambda: self.teaching, seed, known, knowledge, self._teacher)
        method = self._method(streams, model.shape, taught)
        progress, first = self._progress(seed, spec.method), layers.of(model, self.feed) if known else ()
        lesson = self._exchanged(knowledge, streams) if methods.exchanged(spec.method_id) else knowledge
        outcome = fit(model, self.feed, streams, spec.training, method, lesson, progress, checkpoint)

        def teacher() -> Signals | None:
            """For the floor, which is compared with it, it is read only now: its training does not rest on it."""
            return None if known is None else knowledge if spec.taught else self._knowledge(seed, known)

        self._measure(outcome, model, teacher, first)
        return outcome, model

    def _measure(self, outcome: Outcome, model: Model, teacher: Callable[[], Signals | None], first: Layers) -> None:
        """Completes the outcome of a training; `teacher` gives what the teacher knows, None where there is none."""
        outcome.peak_memory_mb = devices.peak_memory_mb(self.device)
        if outcome.status == Status.OK and "test" in self.task.scored:
            outcome.fidelity, outcome.layers = fidelity.measure(model, self.feed, teacher(), first)

    def _network(self, network: Network, streams: Streams) -> Model:
        with streams.globally("network"):
            return create(network, self.facts).to(self.device)

    def _method(self, streams: Streams, student: Shape, taught: Taught) -> Method:
        spec = self._cell
        extras = extras_of(spec.method_id, self.place.teacher, taught)
        with streams.globally("heads"):
            made = methods.create(spec.method_id, teacher=self.teacher_shape, student=student, **spec.hyperparameters)
            made.begin(self.feed.taught, extras)
        return made.to(self.device)

    def _progress(self, seed: int, method: str) -> Progress:
        return Progress(f"{self.spec.variant} {method} seed {seed}", self.spec.training.epochs, self.task.metric)

    def _knowledge(self, seed: int, taught_by: Record | None) -> Signals:
        """What the teacher of a seed knows, in the memory of the host; a feed takes to the device what a step needs."""
        if taught_by is None:
            return no_knowledge(self.task, self.teacher_shape)
        assert self.place.teacher is not None
        records = Records(self.place.teacher)
        return knowledge_of(
            records, taught_by, lambda: self.teaching, lambda: self._teacher(seed), self._cell, self.task
        )

    def _exchanged(self, knowledge: Signals, streams: Streams) -> Signals:
        return exchanged(knowledge, self.feed.taught, labels.learned(self.task), streams.numpy("exchange"))

    def _teacher(self, seed: int) -> Model:
        """The teacher of a seed, with its weights."""
        assert self.place.teacher is not None
        model = self._network(self._cell.teacher_model, Streams(seed, "teacher", self.device))
        records, record = Records(self.place.teacher), self._teacher_record(seed)
        load_weights(records.weights(seed), record.weights if record else "", records.file(seed), model)
        return model

    def _keep(self, seed: int, model: Model) -> str:
        """Saves a network, and returns the digest of its weights."""
        if not self.place.keep_weights:
            return ""
        metadata = {"fingerprint": self.task.fingerprint, "training": self.training}
        save_tensors(self.records.weights(seed), model.state_dict(), metadata)
        return weights_of(model.state_dict())

    def _keep_knowledge(self, seed: int, model: Model) -> str:
        """Saves what a teacher knows, and returns its digest."""
        metadata = {"fingerprint": self.task.fingerprint, "training": self.training}
        return save_knowledge(self.records.knowledge(seed), kept(self.feed, model), metadata)
