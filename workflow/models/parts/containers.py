"""torch's containers of modules, which tell a type checker what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar, cast, overload

from torch import nn

Held = TypeVar("Held", bound=nn.Module)


class Layers(nn.ModuleList, Generic[Held]):
    """`nn.ModuleList` of modules of one type."""

    def __init__(self, modules: Iterable[Held]) -> None:
        super().__init__(modules)

    @overload
    def __getitem__(self, idx: slice) -> Layers[Held]: ...

    @overload
    def __getitem__(self, idx: int) -> Held: ...

    def __getitem__(self, idx: int | slice) -> Held | Layers[Held]:
        return cast("Held | Layers[Held]", super().__getitem__(idx))

    def __iter__(self) -> Iterator[Held]:
        return cast(Iterator[Held], super().__iter__())


class Named(nn.ModuleDict, Generic[Held]):
    """`nn.ModuleDict` of modules of one type."""

    def __init__(self, modules: Mapping[str, Held]) -> None:
        super().__init__(modules)

    def __getitem__(self, key: str) -> Held:
        return cast(Held, super().__getitem__(key))
