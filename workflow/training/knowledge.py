"""What a teacher knows of all rows, in files that its students read: safetensors with a fingerprint of the data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from methods.contract import Signals
from workflow.errors import UserError
from workflow.files import replacing


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file, whole or not at all."""
    with replacing(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary, metadata)


def save_knowledge(path: Path, signals: Signals, metadata: dict[str, str]) -> None:
    """What `load_knowledge` reads; `metadata` must hold the task's fingerprint."""
    tensors = {"logits": signals.logits, **{f"hidden.{i}": layer for i, layer in enumerate(signals.hidden)}}
    content = hashlib.sha256()
    for value in tensors.values():
        content.update(value.detach().cpu().contiguous().numpy().data)
    save_tensors(path, tensors, {**metadata, "content": content.hexdigest()})


def knowledge_file(teachers: list[Path], seed: int) -> Path | None:
    """The file of this seed's teacher in the folders of its blocks; None where it has none."""
    return next((path for t in teachers if (path := t / "knowledge" / f"seed~{seed}.safetensors").exists()), None)


def knowledge_content(teachers: list[Path], seed: int) -> str:
    """Digest of what this seed's teacher knows, so that a resumed job mixes no two teachers; "" where there is none."""
    path = knowledge_file(teachers, seed)
    if path is None:
        return ""
    with safe_open(path, "pt") as file:
        return str((file.metadata() or {}).get("content", ""))


def load_knowledge(path: Path, fingerprint: str, device: torch.device) -> Signals:
    """A teacher's cached signals of all rows.

    Raises:
        UserError: they belong to other data (another fingerprint, so perhaps another order of nodes).
    """
    with safe_open(path, "pt") as file:
        found = (file.metadata() or {}).get("fingerprint")
    if found != fingerprint:
        raise UserError(f"{path} belongs to data {str(found)[:16]}, not {fingerprint[:16]}; delete it and run again")
    tensors = load_file(path, device=str(device))
    hidden = [tensors[f"hidden.{layer}"] for layer in range(len(tensors) - 1)]
    return Signals(tensors["logits"], tuple(hidden))
