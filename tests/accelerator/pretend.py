"""The mode that every operation of torch passes while a GPU is pretended."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.accelerator import rules
from tests.accelerator.tags import Tags

CUDA, HOST = torch.device("cuda", 0), torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
OWN = str(Path(__file__).resolve().parent)


def on_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


@dataclass
class Seen:
    """What went on between host and GPU.

    Attributes:
        waits: (why, file:line) -> how often the host waited for the GPU; copies that wait are among them.
        copies: (which way, file:line) -> how often tensors of more than 0 dimensions were copied.
        sorts: (what, file:line) -> how often entries are added up by an index, which a GPU that repeats itself sorts at
            every call, and then takes those of an index one after the other.
        kernels: operations on the GPU, but for those that only look at a tensor in another way.
    """

    waits: Counter[tuple[str, str]] = field(default_factory=Counter)
    copies: Counter[tuple[str, str]] = field(default_factory=Counter)
    sorts: Counter[tuple[str, str]] = field(default_factory=Counter)
    kernels: int = 0


class Pretend(TorchDispatchMode):
    """A GPU, `cuda:0`, as long as the context lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.pinned, self.generators = Tags(), Tags(), set()
        self.flying = Tags()
        """What is on its way to the host."""
        self.seen = [Seen()]
        self.asked: Counter[str] = Counter()
        """Calls of functions of `torch.cuda`, by name."""

    def __enter__(self) -> Pretend:
        from tests.accelerator.surface import surface

        self._stack = ExitStack()
        self._stack.enter_context(surface(self))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._stack.close()

    @contextmanager
    def watched(self) -> Iterator[Seen]:
        """What goes on inside a block."""
        seen = Seen()
        self.seen.append(seen)
        try:
            yield seen
        finally:
            self.seen.remove(seen)

    def wait(self, why: str) -> None:
        place = _place()
        self.flying = Tags()
        for seen in self.seen:
            seen.waits[why, place] += 1

    def copy(self, source: Tensor, to_gpu: bool, non_blocking: bool = False) -> None:
        """Notes a copy; the host waits for one from memory that is not pinned, and for every blocking one."""
        way, place = "host to device" if to_gpu else "device to host", _place()
        for seen in self.seen:
            seen.copies[way, place] += 1
        if not non_blocking or (to_gpu and source not in self.pinned):
            self.wait(f"copy, {way}")

    def look(self, x: Tensor) -> None:
        """Raises where the host reads what has not come yet."""
        if x in self.flying:
            raise RuntimeError(f"the host reads what is on its way from the GPU, at {_place()}")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func.overloadpacket.__name__, dict(kwargs or {})
        wanted = kwargs.get("device")
        if on_gpu(wanted):
            kwargs["device"] = HOST
        leaves = tree_leaves((args, kwargs))
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        ours = [x in self.tags for x in tensors]
        for x in tensors:
            self.look(x)
        self._refuse_mixed(name, args, tensors, ours)
        self._refuse_generator(name, leaves, on_gpu(wanted) or any(ours))
        if any(ours):
            self._run(func, name, args, kwargs)
        result = func(*args, **kwargs)
        if name == "copy_" and ours[0] != ours[1]:
            if tensors[1].dim() or ours[1]:
                self.copy(tensors[1], ours[0], bool(args[2]) if len(args) > 2 else kwargs.get("non_blocking", False))
        elif name == "_to_copy" and on_gpu(wanted) and not ours[0]:
            self.copy(tensors[0], True, kwargs.get("non_blocking", False))
        if name != "copy_" and self._stays(wanted, any(ours), bool(tensors)):
            for x in tree_leaves(result):
                if isinstance(x, Tensor):
                    self.tags.add(x)
        return result

    def _run(self, func: Any, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        """Notes an operation on the GPU."""
        for seen in self.seen:
            seen.kernels += not rules.is_view(func)
            if rules.sorts(name, args, kwargs):
                seen.sorts[name, _place()] += 1
        for fault in rules.faults(name, args):
            raise RuntimeError(f"CUDA error: {fault}, at {_place()}")
        if why := rules.waits(name, args, kwargs):
            self.wait(why)

    @staticmethod
    def _stays(wanted: Any, ours: bool, has_tensors: bool) -> bool:
        """Whether a result is on the GPU.

        Code in C++ asks for the device that it finds in a tensor, which is really the CPU: `x.new_zeros`, and the zeros
        of autograd. A wish for the host in Python goes through `to` and `cpu`, which are patched.
        """
        if on_gpu(wanted) or ours:
            return True
        caller = sys._getframe(2).f_code.co_filename
        return wanted is not None and not has_tensors and caller == torch.autograd.graph.__file__

    def _refuse_mixed(self, name: str, args: Any, tensors: list[Tensor], ours: list[bool]) -> None:
        strangers = [tuple(x.shape) for x, own in zip(tensors, ours, strict=True) if not own and x.dim()]
        if not any(ours) or not strangers or name in rules.CROSSING:
            return
        if name in rules.INDEXING and args[0] in self.tags:  # allowed, but the index is copied
            for x in args[1]:
                if x is not None and x not in self.tags:
                    self.copy(x, True)
            if all(x in self.tags for x in args[2:3] if isinstance(x, Tensor) and x.dim()):
                return
        raise RuntimeError(f"Expected all tensors to be on the same device: {name}: cpu {strangers}, at {_place()}")

    def _refuse_generator(self, name: str, leaves: list[Any], gpu: bool) -> None:
        for generator in leaves:
            if isinstance(generator, torch._C.Generator) and (generator._cdata in self.generators) != gpu:
                here, there = ("cuda", "cpu") if gpu else ("cpu", "cuda")
                raise RuntimeError(f"Expected a '{here}' device type for generator: {name} got {there}, at {_place()}")


def _place() -> str:
    """file:line of the project's innermost code, or the test's."""
    frame = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        if (
            file.startswith(str(ROOT))
            and "site-packages" not in file
            and (not file.startswith(OWN) or Path(file).name.startswith("test_"))
        ):
            return f"{Path(file).relative_to(ROOT)}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"
