"""What CUDA's kernels ask for, and which of them make the host wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

WAITS = frozenset(
    """_local_scalar_dense nonzero _unique _unique2 unique_consecutive unique_dim bincount masked_select histc
    multinomial is_nonzero equal _to_sparse _to_sparse_csr _coalesce _linalg_eigh _linalg_svd linalg_qr
    linalg_lstsq _linalg_check_errors""".split()  # noqa: SIM905 (one line each would be twenty)
)
"""Operations whose result's size, or whose check, the GPU has to tell the host."""
CROSSING = frozenset(["copy_", "_to_copy", "set_", "set_data", "lift_fresh", "lift_fresh_copy", "_pin_memory"])
"""Operations that may take tensors of both."""
INDEXING = frozenset(["index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"])
ALIGNMENT = 16
"""Bytes: cuSPARSE reads vectors of values and indices, and refuses or misreads where they begin elsewhere."""


def waits(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """What the host waits for in an operation on the GPU; "" where it goes on at once."""
    if name in WAITS:
        return name
    if name in INDEXING and any(x.dtype in (torch.bool, torch.uint8) for x in args[1] if x is not None):
        return f"{name} by a mask"
    if name == "repeat_interleave" and kwargs.get("output_size") is None:
        return "repeat_interleave without output_size"
    return ""


def sorts(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether an operation on the GPU sorts its index where sums must repeat."""
    accumulates = kwargs.get("accumulate", len(args) > 3 and args[3])
    return name.rstrip("_") in ("index_add", "scatter_add") or (name in INDEXING and bool(accumulates))


def faults(name: str, args: Sequence[Any]) -> Iterator[str]:
    """Why CUDA would refuse what the CPU computes."""
    if name in ("_fused_adam_", "_fused_adamw_"):
        for group in zip(*args[:4], strict=True):
            if len({tuple(s for s, n in zip(x.stride(), x.shape, strict=True) if n != 1) for x in group}) > 1:
                yield f"{name}: strides differ: {[x.stride() for x in group]}"
    if name in ("addmm", "mm", "sparse_sampled_addmm"):
        for matrix in args:
            if isinstance(matrix, Tensor) and matrix.layout == torch.sparse_csr:
                yield from _misaligned(name, matrix)


def _misaligned(name: str, matrix: Tensor) -> Iterator[str]:
    with torch._C._DisableTorchDispatch():
        for part in ("values", "col_indices", "crow_indices"):
            x = getattr(matrix, part)()
            # Of the offset, not of the address: an allocation of CUDA begins at a multiple of 512 bytes.
            if x.numel() and x.storage_offset() * x.element_size() % ALIGNMENT:
                yield f"{name}: {part} of a sparse matrix do not begin at a multiple of {ALIGNMENT} bytes"


def is_view(operator: Any) -> bool:
    """Whether an operator gives another look at its argument, and computes nothing."""
    returns = operator._schema.returns
    shares = bool(returns) and returns[0].alias_info is not None and not returns[0].alias_info.is_write
    return shares or operator.overloadpacket.__name__ in ("_indices", "_values", "detach")
