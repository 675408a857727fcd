"""A training's checkpoint: one safetensors file from which an interrupted training goes on bit for bit."""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from workflow.training.tensors import write_tensors

MARK = "tensor."
"""Key of what stands for a tensor in the JSON; no parameter's name ends with a dot."""


class Checkpoint:
    """What `workflow.training.loop.fit` saves now and then, finds again after an interruption, and removes at its end.

    A file that cannot be written, read or used costs the time of a training, never the training: one line tells so.

    Args:
        path: of the file.
        identity: of all that decides the training: its settings, data, code, device, teacher and seed. The version of
            torch is added.
        every_seconds: least time between two saves, and before the first one.
    """

    def __init__(self, path: Path, identity: str, every_seconds: float) -> None:
        self.path = path
        self.identity = f"{identity}; torch {torch.__version__}"
        self.every_seconds = every_seconds
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to save; asks the host's clock alone."""
        return time.monotonic() - self._saved >= self.every_seconds

    def save(self, state: Mapping[str, Any]) -> None:
        """Writes a state, whole or not at all: JSON values, and tensors in any place of it."""
        tensors: dict[str, Tensor] = {}

        def stored(value: Any) -> dict[str, str]:
            if not isinstance(value, Tensor):
                raise TypeError(f"a checkpoint holds JSON values and tensors, not {type(value).__name__}")
            name = str(len(tensors))
            tensors[name] = value.detach().cpu()
            return {MARK: name}

        text = json.dumps(state, default=stored)
        metadata = {"identity": self.identity, "state": text, "sum": _sum(text, tensors)}
        try:
            write_tensors(self.path, tensors, metadata)
        except (OSError, SafetensorError) as error:
            _tell(f"{self.path}: no checkpoint could be written ({error})")
        self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state that was saved, lists for its tuples and texts for its keys; None where none can be used."""
        self._saved = time.monotonic()
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata["identity"] != self.identity:
                    _tell(f"{self.path}: checkpoint of another training, not used")
                    return None
                # Copies, for the file will be replaced while they are in use.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (no mapping)
            if _sum(metadata["state"], tensors) != metadata["sum"]:
                raise ValueError("wrong sum")
            return dict(json.loads(metadata["state"], object_hook=lambda found: _tensor(found, tensors)))
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            _tell(f"{self.path}: damaged checkpoint, not used ({type(error).__name__}: {error})")
            return None

    def remove(self) -> None:
        """Deletes the file, if there is one."""
        self.path.unlink(missing_ok=True)


def _tensor(found: dict[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    return tensors[found[MARK]] if list(found) == [MARK] else found


def _sum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Checksum of all that a state holds; safetensors notices a file that is too short, not one with other bits."""
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return str(total)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
