"""What the rules ask: paths, specs and settings of one run. Used by the Snakefile alone; imports no torch."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from workflow import catalog, sources
from workflow import config as configuration
from workflow import plan as planning
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration
from workflow.specs import CellSpec, MethodFacts

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Of a run: it stands in paths and in shell commands."""


def as_json(value: Any) -> str:
    """One text for equal values: Snakemake runs a job anew when a parameter's text changes."""
    return json.dumps(value, sort_keys=True)


class Run:
    """One configuration, planned.

    Args:
        config: as `workflow.config.complete` gives it.
        where: the configuration's file; its stem names the results folder.

    Raises:
        UserError: that name does not make a path, or something cannot run (`workflow.plan.build`).
    """

    def __init__(self, config: Configuration, where: str) -> None:
        self.config = config
        self.where = where
        self.name = Path(where).stem
        if not re.fullmatch(NAME, self.name):
            raise UserError(f"{where}: the name of a configuration's file holds letters, digits and . _ - alone")
        self.results = f"results/{self.name}"
        self.plan = planning.cached(config, where)

    @staticmethod
    def of(config: Mapping[str, Any], where: str) -> Run:
        """The run of what Snakemake has read; a mistake in it ends Snakemake with one line."""
        try:
            configuration.parse(where)  # Snakemake has read it with another loader
            return Run(configuration.complete(dict(config), where), where)
        except UserError as error:
            sys.exit(f"error: {error}")

    # Settings of jobs.

    @property
    def threads(self) -> int:
        """CPU threads of a training job."""
        return self.config.threads

    @property
    def gpus(self) -> int:
        """GPUs that a training job asks for; the local profile grants one at a time.

        `auto` asks for one only where this machine has one, so that jobs on CPUs do not wait for each other.
        """
        present = Path("/dev/nvidiactl").exists()
        return int(self.config.device == "cuda" or (self.config.device == "auto" and present))

    @property
    def machine(self) -> str:
        """Options of every step that computes."""
        return f"--device {self.config.device} --threads {self.threads}"

    @property
    def distill_machine(self) -> str:
        """Options of a distillation."""
        return self.machine + (" --forget-weights" if self.config.keep_weights == "teachers" else "")

    def data_settings(self, dataset: str) -> str:
        """What this dataset's loader reads of `data`, so that another's folder does not prepare it anew."""
        stated = self.config.data.model_dump(exclude_none=True)
        return as_json({key: value for key, value in stated.items() if key in catalog.settings(dataset)})

    @property
    def config_json(self) -> str:
        """The configuration as its file states it, for `collect`."""
        return as_json(self.config.model_dump(mode="json", exclude_unset=True))

    def memory_mb(self, dataset: str) -> int:
        """MiB to ask of a cluster for one job."""
        return catalog.facts(dataset).memory_mb

    def teacher_spec(self, dataset: str, teacher: str) -> str:
        """A teacher's spec as JSON."""
        return as_json(self.plan.teachers[f"{dataset}/{teacher}"].model_dump(mode="json"))

    def cell_spec(self, wildcards: Any) -> str:
        """A cell's spec as JSON."""
        return as_json(self._cell(wildcards).model_dump(mode="json"))

    def _cell(self, wildcards: Any) -> CellSpec:
        return self.plan.cells["/".join((wildcards.dataset, wildcards.teacher, wildcards.student, wildcards.method))]

    def networks(self, dataset: str) -> str:
        """Every network of a dataset once, as JSON."""
        return as_json([network.model_dump(mode="json") for network in self.plan.networks(dataset)])

    # Paths.

    @cached_property
    def datasets(self) -> list[str]:
        """Every dataset of the run, sorted."""
        return sorted({spec.dataset for spec in self.plan.teachers.values()})

    @property
    def all_tasks(self) -> list[str]:
        """The prepared task of every dataset."""
        return [f"data/tasks/{dataset}/task.json" for dataset in self.datasets]

    @property
    def all_measurements(self) -> list[str]:
        """The measurements of every dataset."""
        return [f"{self.results}/measurements/{dataset}.json" for dataset in self.datasets]

    @property
    def all_rows(self) -> list[str]:
        """The rows of every block of teachers and cells."""
        teach, distill = self.config.seed_blocks("teach"), self.config.seed_blocks("distill")
        return [
            f"{self.results}/teachers/{key}/seeds~{block}/rows.json" for key in self.plan.teachers for block in teach
        ] + [f"{self.results}/cells/{key}/seeds~{block}/rows.json" for key in self.plan.cells for block in distill]

    def teacher_rows(self, dataset: str, teacher: str, seeds: str) -> list[str]:
        """The teacher's blocks that hold some of these seeds."""
        blocks = self._teacher_blocks(seeds)
        return [f"{self.results}/teachers/{dataset}/{teacher}/seeds~{block}/rows.json" for block in blocks]

    @cache  # noqa: B019 (asked for every cell; one Run lives as long as Snakemake)
    def _teacher_blocks(self, seeds: str) -> list[str]:
        wanted = set(configuration.parse_seeds(seeds))
        blocks = self.config.seed_blocks("teach")
        return [block for block in blocks if wanted & set(configuration.parse_seeds(block))]

    # Digests of the code that a rule rests on, given as params: Snakemake runs a job anew when its digest changes.

    def code(self, work: Literal["collect", "report"]) -> str:
        """Digest of the code of a rule that runs once per run."""
        return sources.digest(work)

    def loader_code(self, dataset: str) -> str:
        """Digest of what prepares a dataset."""
        return sources.digest("data", catalog.loader(dataset))

    def teacher_code(self, dataset: str, teacher: str) -> str:
        """Digest of what trains a teacher."""
        return sources.digest("training", str(self.plan.teachers[f"{dataset}/{teacher}"].model["model"]))

    def cell_code(self, wildcards: Any) -> str:
        """Digest of what trains a cell."""
        cell = self._cell(wildcards)
        return sources.digest("training", str(cell.model["model"])) + sources.of_method(cell.method_id)

    def measuring_code(self, dataset: str) -> str:
        """Digest of what measures the networks of a dataset."""
        used = {str(spec.model["model"]) for spec in self.plan.specs if spec.dataset == dataset}
        return sources.digest("measuring", *sorted(used))

    @property
    def titles(self) -> dict[str, MethodFacts]:
        """What tables print of the methods in use, in the configuration's order."""
        used = {spec.method for spec in self.plan.cells.values()}
        return {label: self.plan.methods[label] for label in self.config.methods if label in used}

    @property
    def report_settings(self) -> str:
        """What `reports.build.write` is told; the methods keep the order of the configuration."""
        return json.dumps(
            {
                "title": self.config.title,
                "reference": self.config.reference,
                "spotlight": [label for label in self.config.spotlight if label in self.titles],
                "alpha": self.config.alpha,
                "methods": {label: facts.model_dump() for label, facts in self.titles.items()},
                "datasets": {dataset: catalog.facts(dataset).title for dataset in self.datasets},
            }
        )
