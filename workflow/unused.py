"""What a configuration states of networks and methods that no experiment of it uses: a mistake there is one, too."""

from __future__ import annotations

from methods.contract import Shape
from workflow import catalog
from workflow.attempt import attempt
from workflow.errors import UserError
from workflow.models.model import check
from workflow.schemas.configuration import Configuration


def refuse(config: Configuration, where: str) -> None:
    """Raises UserError for an option or a hyperparameter that is unknown, or of another type."""
    experiments = config.experiments
    students = {student.model for experiment in experiments for student in experiment.students}
    networks = students.union(*(experiment.teachers for experiment in experiments))
    for name in config.models.keys() - networks:
        try:
            check(config.models[name].network)
        except UserError as error:
            raise UserError(f"{where}: models.{name}: {error}") from error
    facts = catalog.facts(experiments[0].task)
    some = Shape((8, 8), facts.outputs)
    for label in config.methods.keys() - set().union(*map(config.chosen, experiments)):
        try:
            attempt(config.method_id(label), facts, some, some, config.method(label).hyperparameters)
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: methods.{label}: {error}") from error
