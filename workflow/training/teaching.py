"""What teachers know, between a teacher's job, which keeps it, and those of its students, which read it.

In mini-batches on a graph a teacher's file holds the rows alone that most students read, where these are few
(`NeighbourBatches.kept`). A student that reads others has all of them made from the teacher's weights, once for all
such students: the file WHOLE.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from safetensors import SafetensorError, safe_open

import methods
from methods.contract import Signals
from workflow.models.model import Model
from workflow.specs import CellSpec
from workflow.task import Task
from workflow.training.feeds.gathered import Partial
from workflow.training.feeds.neighbour import NeighbourBatches
from workflow.training.feeds.step import Feed
from workflow.training.knowledge import load_knowledge, load_or_remake, save_knowledge
from workflow.training.records import Record, Records

WHOLE = "whole"
"""Ends the name of the file with all rows, beside the teacher's own (`Records.extra`)."""


@torch.no_grad()
def kept(feed: Feed, model: Model) -> Signals:
    """What a teacher's file holds."""
    model.eval()
    if isinstance(feed, NeighbourBatches) and (nodes := feed.kept) is not None:
        return feed.partial(model, nodes)
    return feed.knowledge(model)


def reads_all(spec: CellSpec) -> bool:
    """Whether a student reads more of its teacher's knowledge than training and test nodes.

    Without mini-batches it does: a step takes what it needs of all nodes.
    """
    name = spec.method_id
    few = spec.training.sampler == "neighbour" and spec.distill_on == "train"
    return spec.taught and (not few or bool(methods.teacher_extras(name)))


def knowledge_of(
    records: Records,
    record: Record,
    feed: Callable[[], Feed],
    network: Callable[[], Model],
    spec: CellSpec,
    task: Task,
) -> Signals:
    """What the teacher of a record knows: the rows of its file, or all. Many students may ask at once.

    Args:
        records: the teacher's.
        feed: makes what the teacher answers from, where something has to be made.
        network: makes the teacher, with its weights.
        spec: the student's.

    Raises:
        UserError: see `load_or_remake`.
    """
    seed, data = record.row.seed, task.fingerprint
    with records.writer(seed):
        path = records.knowledge(seed)
        found = load_or_remake(path, data, record.knowledge, lambda: kept(feed(), network()))
        if not isinstance(found, Partial):
            return found.to(torch.device("cpu"))
        if not reads_all(spec):
            return found
        path, basis = records.extra(seed, WHOLE), {"fingerprint": data, "knowledge": record.knowledge}
        try:
            with safe_open(path, "pt") as file:
                same = file.metadata() == basis
            if same:
                return load_knowledge(path, data)
        except (OSError, SafetensorError, KeyError):
            pass
        with torch.no_grad():
            found = feed().knowledge(network().eval())
        save_knowledge(path, found, basis)
        return found
