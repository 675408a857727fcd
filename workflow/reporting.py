"""What a run tells its report: titles, order, sources, and the hyperparameters that were used. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workflow import catalog, references
from workflow.choices import dotted
from workflow.config import merged
from workflow.specs import Network

if TYPE_CHECKING:
    from workflow.run import Run


def settings(run: Run) -> dict[str, Any]:
    """The fields of `reports.settings.Settings`; the methods keep the order of the configuration."""
    config = run.config
    loaders = {name: [catalog.loader(name.partition("@")[0])] for name in run.shown}
    networks = _networks(run)
    used = [file for files in loaders.values() for file in files] + [str(each["model"]) for each in networks.values()]
    return {
        "title": config.title,
        "reference": config.reference,
        "spotlight": [label for label in config.spotlight if label in run.titles],
        "alpha": config.alpha,
        "methods": {label: facts.model_dump(exclude={"defaults"}) for label, facts in run.titles.items()},
        "datasets": {name: catalog.facts(name).title for name in run.shown},
        "tuning": run.tuned.shown() if run.tuned else [],
        "report": config.report.model_dump(mode="json"),
        "networks": {
            name: {"layers": each.get("layers"), "citations": [*references.of([str(each["model"])])]}
            for name, each in networks.items()
        },
        "data_citations": {name: [*references.of(files)] for name, files in loaders.items()},
        "references": references.of(dict.fromkeys(used)),
        "hyperparameters": hyperparameters(run),
    }


def _networks(run: Run) -> dict[str, Network]:
    """Name -> network of every teacher and student, as the tables name them."""
    teachers = {spec.teacher: spec.model for spec in run.plan.teachers.values()}
    return teachers | {spec.student: spec.model for spec in run.plan.cells.values()}


def hyperparameters(run: Run) -> list[dict[str, Any]]:
    """Of every cell: the published defaults with what the configuration and the tuning change of them."""
    found = []
    for spec in run.plan.cells.values():
        values = dotted(merged(run.plan.methods[spec.method].defaults, spec.hyperparameters))
        found.append(
            {
                "dataset": spec.variant,
                "teacher": spec.teacher,
                "student": spec.student,
                "ratio_target": spec.ratio_target,
                "method": spec.method,
                "values": ", ".join(f"{name} {value}" for name, value in values.items()),
            }
        )
    return found
