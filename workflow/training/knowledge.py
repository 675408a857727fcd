"""What a teacher knows of all rows, in files that its students read: safetensors with a fingerprint of the data.

They are the largest files of a run and the first to be purged. Whoever finds one gone makes it again from the teacher's
weights, by one forward pass, and holds it against the digest in the teacher's record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from methods.contract import Shape, Signals
from methods.vocabulary import Kind
from workflow.errors import UserError
from workflow.models.model import Model
from workflow.task import Task
from workflow.training.feeds.gathered import Partial
from workflow.training.tensors import write_tensors


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors by name. Raises UserError where there is no room, or OSError."""
    try:
        write_tensors(path, tensors, metadata)
    except SafetensorError as error:  # its words for a full disk
        raise UserError(f"{path}: {error}; run again") from error


def save_knowledge(path: Path, signals: Signals, metadata: dict[str, str]) -> str:
    """Writes what `load_knowledge` reads, and returns its digest; `metadata` must hold the task's fingerprint."""
    tensors = {"logits": signals.logits, **{f"hidden.{i}": layer for i, layer in enumerate(signals.hidden)}}
    if isinstance(signals, Partial):
        tensors["nodes"] = signals.nodes
    save_tensors(path, tensors, metadata)
    return content(signals)


def content(signals: Signals) -> str:
    """Digest of the values of logits and hidden layers."""
    nodes = [signals.nodes] if isinstance(signals, Partial) else []
    return _digest((signals.logits, *signals.hidden, *nodes))


def weights_of(state: Mapping[str, Tensor]) -> str:
    """Digest of the values of a network's weights, by name."""
    return _digest(state[name] for name in sorted(state))


def _digest(values: Iterable[Tensor]) -> str:
    total = hashlib.sha256()
    for value in values:
        total.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def load_knowledge(path: Path, fingerprint: str) -> Signals:
    """A teacher's cached signals of all rows, or of some (`Partial`), on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: they belong to other data (another fingerprint, so perhaps another order of nodes).
        SafetensorError: the file is damaged.
    """
    with safe_open(path, "pt") as file:
        found = (file.metadata() or {}).get("fingerprint")
    if found != fingerprint:
        raise UserError(f"{path} belongs to data {str(found)[:16]}, not {fingerprint[:16]}; delete it and run again")
    tensors = load_file(path)
    logits, nodes = tensors.pop("logits"), tensors.pop("nodes", None)
    hidden = tuple(tensors[f"hidden.{layer}"] for layer in range(len(tensors)))
    return Signals(logits, hidden) if nodes is None else Partial(logits, hidden, nodes)


def load_or_remake(path: Path, fingerprint: str, digest: str, remake: Callable[[], Signals]) -> Signals:
    """A teacher's signals, made again where their file is gone or damaged.

    Args:
        digest: what the teacher's record says of them.
        remake: one forward pass of the teacher.

    Raises:
        UserError: what was made again differs from what the finished students learned from.
    """
    try:
        signals = load_knowledge(path, fingerprint)
        if content(signals) == digest:
            return signals
        trouble = "holds other values than the teacher's record says"
    except FileNotFoundError:
        trouble = "is gone"
    except (SafetensorError, KeyError) as error:
        trouble = f"is damaged ({error})"
    print(f"{path} {trouble}; making it again from the teacher's weights")
    signals = remake()
    if content(signals) != digest:
        raise UserError(
            f"{path} {trouble}, and the teacher's weights give other values here (another device or version?); "
            f"delete {path.parent.parent} to teach it anew"
        )
    save_knowledge(path, signals, {"fingerprint": fingerprint})
    return signals


def load_weights(path: Path, digest: str, record: Path, model: Model) -> None:
    """Puts saved weights into a network.

    Args:
        digest: what the record of their training says of them.
        record: its file.

    Raises:
        UserError: they are gone, damaged, of another training or another network's.
    """
    try:
        found = load_file(path)
        if weights_of(found) != digest:
            raise ValueError("holds other weights than its record says")
        model.load_state_dict(found)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: {what}; to teach it anew, delete {record} and run abkd-bench retry") from error


def no_knowledge(task: Task, shape: Shape) -> Signals:
    """Signals for a method that does not learn from the teacher: zeros of the right shapes, which take no memory."""
    units = len(task.labels)
    rows = int(task.arrays["node_pointers"][-1]) if task.kind == Kind.GRAPH else units
    return Signals(
        torch.zeros(1, shape.out).expand(units, -1), tuple(torch.zeros(1, d).expand(rows, -1) for d in shape.hidden)
    )
