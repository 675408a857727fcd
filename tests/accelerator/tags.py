"""Which memory counts as the GPU's: storages are tagged, so that every view of a tensor is where the tensor is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

MOST = 4096
"""Tags after which those of freed storages are dropped."""


class Tags:
    """A set of storages. A weak reference keeps the address of a freed one from being used again."""

    def __init__(self) -> None:
        self._known: dict[int, StorageWeakRef] = {}

    def __contains__(self, x: Tensor) -> bool:
        found = self._known.get(_parts(x)[0].untyped_storage()._cdata)
        return found is not None and not found.expired()

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, x: Tensor) -> Tensor:
        if len(self._known) > MOST:
            self._known = {key: kept for key, kept in self._known.items() if not kept.expired()}
        for part in _parts(x):
            storage = part.untyped_storage()
            self._known[storage._cdata] = StorageWeakRef(storage)
        return x


def _parts(x: Tensor) -> list[Tensor]:
    """The dense tensors that a tensor is made of, the values first."""
    with torch._C._DisableTorchDispatch():
        if x.layout == torch.sparse_csr:
            return [x.values(), x.crow_indices(), x.col_indices()]
        if x.layout == torch.sparse_coo:
            return [x._values(), x._indices()]
        return [x]
