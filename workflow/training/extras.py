"""What methods ask of a teacher beside its signals (`Method.teacher_extras`), made once and kept beside these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

import methods
from methods.contract import NotApplicableError, Signals
from methods.vocabulary import Extra, Kind
from workflow.identity import computed_by
from workflow.models.model import Model
from workflow.task import Task
from workflow.training.feeds.step import Feed
from workflow.training.knowledge import save_tensors
from workflow.training.records import Record, Records
from workflow.training.seeds import Streams


@dataclass(frozen=True)
class Taught:
    """A teacher of one seed.

    Attributes:
        feed: what it answers from, made where it is asked for.
        record: of its training; None for a method that learns from no teacher.
        signals: of all units.
        network: makes the teacher of a seed, with its weights, on the feed's device.
    """

    task: Task
    feed: Callable[[], Feed]
    seed: int
    record: Record | None
    signals: Signals
    network: Callable[[int], Model]


def extras_of(method: str, folder: Path | None, taught: Taught) -> dict[Extra, Tensor]:
    """All that a method asks for, on the CPU; many students may ask at once.

    Args:
        folder: of the teacher's records.

    Raises:
        NotApplicableError: this teacher or task has none.
        UserError: the teacher's weights are gone.
    """
    names = methods.teacher_extras(method)
    if not names or folder is None or taught.record is None:
        return {}
    records = Records(folder)
    with records.writer(taught.seed):
        return {name: load_or_make(records.extra(taught.seed, name), name, taught) for name in names}


def load_or_make(path: Path, extra: Extra, taught: Taught) -> Tensor:
    """An extra from its file; made, as in `extras_of`, where that is gone, damaged or another teacher's."""
    knowledge = taught.record.knowledge if taught.record else ""
    basis = {"fingerprint": taught.task.fingerprint, "knowledge": knowledge, **computed_by(extra)}
    try:
        with safe_open(path, "pt") as file:
            kept = file.metadata() == basis
        if kept:
            return load_file(path)[extra]
    except (OSError, SafetensorError, KeyError):
        pass
    made = MAKERS[extra](taught).cpu().contiguous()
    save_tensors(path, {extra: made}, basis)
    return made


@torch.no_grad()
def _noise_entropy(taught: Taught) -> Tensor:
    """As Wu et al. (KRD, ICML 2023), with the noise drawn once, on the host: the same for every device."""
    feed = taught.feed()
    generator = Streams(taught.seed, "teacher", torch.device("cpu")).generator("noise")

    def noisy(x: Tensor) -> Tensor:
        return x + torch.empty(x.shape, dtype=x.dtype).normal_(generator=generator).to(x.device)

    network = taught.network(taught.seed).eval()
    found = feed.knowledge(network, noisy).logits.cpu()
    return (_entropy(found) - _entropy(taught.signals.logits)).abs()


def _entropy(logits: Tensor) -> Tensor:
    log_probabilities = logits.float().log_softmax(1)
    return -(log_probabilities.exp() * log_probabilities).sum(1)


def _classifier(taught: Taught) -> Tensor:
    linear = taught.network(taught.seed).classifier
    if linear is None:
        raise NotApplicableError("the teacher's logits are no linear map of its last hidden layer")
    bias = linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias
    return torch.cat([linear.weight, bias[:, None]], 1).detach()


def _clusters(taught: Taught) -> Tensor:
    """Louvain's communities of every graph, at networkx's own resolution of 1 and with its draws from seed 0.

    They are of the graphs alone: a process finds them once for all of its seeds.
    """
    task = taught.task
    if task.kind != Kind.GRAPH:
        raise NotApplicableError("communities are of graph-level tasks")
    if not task.fingerprint or task.fingerprint not in _FOUND:
        _FOUND.clear()
        _FOUND[task.fingerprint] = _communities(task)
    return _FOUND[task.fingerprint]


_FOUND: dict[str, Tensor] = {}
"""Communities of the graphs of one task, by its fingerprint."""


def _communities(task: Task) -> Tensor:
    import networkx  # which torch requires; here, because it takes a third of a second of a job's start

    pointers, edges = np.asarray(task.arrays["node_pointers"]), np.asarray(task.arrays["edge_index"])
    cuts = np.asarray(task.arrays["edge_pointers"])
    found = np.zeros(int(pointers[-1]), np.int64)
    for first, last, begin, end in zip(pointers[:-1], pointers[1:], cuts[:-1], cuts[1:], strict=True):
        graph = networkx.Graph()
        graph.add_nodes_from(range(first, last))
        graph.add_edges_from(edges[:, begin:end].T.tolist())
        for number, community in enumerate(networkx.community.louvain_communities(graph, seed=0)):
            found[list(community)] = number
    return torch.from_numpy(found)


MAKERS: dict[Extra, Callable[[Taught], Tensor]] = {
    Extra.NOISE_ENTROPY: _noise_entropy,
    Extra.CLASSIFIER: _classifier,
    Extra.CLUSTERS: _clusters,
}
