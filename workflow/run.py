"""What the rules ask: paths and settings of one run. For the Snakefile and all that reads a run; no torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from workflow import catalog, gpus, identity, locks, places, prepared, reporting, sources, tuned, tuning, variants
from workflow import config as configuration
from workflow import plan as planning
from workflow.choices import Tuned
from workflow.earlier import Planned, files, holding
from workflow.earlier import planned as planned_by
from workflow.errors import UserError
from workflow.files import digest, from_here, keep
from workflow.schemas.configuration import Configuration
from workflow.specs import Plan
from workflow.training.records import Records
from workflow.yaml_files import parse

TASKS = Path("data/tasks")
NOT_TUNED = "tune: is missing; `tune: {}` takes its defaults, see config/README.md"


class Run:
    """One configuration, planned.

    Args:
        config: as `workflow.config.complete` gives it.
        where: the configuration's file; its stem names the results folder.
        planned: see `earlier.planned`, where it is known.

    Attributes:
        stated: the configuration.
        config: the same with what it takes from a file of tuned values.
        tuned: that file's content; None without one.
        beside: what compositions are tuned beside (`tuning.beside`).
        trouble: why that file cannot be used; then `config` does without, and nothing but tuning may be run.

    Raises:
        UserError: that name does not make a path, the folder is another file's, or something cannot run
            (`workflow.plan.build`).
    """

    def __init__(self, config: Configuration, where: str, planned: Planned | None = None) -> None:
        self.stated, self.where = config, where
        self.name = places.name_of(where)
        self.results = f"results/{self.name}"
        places.refuse_other(Path(self.results), where)
        self._planned_beside = self.busy()
        self.config, self.tuned, self.trouble = (config, None, "") if planned else tuned.used(config, where)
        self.plan, self.plan_file, self.beside = planned or planned_by(self.config, where, config, self.tuned, TASKS)
        if self.tuned:
            self.trouble = tuned.others(self.plan, self.tuned, TASKS, config, where)

    def check(self) -> None:
        """Raises UserError where the run must not go on with the tuned values that there are."""
        if self.trouble:
            raise UserError(self.trouble)

    @cached_property
    def trials(self) -> Run | None:
        """All trials, a run in the same folders, by the same rules, with a plan and seeds of its own."""
        return self._trying(self.plan.tuning) if self.plan.tuning else None

    @cached_property
    def tuning(self) -> Run | None:
        """Those trials that are wanted: without those of choices that are kept."""
        return self._trying(tuning.without(self.trials.plan, self.kept.groups)) if self.trials else None

    @cached_property
    def kept(self) -> Tuned:
        """Choices of earlier tunings that still hold, of whose trials none is here. There must be trials."""
        assert self.trials and self.stated.tune
        found = files(self.where)
        return holding(self.trials.plan, self.beside, self.stated.tune, found, TASKS, self.trials.folder)

    def _trying(self, plan: Plan) -> Run:
        return Run(tuning.on_other_seeds(self.stated), self.where, (plan, self.plan_file, self.beside))

    def owner(self, key: str) -> Run:
        """The run that a teacher or a cell belongs to: this one or its trials."""
        return self if key in self.plan.cells or key in self.plan.teachers else self.trials or self

    @staticmethod
    def of(config: Mapping[str, Any], where: str) -> Run:
        """The run of what Snakemake has read; a mistake in it ends Snakemake with one line."""
        where = from_here(where)
        try:
            parse(where)  # Snakemake has read it with another loader
            return Run(configuration.complete(dict(config), where), where)
        except UserError as error:
            sys.exit(f"error: {error}")

    def lock(self) -> None:
        """Lets one Snakemake at a time work on a run, by a plan of what is there; the lock dies with its process."""
        self._lock = locks.hold(Path(self.results))
        if self._planned_beside:
            sys.exit(f"error: {self.results}: another process worked on this run while it was planned; start it again")

    def busy(self) -> bool:
        """Whether another process works on the run: a look at a changed configuration must not change what it reads."""
        return locks.held_elsewhere(Path(self.results))

    def unlock(self) -> None:
        """Lets the next one in."""
        self._lock.close()

    # Settings of jobs.

    @property
    def threads(self) -> int:
        """CPU threads of a training job."""
        return self.config.threads

    @property
    def gpus(self) -> int:
        """GPUs that a training job asks for.

        `auto` asks for one only where this machine has one, so that jobs on CPUs do not wait for each other.
        """
        return int(self.config.device == "cuda" or (self.config.device == "auto" and gpus.count() > 0))

    @property
    def machine(self) -> str:
        """Options of every step that computes."""
        return f"--device {self.config.device} --threads {self.threads}"

    @property
    def training_options(self) -> str:
        """Options of every training."""
        limit = f" --time-limit {self.config.time_limit:g}" if self.config.time_limit else ""
        return self.machine + limit + (" --stop-on-failure" if self.config.on_failure == "stop" else "")

    @property
    def distill_options(self) -> str:
        """Options of a distillation."""
        return self.training_options + (" --forget-weights" if self.config.keep_weights == "teachers" else "")

    def data_settings(self, dataset: str) -> dict[str, Any]:
        """What this dataset's loader reads of `data`, so that another's folder does not prepare it anew."""
        stated = self.config.data.model_dump(exclude_none=True)
        return {key: value for key, value in sorted(stated.items()) if key in catalog.settings(dataset)}

    def memory_mb(self, dataset: str, attempt: int = 1, most: int | None = None) -> int:
        """MiB to ask for one job: twice as much after it has failed, and no more than there is."""
        wanted = catalog.facts(dataset).memory_mb << (attempt - 1)
        return min(wanted, most) if most else wanted

    # Paths.

    @cached_property
    def datasets(self) -> list[str]:
        """Every dataset of the run, sorted."""
        return sorted({spec.dataset for spec in self.plan.teachers.values()})

    @property
    def shown(self) -> list[str]:
        """What tables name as datasets, in their order: every dataset, and variants of cells alone."""
        names = {*self.datasets, *(cell.variant for cell in self.plan.cells.values())}
        known = {name: variants.parse(name) for name in names}
        return sorted(known, key=lambda name: (known[name][0], known[name][1].place))

    @property
    def all_tasks(self) -> list[str]:
        """The prepared task of every dataset."""
        return [self.task(dataset) for dataset in self.datasets]

    @staticmethod
    def task(dataset: str) -> str:
        """The prepared task of a dataset."""
        return str(TASKS / dataset / "task.json")

    @property
    def all_measurements(self) -> list[str]:
        """The measurements of every dataset."""
        return [self.measurement(dataset) for dataset in self.datasets]

    @cache  # noqa: B019 (one Run lives as long as its process)
    def measurement(self, dataset: str) -> str:
        """The measurements of a dataset; its name changes with networks, data, code and packages."""
        used = {str(spec.model["model"]) for spec in self.plan.specs if spec.dataset == dataset}
        networks = [network.model_dump(mode="json") for network in self.plan.networks(dataset)]
        code = sources.digest("measuring", *sorted(used)), self.loader_code(dataset)
        versions = identity.packages("measuring", *sorted(used))
        known = digest([networks, *code, versions, self.threads])[: identity.LENGTH]
        return f"{self.results}/measurements/{dataset}~{known}.json"

    @cache  # noqa: B019
    def folder(self, key: str) -> str:
        """The folder of the records of a teacher or a cell."""
        group = "teachers" if key in self.plan.teachers else "cells"
        return f"{self.results}/{group}/{key}/{identity.of(self.plan.spec(key), self.threads)}"

    def blocks(self, key: str) -> list[str]:
        """The blocks of seeds of a teacher or a cell."""
        return self.config.seed_blocks("teach" if key in self.plan.teachers else "distill")

    @property
    def all_blocks(self) -> list[str]:
        """The file that Snakemake waits for, of every block of teachers and cells."""
        return [marker for key in (*self.plan.teachers, *self.plan.cells) for marker in self.markers(key)]

    def markers(self, key: str) -> list[str]:
        """The same of one teacher or cell."""
        return [self.marker(key, block) for block in self.blocks(key)]

    def marker(self, key: str, block: str) -> str:
        """The file that says that a block is done."""
        return str(Records(Path(self.folder(key))).marker(block))

    @staticmethod
    def key(wildcards: Any) -> str:
        """Of a cell."""
        return "/".join((wildcards.variant, wildcards.teacher, wildcards.student, wildcards.method))

    def log(self, key: str, block: str) -> str:
        """The log of a block."""
        group = "teach" if key in self.plan.teachers else "distill"
        return f"logs/{self.name}/{group}/{key}/{Path(self.folder(key)).name}/seeds~{block}.log"

    def teacher_folder(self, wildcards: Any) -> str:
        """The folder of a cell's teacher's records."""
        run = self.owner(self.key(wildcards))
        return run.folder(run.plan.cells[self.key(wildcards)].taught_by)

    def teacher_blocks(self, wildcards: Any) -> list[str]:
        """The teacher's blocks that hold some of a cell's seeds."""
        run = self.owner(self.key(wildcards))
        teacher = run.plan.cells[self.key(wildcards)].taught_by
        return [run.marker(teacher, block) for block in run.blocks_with(wildcards.seeds)]

    @cache  # noqa: B019
    def blocks_with(self, seeds: str) -> list[str]:
        """The blocks of a teacher that hold some of these seeds."""
        wanted = set(configuration.parse_seeds(seeds))
        blocks = self.config.seed_blocks("teach")
        return [block for block in blocks if wanted & set(configuration.parse_seeds(block))]

    # What a rule rests on beside its inputs. A text that changes, or a file that is newer, runs its job anew.

    def loader_code(self, dataset: str) -> str:
        """Digest of what prepares a dataset."""
        return prepared.code_of(dataset)

    @cached_property
    def config_file(self) -> str:
        """A file with all that `collect` rests on beside the rows; renewed only where that has changed.

        It holds the tuned values: their own file is made by `tune`, which no other target must ask for. Ends with one
        line where they cannot be used.
        """
        if self.trouble:
            sys.exit(f"error: {self.trouble}")
        used = {"tuned": self.tuned.model_dump(mode="json")} if self.tuned else {}
        return self._kept("config", self._told(sources.digest("collect")) | used)

    @cached_property
    def tuning_file(self) -> str:
        """The same for `tune`. Ends with one line where the configuration is not to be tuned."""
        if self.trials is None:
            sys.exit(f"error: {self.where}: {NOT_TUNED}")
        if self.trouble and not self.busy():  # so that `tune` mends it, though it may have run on just this
            (planning.CACHE / f"{self.name}.tune.json").unlink(missing_ok=True)
        return self._kept("tune", self._told(sources.digest("tune")))

    @property
    def tuning_inputs(self) -> list[str]:
        """The wanted trials, and the data of all. Ends with one line where an earlier tuning cannot be read."""
        try:
            return [*self.trials.all_tasks, *self.tuning.all_blocks] if self.trials and self.tuning else []
        except UserError as error:
            sys.exit(f"error: {error}")

    @property
    def tuned_file(self) -> Path:
        """What `tune` writes."""
        return tuned.written(self.where)

    def _told(self, code: str) -> dict[str, Any]:
        stated = self.stated.model_dump(mode="json", exclude_unset=True)
        return {"config": stated, "where": self.where, "code": code}

    @cached_property
    def settings_file(self) -> str:
        """The same for `report`."""
        return self._kept("report", {"settings": self.report_settings, "code": sources.digest("report")})

    def _kept(self, name: str, value: dict[str, Any]) -> str:
        """A file with a value, written where that has changed or the file is gone."""
        return str(keep(planning.CACHE / f"{self.name}.{name}.json", value, self.busy))

    @property
    def report_settings(self) -> dict[str, Any]:
        """What `reports.build.write` is told."""
        return reporting.settings(self.config, self.plan, self.shown, self.tuned, self.markers)
