"""What a run tells its report: titles, order, sources, and the hyperparameters that were used. No torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reports.variants import dataset_of
from workflow import catalog, references
from workflow.choices import Tuned, told
from workflow.config import merged
from workflow.schemas.configuration import Configuration
from workflow.specs import MethodFacts, Network, Plan


def settings(
    config: Configuration, plan: Plan, datasets: list[str], tuned: Tuned | None, targets: Callable[[str], list[str]]
) -> dict[str, Any]:
    """The fields of `reports.settings.Settings`; the methods keep the order of the configuration.

    Args:
        datasets: what tables name so, in their order.
        targets: key of a cell or a teacher -> the files that Snakemake makes by training it.
    """
    loaders = {name: [catalog.loader(dataset_of(name))] for name in datasets}
    networks = _networks(plan)
    methods = titles(config, plan)
    used = [file for files in loaders.values() for file in files] + [str(each["model"]) for each in networks.values()]
    return {
        "title": config.title,
        "reference": config.reference,
        "spotlight": [label for label in config.spotlight if label in methods],
        "alpha": config.alpha,
        "methods": {label: facts.model_dump(exclude={"defaults"}) for label, facts in methods.items()},
        "datasets": {name: config.report.titles.get(name, catalog.facts(name).title) for name in datasets},
        "tuning": tuned.shown() if tuned else [],
        "report": config.report.model_dump(mode="json"),
        "networks": {
            name: {
                "layers": each.get("layers", plan.layers.get(str(each["model"]))),
                "citations": [*references.of([str(each["model"])])],
            }
            for name, each in networks.items()
        },
        "data_citations": {name: [*references.of(files)] for name, files in loaders.items()},
        "references": references.of(dict.fromkeys(used)),
        "hyperparameters": hyperparameters(plan, targets),
    }


def titles(config: Configuration, plan: Plan) -> dict[str, MethodFacts]:
    """What tables print of the methods in use, in the configuration's order."""
    used = {spec.method for spec in plan.cells.values()}
    return {label: plan.methods[label] for label in config.methods if label in used}


def _networks(plan: Plan) -> dict[str, Network]:
    """Name -> network of every teacher and student, as the tables name them."""
    teachers = {spec.teacher: spec.model for spec in plan.teachers.values()}
    return teachers | {spec.student: spec.model for spec in plan.cells.values()}


def hyperparameters(plan: Plan, targets: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    """Of every cell: the defaults with what configuration and tuning change, and the targets that make it.

    Args:
        targets: as in `settings`.
    """
    found = []
    for key, spec in plan.cells.items():
        found.append(
            {
                "dataset": spec.variant,
                "teacher": spec.teacher,
                "student": spec.student,
                "ratio_target": spec.ratio_target,
                "method": spec.method,
                "values": told(merged(plan.methods[spec.method].defaults, spec.hyperparameters)),
                "targets": targets(key),
                "taught": targets(spec.taught_by),
            }
        )
    return found
