"""Random streams: named ones, so that no part of a training shifts what another draws, and the global ones, unused."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch

Stream = Literal["network", "heads", "dropout", "sampling", "batches", "global", "view", "noise", "exchange", "around"]
"""network: first weights of the student or teacher; heads: first weights of a method's heads; dropout: the network's
masks; sampling: a method's draws; batches: order of the data; global: start of the global streams in a training, which
must not move; view: the network's masks where a method asks it again in a step; noise: on the features of a teacher;
exchange: which row gets which row's targets; around: the network's masks on the rows around a step's own."""


class HiddenRandomnessError(Exception):
    """A training drew from a global stream, so that methods would not be compared at the same draws."""


class Streams:
    """All random streams of one training.

    Args:
        seed: the paired seed s. Every method sees the same network, dropout and batches streams at one s.
        role: "teacher" or "student", so that the two networks never share draws.
        device: where generators live.
    """

    def __init__(self, seed: int, role: Literal["teacher", "student"], device: torch.device) -> None:
        self.seed = seed
        self.role = role
        self.device = device
        self._torch: dict[Stream, torch.Generator] = {}
        self._numpy: dict[Stream, np.random.Generator] = {}

    def number(self, stream: Stream) -> int:
        """A 63-bit seed, far from those of all other streams."""
        digest = hashlib.sha256(f"{self.role}/{self.seed}/{stream}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def generator(self, stream: Stream, device: torch.device | None = None) -> torch.Generator:
        """The stream for torch: one object, which goes on where its last user left it."""
        if stream not in self._torch:
            self._torch[stream] = torch.Generator(device or self.device).manual_seed(self.number(stream))
        return self._torch[stream]

    def numpy(self, stream: Stream) -> np.random.Generator:
        """The same for numpy."""
        return self._numpy.setdefault(stream, np.random.default_rng(self.number(stream)))

    def state(self) -> dict[str, Any]:
        """Where every stream stands that was ever asked for, of tensors and JSON values; for `restore`."""
        return {
            "torch": {name: [str(made.device), made.get_state()] for name, made in self._torch.items()},
            "numpy": {name: made.bit_generator.state for name, made in self._numpy.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts every stream to where it stood, those that are in use already too."""
        for name, (device, stands) in state["torch"].items():
            self.generator(name, torch.device(device)).set_state(stands)
        for name, stands in state["numpy"].items():
            self.numpy(name).bit_generator.state = stands

    @contextmanager
    def globally(self, stream: Stream) -> Iterator[None]:
        """Seeds the global streams for a block, then puts them back: for the initialisers of `torch.nn`."""
        number = self.number(stream)
        of_python, of_numpy = random.getstate(), np.random.get_state(legacy=False)
        # By default every visible GPU would be woken to keep its state.
        with torch.random.fork_rng(devices=self._devices):
            torch.manual_seed(number)
            random.seed(number)
            np.random.seed(number % 2**32)
            try:
                yield
            finally:
                random.setstate(of_python)
                np.random.set_state(of_numpy)

    @contextmanager
    def watched(self) -> Iterator[Callable[[], None]]:
        """Seeds the global streams for a block that must not draw from them, then puts them back.

        Yields what looks whether one has moved; it is called once more at the end. Nothing waits for a GPU.

        Raises:
            HiddenRandomnessError: one has moved.
        """
        with self.globally("global"):
            before = self._global_states()

            def look() -> None:
                moved = [name for name, state in self._global_states().items() if state != before[name]]
                if moved:
                    raise HiddenRandomnessError(
                        f"the training drew from the global random stream of {', '.join(moved)}; draw from the "
                        "`dropout` that a network's forward gets (never nn.Dropout), or a method's `batch.generator`"
                    )

            yield look
            look()

    @property
    def _devices(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []

    def _global_states(self) -> dict[str, Any]:
        """Where the global streams stand."""
        of_numpy = np.random.get_state(legacy=False)["state"]
        on_gpus = {f"torch on {gpu}": bytes(torch.cuda.get_rng_state(gpu).numpy()) for gpu in self._devices}
        own = {"torch": bytes(torch.get_rng_state().numpy()), "numpy": (bytes(of_numpy["key"]), of_numpy["pos"])}
        return own | on_gpus | {"Python": random.getstate()}
