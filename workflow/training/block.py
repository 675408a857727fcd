"""A block of seeds in one process: loads the task once, trains seed after seed, writes one row a seed.

Files of a block's folder:
    rows.json     one row a seed, the columns of runs.parquet; written last, so that its presence means "done".
    history.json  learning curves and traces (attention maps) of every seed.
    weights/seed~N.safetensors    the network at its best validation epoch.
    knowledge/seed~N.safetensors  teachers only: logits and every hidden layer of all rows, with the fingerprint.
    finished/seed~N.json          while the block is under way: what an interrupted job need not train again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import methods
from methods.contract import Method, NotApplicableError, Shape
from workflow import catalog, sources
from workflow.errors import UserError
from workflow.files import digest, read_json, write_json
from workflow.models import sizes
from workflow.models.model import Model, create
from workflow.task import Task
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.knowledge import knowledge_content, knowledge_file, load_knowledge, save_knowledge, save_tensors
from workflow.training.loop import Outcome, fit
from workflow.training.progress import Progress
from workflow.training.provenance import commit, versions
from workflow.training.rows import finite, listed, ratios
from workflow.training.seeds import Streams


class Block:
    """Everything that the seeds of one job share.

    Args:
        spec: a teacher's or cell's entry of the plan.
        task: folder of the prepared task.
        output: folder of the block.
        device, threads: as in the config.

    Raises:
        UserError: the task is not prepared, or the device is not there.
    """

    def __init__(self, spec: dict[str, Any], task: Path, output: Path, device: str, threads: int) -> None:
        self.spec = spec
        self.output = output
        self.keep_weights = True
        self.device = devices.choose(device, threads)
        self.task = Task.load(task)
        self.facts = catalog.facts(spec["dataset"])
        self.feed = choose.create(self.task, self.device, spec.get("distill_on", "all"), self._training())
        code = sources.of_training(spec["model"]["model"])
        code += sources.of_method(spec["method_id"]) if "method_id" in spec else ""
        self.identity = digest([spec, self.task.fingerprint, str(self.device), threads, code])
        self.common = {
            "dataset": spec["dataset"],
            "task": self.task.kind,
            "metric": self.task.metric,
            "teacher": spec["teacher"],
            "device": devices.describe(self.device),
            "threads": threads,
            "config_hash": digest(spec),
            "commit": commit(),
            "versions": versions(),
        }

    def _training(self) -> dict[str, Any]:
        """The training settings; walks are by default as long as the network is deep."""
        training = self.spec["training"]
        layers = len(sizes.measure(self.spec["model"], self.facts).shape.layers)
        return {**training, "walk_length": training["walk_length"] or layers}

    def teach(self, seeds: list[int]) -> None:
        """Trains the teachers of these seeds; each leaves weights, knowledge and a row."""
        size = {"params": self.spec["params"], "with": self.spec["params_with_embeddings"]}
        row = {"student": self.spec["teacher"], "method": "teacher", "ratio_target": 1.0, **ratios(size, size)}

        def train(seed: int) -> tuple[Outcome, Model | None]:
            streams = Streams(seed, "teacher", self.device)
            model = self._network(streams)
            outcome = fit(model, self.feed, streams, self.spec["training"], progress=self._progress(seed))
            if outcome.status == "ok":
                self._keep_knowledge(model, seed)
            return outcome, model

        self._run(seeds, row, train)

    def distill(self, seeds: list[int], teachers: list[Path], keep_weights: bool = True) -> None:
        """Trains the students of these seeds, student s from teacher s.

        Args:
            teachers: folders of the teacher's blocks; together they cover the seeds.
            keep_weights: whether the students are saved.
        """
        spec = self.spec
        small = {"params": spec["student_params"], "with": spec["student_params_with_embeddings"]}
        large = {"params": spec["teacher_params"], "with": spec["teacher_params_with_embeddings"]}
        named = {key: spec[key] for key in ("student", "method", "ratio_target")}

        def train(seed: int) -> tuple[Outcome, Model | None]:
            return self._distill_one(seed, teachers)

        self.keep_weights = keep_weights
        self._run(seeds, {**named, **ratios(large, small)}, train, lambda seed: knowledge_content(teachers, seed))

    def _distill_one(self, seed: int, teachers: list[Path]) -> tuple[Outcome, Model | None]:
        path = knowledge_file(teachers, seed)
        if path is None:
            return Outcome(
                "failed", f"teacher of seed {seed} has no knowledge: {teacher_trouble(teachers, seed)}"
            ), None
        knowledge = load_knowledge(path, self.task.fingerprint, self.device)
        streams = Streams(seed, "student", self.device)
        model = self._network(streams)
        reason = methods.skip(self.spec["method_id"], self.task, knowledge.shape, model.shape)
        if reason:
            return Outcome("skipped", reason), None
        method = self._method(streams, knowledge.shape, model.shape)
        training = self.spec["training"]
        return fit(model, self.feed, streams, training, method, knowledge, self._progress(seed)), model

    def _network(self, streams: Streams) -> Model:
        with streams.globally("network"):
            return create(self.spec["model"], self.facts).to(self.device)

    def _method(self, streams: Streams, teacher: Shape, student: Shape) -> Method:
        with streams.globally("heads"):
            hyperparameters = self.spec["hyperparameters"]
            made = methods.create(self.spec["method_id"], teacher=teacher, student=student, **hyperparameters)
        return made.to(self.device)

    def _progress(self, seed: int) -> Progress:
        what = f"{self.spec['dataset']} {self.spec.get('method', 'teacher')} seed {seed}"
        return Progress(what, self.spec["training"]["epochs"], self.task.metric)

    def _keep_knowledge(self, model: Model, seed: int) -> None:
        model.eval()
        with torch.no_grad():
            signals = self.feed.knowledge(model)
        save_knowledge(
            self.output / "knowledge" / f"seed~{seed}.safetensors",
            signals,
            {"fingerprint": self.task.fingerprint, "seed": str(seed), "spec": digest(self.spec)},
        )

    def _run(
        self,
        seeds: list[int],
        row: dict[str, Any],
        train: Callable[[int], tuple[Outcome, Model | None]],
        taught_by: Callable[[int], str] = lambda seed: "",
    ) -> None:
        finished = [self._finish(seed, row, train, digest([self.identity, taught_by(seed)])) for seed in seeds]
        rows = [one["row"] for one in finished]
        write_json(self.output / "history.json", [{"seed": one["row"]["seed"], **one["history"]} for one in finished])
        write_json(self.output / "rows.json", rows)
        shutil.rmtree(self.output / "finished", ignore_errors=True)

    def _finish(
        self, seed: int, row: dict[str, Any], train: Callable[[int], tuple[Outcome, Model | None]], identity: str
    ) -> dict[str, Any]:
        """The seed's row and history: from an interrupted run of the same job, or trained now."""
        file = self.output / "finished" / f"seed~{seed}.json"
        if file.exists() and (kept := read_json(file))["identity"] == identity:
            return kept
        for kind in ("weights", "knowledge"):  # of an earlier training, which this one may not replace
            (self.output / kind / f"seed~{seed}.safetensors").unlink(missing_ok=True)
        devices.reset_peak_memory(self.device)
        outcome, model = guarded(train, seed)
        if outcome.status == "ok" and model is not None and self.keep_weights:
            state = {name: value.contiguous() for name, value in model.state_dict().items()}
            metadata = {"fingerprint": self.task.fingerprint, "spec": digest(self.spec)}
            save_tensors(self.output / "weights" / f"seed~{seed}.safetensors", state, metadata)
        scores = outcome.scores if outcome.status == "ok" else {}
        result = {
            "identity": identity,
            "row": {
                **self.common,
                **row,
                "seed": seed,
                "status": outcome.status,
                "reason": outcome.reason,
                **{part: finite(scores[part]) if scores else None for part in ("train", "valid", "test")},
                "best_epoch": outcome.best_epoch,
                "epochs": outcome.epochs,
                "seconds": outcome.seconds,
                "peak_memory_mb": devices.peak_memory_mb(self.device),
            },
            "history": {
                "curve": [[e, finite(loss), finite(valid)] for e, loss, valid in outcome.curve],
                "trace": [[epoch, {name: listed(value) for name, value in t.items()}] for epoch, t in outcome.trace],
            },
        }
        write_json(file, result)
        return result


def guarded(train: Callable[[int], tuple[Outcome, Model | None]], seed: int) -> tuple[Outcome, Model | None]:
    """Runs a training; whatever goes wrong inside it becomes an outcome with a status, never a lost row."""
    try:
        return train(seed)
    except UserError:
        raise
    except NotApplicableError as reason:
        return Outcome("skipped", str(reason)), None
    except Exception as error:
        return Outcome(*devices.trouble(error)), None


def teacher_trouble(teachers: list[Path], seed: int) -> str:
    for folder in teachers:
        for row in read_json(folder / "rows.json"):
            if row["seed"] == seed:
                return f"{row['status']} ({row['reason']})"
    return "it was not trained"
