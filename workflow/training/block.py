"""A block of seeds in one process: loads the task once, trains seed after seed, writes one row per seed.

Files of a block's folder, beside those of `workflow.training.rows`:
    weights/seed~N.safetensors    the network at its best validation epoch.
    knowledge/seed~N.safetensors  teachers only: logits and every hidden layer of all rows, with the fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

import methods
from methods.contract import Method, NotApplicableError, Shape
from reports.rows import Row, Status
from workflow import catalog, sources
from workflow.errors import UserError
from workflow.files import digest
from workflow.models import sizes
from workflow.models.model import Model, create
from workflow.specs import CellSpec, TeacherSpec, TrainingSettings
from workflow.task import Task
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.knowledge import knowledge_content, knowledge_file, load_knowledge, save_knowledge, save_tensors
from workflow.training.loop import Outcome, fit
from workflow.training.progress import Progress
from workflow.training.provenance import commit, versions
from workflow.training.rows import ROWS, Finished, History, finished, finite, keep, listed, write_block
from workflow.training.seeds import Streams

Trained = tuple[Outcome, Model | None]


class Block:
    """Everything that the seeds of one job share.

    Args:
        spec: a teacher's or a cell's.
        task: folder of the prepared task.
        output: folder of the block.
        device, threads: as in the configuration.

    Raises:
        UserError: the task is not prepared, or the device is not there.
    """

    def __init__(self, spec: TeacherSpec | CellSpec, task: Path, output: Path, device: str, threads: int) -> None:
        self.spec = spec
        self.output = output
        self.keep_weights = True
        self.device = devices.choose(device, threads)
        self.task = Task.load(task)
        self.facts = catalog.facts(spec.dataset)
        distill_on = spec.distill_on if isinstance(spec, CellSpec) else "all"
        self.feed = choose.create(self.task, self.device, distill_on, self._feeding())
        self.hash = digest(spec.model_dump(mode="json"))
        code = sources.digest("training", str(spec.model["model"]))
        code += sources.of_method(spec.method_id) if isinstance(spec, CellSpec) else ""
        self.identity = digest([self.hash, self.task.fingerprint, str(self.device), threads, code])
        self.common = {
            "dataset": spec.dataset,
            "task": self.task.kind.value,
            "metric": self.task.metric,
            "teacher": spec.teacher,
            "device": devices.describe(self.device),
            "threads": threads,
            "config_hash": self.hash,
            "commit": commit(),
            "versions": versions(),
        }

    def _feeding(self) -> TrainingSettings:
        """The training settings; walks are by default as long as the network is deep."""
        training = self.spec.training
        layers = len(sizes.measure(self.spec.model, self.facts).shape.layers)
        return training.model_copy(update={"walk_length": training.walk_length or layers})

    def teach(self, seeds: list[int]) -> None:
        """Trains the teachers of these seeds; each leaves weights, knowledge and a row."""
        spec = self.spec
        assert isinstance(spec, TeacherSpec)
        size = (spec.params, spec.params_with_embeddings)
        named = {"student": spec.teacher, "method": "teacher", "ratio_target": 1.0, **ratios(size, size)}
        self._run(seeds, named, self._teach_one)

    def _teach_one(self, seed: int) -> Trained:
        streams = Streams(seed, "teacher", self.device)
        model = self._network(streams)
        outcome = fit(model, self.feed, streams, self.spec.training, progress=self._progress(seed, "teacher"))
        if outcome.status == Status.OK:
            self._keep_knowledge(model, seed)
        return outcome, model

    def distill(self, seeds: list[int], teachers: list[Path], keep_weights: bool = True) -> None:
        """Trains the students of these seeds, student s from teacher s.

        Args:
            teachers: folders of the teacher's blocks; together they cover the seeds.
            keep_weights: whether the students are saved.
        """
        spec = self.spec
        assert isinstance(spec, CellSpec)
        large = (spec.teacher_params, spec.teacher_params_with_embeddings)
        small = (spec.student_params, spec.student_params_with_embeddings)
        named = {"student": spec.student, "method": spec.method, "ratio_target": spec.ratio_target}

        def train(seed: int) -> Trained:
            return self._distill_one(seed, teachers)

        self.keep_weights = keep_weights
        self._run(seeds, {**named, **ratios(large, small)}, train, lambda seed: knowledge_content(teachers, seed))

    def _distill_one(self, seed: int, teachers: list[Path]) -> Trained:
        spec = self.spec
        assert isinstance(spec, CellSpec)
        path = knowledge_file(teachers, seed)
        if path is None:
            reason = f"teacher of seed {seed} has no knowledge: {teacher_trouble(teachers, seed)}"
            return Outcome(Status.FAILED, reason), None
        knowledge = load_knowledge(path, self.task.fingerprint, self.device)
        streams = Streams(seed, "student", self.device)
        model = self._network(streams)
        if skipped := methods.skip(spec.method_id, self.task, knowledge.shape, model.shape):
            return Outcome(Status.SKIPPED, skipped), None
        method = self._method(streams, knowledge.shape, model.shape)
        progress = self._progress(seed, spec.method)
        return fit(model, self.feed, streams, spec.training, method, knowledge, progress), model

    def _network(self, streams: Streams) -> Model:
        with streams.globally("network"):
            return create(self.spec.model, self.facts).to(self.device)

    def _method(self, streams: Streams, teacher: Shape, student: Shape) -> Method:
        spec = self.spec
        assert isinstance(spec, CellSpec)
        with streams.globally("heads"):
            made = methods.create(spec.method_id, teacher=teacher, student=student, **spec.hyperparameters)
        return made.to(self.device)

    def _progress(self, seed: int, method: str) -> Progress:
        return Progress(f"{self.spec.dataset} {method} seed {seed}", self.spec.training.epochs, self.task.metric)

    def _keep_knowledge(self, model: Model, seed: int) -> None:
        model.eval()
        with torch.no_grad():
            signals = self.feed.knowledge(model)
        save_knowledge(
            self.output / "knowledge" / f"seed~{seed}.safetensors",
            signals,
            {"fingerprint": self.task.fingerprint, "seed": str(seed), "spec": self.hash},
        )

    def _run(
        self,
        seeds: list[int],
        named: Mapping[str, Any],
        train: Callable[[int], Trained],
        taught_by: Callable[[int], str] = lambda seed: "",
    ) -> None:
        """Trains what an interrupted job of the same block has not, and writes the block.

        Args:
            named: columns of the row that are the same for every seed.
            train: trains one seed.
            taught_by: what a seed's teacher knows, so that a resumed job mixes no two teachers.
        """
        found = []
        for seed in seeds:
            identity = digest([self.identity, taught_by(seed)])
            found.append(finished(self.output, seed, identity) or self._finish(seed, named, train, identity))
        write_block(self.output, found)

    def _finish(self, seed: int, named: Mapping[str, Any], train: Callable[[int], Trained], identity: str) -> Finished:
        """Trains one seed; whatever becomes of it is a row."""
        for kind in ("weights", "knowledge"):  # of an earlier training, which this one may not replace
            (self.output / kind / f"seed~{seed}.safetensors").unlink(missing_ok=True)
        devices.reset_peak_memory(self.device)
        outcome, model = guarded(train, seed)
        scored = outcome.status == Status.OK
        if scored and model is not None and self.keep_weights:
            state = {name: value.contiguous() for name, value in model.state_dict().items()}
            metadata = {"fingerprint": self.task.fingerprint, "spec": self.hash}
            save_tensors(self.output / "weights" / f"seed~{seed}.safetensors", state, metadata)
        values = {
            **self.common,
            **named,
            "seed": seed,
            "status": outcome.status,
            "reason": outcome.reason,
            **{part: finite(outcome.scores[part]) if scored else None for part in ("train", "valid", "test")},
            "best_epoch": outcome.best_epoch,
            "epochs": outcome.epochs,
            "seconds": outcome.seconds,
            "peak_memory_mb": devices.peak_memory_mb(self.device),
        }
        history = History(
            seed=seed,
            curve=[(epoch, finite(loss), finite(valid)) for epoch, loss, valid in outcome.curve],
            trace=[(epoch, {name: listed(value) for name, value in t.items()}) for epoch, t in outcome.trace],
        )
        one = Finished(identity=identity, row=Row.model_validate(values), history=history)
        keep(self.output, one)
        return one


def guarded(train: Callable[[int], Trained], seed: int) -> Trained:
    """Runs a training; whatever goes wrong inside it becomes an outcome with a status, never a lost row."""
    try:
        return train(seed)
    except UserError:
        raise
    except NotApplicableError as reason:
        return Outcome(Status.SKIPPED, str(reason)), None
    except Exception as error:
        return Outcome(*devices.trouble(error)), None


def ratios(teacher: tuple[int, int], student: tuple[int, int]) -> dict[str, float | int]:
    """The size columns of a row, from parameters without and with learned embeddings."""
    return {
        "ratio": teacher[0] / student[0],
        "ratio_with_embeddings": teacher[1] / student[1],
        "teacher_params": teacher[0],
        "student_params": student[0],
    }


def teacher_trouble(teachers: list[Path], seed: int) -> str:
    """Why the teacher of a seed has left no knowledge."""
    for folder in teachers:
        for row in ROWS.validate_json((folder / "rows.json").read_bytes()):
            if row.seed == seed:
                return f"{row.status} ({row.reason})"
    return "it was not trained"
