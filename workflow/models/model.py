"""What a network is to the training loop, and how one is found: its id is its file's name in `architectures/`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from methods.contract import Shape, Signals
from methods.listing import load as load_module
from methods.listing import shown
from methods.spelling import as_number, number_in, suggest
from methods.vocabulary import Kind
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.models import listing, positions
from workflow.specs import POSITIONS, Network


class OptionError(UserError):
    """An option of a network that is unknown or refused, whatever experiment asks for it."""


class PromiseError(ValueError):
    """What a network's forward pass gives is not what the network promises."""


class Dropout:
    """Inverted dropout from a random stream of its own.

    The global random state is never used, so that a method with heads of its own, or one that samples, leaves the
    student's masks as they are.
    """

    def __init__(self, generator: torch.Generator | None) -> None:
        self.generator = generator

    def __call__(self, x: Tensor, p: float) -> Tensor:
        """X with every entry set to 0 with probability p and scaled by 1 / (1 - p); x itself if there is no stream."""
        if self.generator is None or p == 0:
            return x
        kept, scale = keep(x, p, self.generator)
        dropped: Tensor = _Dropped.apply(x, kept, scale)
        return dropped


def keep(x: Tensor, p: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """A mask of x's shape, bool: False with probability p; and 1 / (1 - p), which makes up for what is dropped.

    On CPU, drawing a float per entry takes longer than the layer itself; here one 64-bit number serves four or eight
    entries. p is rounded to a multiple of 2^-16 (of 2^-8 where that is exact, as for one half), and the scale with it.
    """
    if x.device.type != "cpu":
        return torch.empty_like(x, dtype=torch.bool).bernoulli_(1 - p, generator=generator), 1 / (1 - p)
    kind, levels = (torch.int8, 2**8) if (p * 2**8).is_integer() else (torch.int16, 2**16)
    dropped = round(p * levels)
    numbers = torch.empty(-(-x.numel() * kind.itemsize // 8), dtype=torch.int64)
    numbers.random_(-(2**63), 2**63 - 1, generator=generator)
    return numbers.view(kind)[: x.numel()].view(x.shape) >= dropped - levels // 2, levels / (levels - dropped)


class _Dropped(torch.autograd.Function):
    """The product with a mask and a scale, which keeps a byte per entry for the gradient, and not a float."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return _masked(x, kept, scale)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return _masked(upstream[0], kept, ctx.scale), None, None


def _masked(x: Tensor, kept: Tensor, scale: float) -> Tensor:
    """X * kept * scale: one kernel on a GPU; on CPU that operator would make two copies."""
    if x.device.type != "cpu":
        fused: Tensor = torch.ops.aten.native_dropout_backward(x, kept, scale)
        return fused
    return kept.to(x.dtype).mul_(scale).mul_(x)


class Model(nn.Module):
    """A network that returns its logits and every hidden layer.

    A subclass lives alone in one file of `workflow/models/architectures/`. Its options are keyword-only arguments of
    `__init__`; every subclass takes `layers` and `width`. It is called with the input of its kind of task: a `Graph`,
    a `HeteroGraph`, or a mini-batch of `Molecules`.

    Attributes:
        kinds: of the tasks that it serves.
        shape: widths of its hidden layers and logits, set by `__init__`.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.NODE})

    reads_first: ClassVar[bool] = False
    """Whether `layer` reads the output of layer 0 in later layers."""

    sums: ClassVar[bool] = False
    """Whether `layer` reads values by products with `graph.mean` or `graph.gcn` and by `graph.wanted` alone."""

    shape: Shape

    # As torch's own `__call__`, with the type of what it gives.
    __call__: Callable[..., Signals]

    @property
    def reach(self) -> int:
        """How many hops away the nodes lie, at most, on which an answer rests (node tasks)."""
        return len(self.shape.layers)

    @property
    def powers(self) -> int:
        """How often propagated features it reads as constants of the graph, `("hop", k)` with 1 <= k <= powers."""
        return 0

    @property
    def pieces(self) -> int:
        """How many layers `layer` takes one after the other; 0 for a network that answers at once or not at all.

        A large graph is answered for layer by layer, some nodes at a time, by networks that can be taken in pieces.
        """
        return 0

    def propagates(self, index: int) -> bool:
        """Whether a layer looks at neighbours."""
        return True

    def layer(self, index: int, x: Tensor, first: Tensor, graph: Any, dropout: Dropout) -> Tensor:
        """The output of one layer, before the next one's dropout, on the nodes that the graph wants.

        Args:
            x: [n, d] output of the layer before on all nodes of the graph, or its features.
            first: [n, e] that of layer 0 where the class reads it (`reads_first`), else x.
        """
        raise TypeError(f"{type(self).__name__} cannot be taken in pieces")

    def forward(self, graph: Any, dropout: Dropout) -> Signals:
        """Logits and hidden states of the units whose outputs the graph wants."""
        raise TypeError(f"{type(self).__name__} does not define its forward pass")

    @property
    def classifier(self) -> nn.Linear | None:
        """The linear map from the last hidden layer, pooled in graph-level tasks, to the logits; None if it is none."""
        return None

    @torch.no_grad()
    def infer(self, graph: Any) -> Signals:
        """The same without dropout and gradients; a network of large graphs may take it in pieces."""
        return self(graph, Dropout(None))

    def embedding_parameters(self) -> int:
        """Number of parameters that are learned embeddings of featureless nodes."""
        return 0

    def parameter_count(self) -> int:
        """Trainable parameters, learned embeddings of featureless nodes included."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def load(model: str) -> type[Model]:
    """The class of a network id.

    Raises:
        UserError: there is none, or two, or its file cannot be imported or defines no class or several.
    """
    files = listing.files()
    if model not in files:
        raise UserError(f"unknown model '{model}'{suggest(model, files)}; allowed: {', '.join(files)}")
    if told := listing.clashes().get(model):
        raise UserError(told)
    return _class(files[model])


@cache
def _class(path: Path) -> type[Model]:
    try:
        module = load_module(path, listing.PACKAGE)
    except ValueError as error:
        raise UserError(str(error)) from error
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Model) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise UserError(f"{shown(path)} must define exactly one Model, found {len(found)}")
    return found[0]


def options(cls: type[Model]) -> dict[str, Any]:
    """Name -> default of all that can be set of a network."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false, without quotes"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a text"),
}
"""Name of a type -> what an option of it may be, and in words."""


def _kinds(cls: type[Model]) -> dict[str, str]:
    """Option -> name of its type, as it is annotated; that of its default where nothing is."""
    found = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        stated = parameter.annotation
        if stated is inspect.Parameter.empty:
            stated = type(parameter.default)
        found[name] = stated if isinstance(stated, str) else getattr(stated, "__name__", "")
    return found


def check(spec: Network) -> dict[str, Any]:
    """The options that are stated of a network, but for its positions.

    Raises:
        OptionError: one of them is unknown, or of another type than it must be.
        UserError: unknown model.
    """
    cls = load(str(spec["model"]))
    known, kinds = options(cls), _kinds(cls)
    stated = {key: value for key, value in spec.items() if key not in ("model", POSITIONS)}
    for key, value in stated.items():
        if key not in known:
            allowed = [*known, *([POSITIONS] if Kind.NODE in cls.kinds else [])]
            what = f"unknown option of model '{spec['model']}'{suggest(key, allowed)}"
            raise OptionError(f"{key}: {what}; allowed: {', '.join(allowed)}")
        types, words = TYPES.get(kinds[key], ((object,), ""))
        numeric = kinds[key] in ("int", "float")
        if not isinstance(value, types) or (numeric and isinstance(value, bool)):
            hint = as_number(value) if numeric and isinstance(value, str) and number_in(value) is not None else ""
            raise OptionError(f"{key}: must be {words}, not {value!r}{hint}")
    return stated


def create(spec: Network, facts: Facts) -> Model:
    """Builds a network for a dataset. Its first pass raises PromiseError where it gives no `Signals` of its shape.

    Args:
        spec: {"model": id, option: value, ...}; `positions` is an option of every network of homogeneous node tasks.

    Raises:
        OptionError: unknown option, or a value that the model refuses.
        UserError: unknown model, or a kind of task it cannot serve.
    """
    cls = load(str(spec["model"]))
    if facts.kind not in cls.kinds:
        raise UserError(f"model '{spec['model']}' serves {', '.join(sorted(cls.kinds))} tasks, not {facts.kind} tasks")
    facts = positions.widened(facts, spec)
    stated = check(spec)
    try:
        model = cls(facts, **stated)
    except (ValueError, TypeError) as error:
        raise OptionError(f"model '{spec['model']}': {error}") from error
    _look_once(model, str(spec["model"]))
    return model


def _look_once(model: Model, name: str) -> None:
    """Holds what the first pass gives against `Signals` and `shape`, since a later error would name no network."""

    def look(_: nn.Module, __: Any, found: Any) -> None:
        hook.remove()
        if not isinstance(found, Signals):
            raise PromiseError(f"{name}: forward must return Signals(logits, hidden), not {type(found).__name__}")
        if strays := [x for x in (found.logits, *found.hidden) if not isinstance(x, Tensor)]:
            raise PromiseError(f"{name}: forward must return Signals of tensors, not of {type(strays[0]).__name__}")
        if found.shape != model.shape:
            raise PromiseError(f"{name}: forward returns layers {found.shape}, but self.shape is {model.shape}")

    hook = model.register_forward_hook(look)
