"""What Python code sees of a GPU: where tensors say that they are, `torch.Generator`, and `torch.cuda`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import Tensor

from tests.accelerator.pretend import CUDA, HOST, on_gpu

if TYPE_CHECKING:
    from tests.accelerator.pretend import Pretend

MEMORY = 80 * 2**30
NAME = "Pretend GPU"
PROPERTIES = SimpleNamespace(name=NAME, total_memory=MEMORY, multi_processor_count=108, major=9, minor=0)


class _Move(torch.autograd.Function):
    """A copy on the other side, whose gradient comes back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gpu: Pretend, into: bool) -> Tensor:
        with torch._C._DisableTorchDispatch():
            moved = x.detach().clone()
        ctx.gpu, ctx.back = gpu, not into
        return gpu.tags.add(moved) if into else moved

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        return _Move.apply(upstream[0], ctx.gpu, ctx.back), None, None


@contextmanager
def surface(gpu: Pretend) -> Iterator[None]:
    """All patches, as long as the context lasts."""
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with ExitStack() as stack:
        for name, value in _of_tensors(gpu).items():
            stack.enter_context(mock.patch.object(Tensor, name, value, create=True))
        stack.enter_context(mock.patch.object(torch, "Generator", _generator(gpu)))
        for name in ("tensor", "as_tensor"):
            stack.enter_context(mock.patch.object(torch, name, _built(getattr(torch, name))))
        for name, function in _of_cuda(gpu).items():
            stack.enter_context(mock.patch.object(torch.cuda, name, function, create=True))
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])


def _of_tensors(gpu: Pretend) -> dict[str, Any]:
    true_device = torch._C.TensorBase.device.__get__
    true_to, true_numpy, true_tolist = Tensor.to, Tensor.numpy, Tensor.tolist

    def to(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if args and isinstance(args[0], Tensor):  # to the device and type of another, of which torch sees the host's
            args = (torch.device(CUDA if args[0] in gpu.tags else "cpu"), args[0].dtype, *args[1:])
        device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)
        if device is not None and torch.device(device).type == "meta":
            return true_to(x, *args, **kwargs)
        if dtype is not None:
            x = true_to(x, dtype, **({} if memory_format is None else {"memory_format": memory_format}))
        if device is None or on_gpu(device) == (x in gpu.tags):
            return true_to(x, copy=True, dtype=x.dtype) if kwargs.get("copy") else x
        gpu.copy(x, on_gpu(device), non_blocking)
        moved: Tensor = _Move.apply(x, gpu, on_gpu(device))
        return gpu.flying.add(moved) if non_blocking and not on_gpu(device) else moved

    def refused(true: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Tensor, *args: Any, **kwargs: Any) -> Any:
            if x in gpu.tags and not kwargs.get("force"):
                raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
            gpu.look(x)
            return true(x, *args, **kwargs)

        return call

    def tolist(x: Tensor) -> Any:
        if x in gpu.tags:
            gpu.wait("tolist")
        gpu.look(x)
        return true_tolist(x)

    def pin_memory(x: Tensor, *_: Any) -> Tensor:
        if x in gpu.tags:
            raise RuntimeError("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
        return gpu.pinned.add(x if x in gpu.pinned else x.clone())

    return {
        "device": property(lambda x: CUDA if x in gpu.tags else true_device(x)),
        "is_cuda": property(lambda x: x in gpu.tags),
        "is_cpu": property(lambda x: x not in gpu.tags and true_device(x).type == "cpu"),
        "to": to,
        "cpu": lambda x, *_, **__: to(x, HOST),
        "cuda": lambda x, device=None, non_blocking=False, **_: to(x, CUDA, non_blocking=non_blocking),
        "numpy": refused(true_numpy),
        "__array__": refused(Tensor.__array__),
        "tolist": tolist,
        "pin_memory": pin_memory,
        "is_pinned": lambda x, *_: x in gpu.pinned,
    }


def _built(true: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`torch.tensor`, which makes a tensor of the GPU out of sight of a mode."""

    def build(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        made = true(*args, **kwargs)
        return made if device is None else made.to(device)

    return build


def _generator(gpu: Pretend) -> type:
    kept = []  # so that no address is used again

    class Generator(torch.Generator):
        def __new__(cls, device: Any = "cpu") -> Generator:
            made = super().__new__(cls, "cpu")
            made.place = CUDA if on_gpu(device) else HOST
            if on_gpu(device):
                gpu.generators.add(made._cdata)
                kept.append(made)
            return made

        @property
        def device(self) -> torch.device:
            return self.place

    return Generator


class _Event:
    """A mark in the stream."""

    gpu: Pretend

    def __init__(self, *_: Any, **__: Any) -> None:
        self.time = 0.0

    def record(self, *_: Any) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        if self.gpu.flying:  # else another wait has come before
            self.gpu.wait("event")

    def elapsed_time(self, other: _Event) -> float:
        return 1000 * (other.time - self.time)


def _of_cuda(gpu: Pretend) -> dict[str, Any]:
    default = torch._C.Generator("cpu").manual_seed(0)
    answers: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_current_stream_capturing": lambda: False,
        "_lazy_init": lambda: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda device=None: NAME,
        "get_device_properties": lambda device=None: PROPERTIES,
        "max_memory_allocated": lambda device=None: 2**20,
        "reset_peak_memory_stats": lambda device=None: None,
        "empty_cache": lambda: None,
        "synchronize": lambda device=None: gpu.wait("synchronize"),
        "get_rng_state": lambda device=None: default.get_state(),
        "set_rng_state": lambda state, device=None: default.set_state(state),
        "manual_seed": default.manual_seed,
        "manual_seed_all": default.manual_seed,
        "Event": type("Event", (_Event,), {"gpu": gpu}),
    }

    def counted(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            gpu.asked[name] += 1
            return answer(*args, **kwargs)

        return call

    return {name: counted(name, answer) for name, answer in answers.items()}
