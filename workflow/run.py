"""What the rules ask: paths, specs and settings of one run. Used by the Snakefile alone; imports no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from workflow import catalog, sources
from workflow import config as configuration
from workflow import plan as planning
from workflow.errors import UserError
from workflow.files import code_digest


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


class Run:
    """One configuration, planned.

    Args:
        config: complete, as `workflow.config.complete` gives it.
        where: the configuration's file; its stem names the results folder.
    """

    def __init__(self, config: Mapping[str, Any], where: str) -> None:
        self.config = config
        self.where = where
        self.name = Path(where).stem
        self.results = f"results/{self.name}"
        plan = planning.cached(config, where)
        self.teachers: dict[str, Any] = plan["teachers"]
        self.cells: dict[str, Any] = plan["cells"]
        self.titles: dict[str, Any] = plan["methods"]

    @staticmethod
    def of(config: Mapping[str, Any], where: str) -> Run:
        """The run of what Snakemake has read; a mistake in it ends Snakemake with one line."""
        try:
            return Run(configuration.complete(dict(config), where), where)
        except UserError as error:
            sys.exit(f"error: {error}")

    # Settings of jobs.

    @property
    def threads(self) -> int:
        return self.config["threads"]

    @property
    def gpus(self) -> int:
        """GPUs that a training job asks for; the local profile grants one at a time.

        `auto` asks for one only where this machine has one, so that jobs on CPUs do not wait for each other.
        """
        present = Path("/dev/nvidiactl").exists()
        return int(self.config["device"] == "cuda" or (self.config["device"] == "auto" and present))

    @property
    def machine(self) -> str:
        return f"--device {self.config['device']} --threads {self.threads}"

    @property
    def distill_machine(self) -> str:
        return self.machine + (" --forget-weights" if self.config["keep_weights"] == "teachers" else "")

    def data_settings(self, dataset: str) -> str:
        """What this dataset's loader reads of `data`, so that another's folder does not prepare it anew."""
        return as_json({key: value for key, value in self.config["data"].items() if key in catalog.settings(dataset)})

    @property
    def config_json(self) -> str:
        return as_json(self.config)

    def memory_mb(self, dataset: str) -> int:
        return catalog.facts(dataset).memory_mb

    def teacher_spec(self, dataset: str, teacher: str) -> str:
        return as_json(self.teachers[f"{dataset}/{teacher}"])

    def cell_spec(self, wildcards: Any) -> str:
        return as_json(self._cell(wildcards))

    def _cell(self, wildcards: Any) -> dict[str, Any]:
        return self.cells["/".join((wildcards.dataset, wildcards.teacher, wildcards.student, wildcards.method))]

    def networks(self, dataset: str) -> str:
        """Every network of a dataset once, for `measure`."""
        found = {}
        for spec in self.teachers.values():
            if spec["dataset"] == dataset:
                found[spec["teacher"], None] = {"name": spec["teacher"], "role": "teacher", "ratio_target": 1.0} | {
                    "model": spec["model"]
                }
        for spec in self.cells.values():
            if spec["dataset"] == dataset:
                found[spec["student"], spec["ratio_target"]] = {
                    "name": spec["student"],
                    "role": "student",
                    "ratio_target": spec["ratio_target"],
                    "model": spec["model"],
                }
        return as_json(list(found.values()))

    # Paths.

    @cached_property
    def datasets(self) -> list[str]:
        return sorted({spec["dataset"] for spec in self.teachers.values()})

    @property
    def all_tasks(self) -> list[str]:
        return [f"data/tasks/{dataset}/task.json" for dataset in self.datasets]

    @property
    def all_measurements(self) -> list[str]:
        return [f"{self.results}/measurements/{dataset}.json" for dataset in self.datasets]

    @property
    def all_rows(self) -> list[str]:
        teach = configuration.seed_blocks(self.config, "teach")
        distill = configuration.seed_blocks(self.config, "distill")
        return [
            f"{self.results}/teachers/{key}/seeds~{block}/rows.json" for key in self.teachers for block in teach
        ] + [f"{self.results}/cells/{key}/seeds~{block}/rows.json" for key in self.cells for block in distill]

    def teacher_rows(self, dataset: str, teacher: str, seeds: str) -> list[str]:
        """The teacher's blocks that hold some of these seeds."""
        blocks = self._teacher_blocks(seeds)
        return [f"{self.results}/teachers/{dataset}/{teacher}/seeds~{block}/rows.json" for block in blocks]

    @cache  # noqa: B019 (asked for every cell; one Run lives as long as Snakemake)
    def _teacher_blocks(self, seeds: str) -> list[str]:
        wanted = set(configuration.parse_seeds(seeds))
        blocks = configuration.seed_blocks(self.config, "teach")
        return [block for block in blocks if wanted & set(configuration.parse_seeds(block))]

    # Digests of the code that a rule rests on, given as params: Snakemake runs a job anew when its digest changes.

    def loader_code(self, dataset: str) -> str:
        return sources.of_data(catalog.loader(dataset))

    def teacher_code(self, dataset: str, teacher: str) -> str:
        return sources.of_training(self.teachers[f"{dataset}/{teacher}"]["model"]["model"])

    def cell_code(self, wildcards: Any) -> str:
        cell = self._cell(wildcards)
        return sources.of_training(cell["model"]["model"]) + sources.of_method(cell["method_id"])

    def measuring_code(self, dataset: str) -> str:
        specs = [*self.teachers.values(), *self.cells.values()]
        return sources.of_measuring(*(spec["model"]["model"] for spec in specs if spec["dataset"] == dataset))

    @property
    def collect_code(self) -> str:
        return code_digest(("workflow/steps/collect.py", "reports/results.py"))

    @property
    def report_code(self) -> str:
        return code_digest(("reports", "workflow/steps/report.py"))

    @property
    def report_settings(self) -> str:
        """What `reports.build.write` is told; the methods keep the order of the config."""
        used = {spec["method"] for spec in self.cells.values()}
        return json.dumps(
            {
                "title": self.config["title"],
                "reference": self.config["reference"],
                "alpha": self.config["alpha"],
                "methods": {label: self.titles[label] for label in self.config["methods"] if label in used},
                "datasets": {dataset: catalog.facts(dataset).title for dataset in self.datasets},
            }
        )
