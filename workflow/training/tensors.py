"""The one writer of tensors: safetensors files, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from workflow.files import replacing


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors by name; those that share memory (tied weights) are written each.

    Raises:
        OSError, SafetensorError: the file cannot be written; both may be the words for a full disk.
    """
    seen: set[int] = set()

    def own(value: Tensor) -> Tensor:
        """The tensor in memory of its own, which the format asks for."""
        value = value.detach().cpu().contiguous()
        if value.untyped_storage().data_ptr() in seen:
            value = value.clone()
        seen.add(value.untyped_storage().data_ptr())
        return value

    with replacing(path) as temporary:
        save_file({name: own(value) for name, value in tensors.items()}, temporary, metadata)
