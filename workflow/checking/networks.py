"""What the pipeline asks of a network, each rule tried on a small input of every kind of task that it serves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from methods.contract import Shape, Signals
from methods.listing import ANY_ERROR, told
from methods.rehearsal import global_randomness
from methods.spelling import strays_of_class
from methods.vocabulary import Kind
from workflow.checking.inputs import Input, inputs
from workflow.errors import UserError
from workflow.models import listing, sizes
from workflow.models.model import Dropout, Model, PromiseError, create, load
from workflow.specs import Network

LAYERS, WIDTH = 3, 8
STRONG = 0.95
"""Dropout by which nearly everything is lost."""


@dataclass(frozen=True)
class Trial:
    """A network on one small input."""

    model: str
    given: Input

    def build(self, **options: Any) -> Model:
        """The network at its start, in float64. Raises UserError as `workflow.models.model.create` does."""
        torch.manual_seed(0)
        return create({"model": self.model, "layers": LAYERS, "width": WIDTH, **options}, self.given.facts).double()

    def has(self, option: str) -> bool:
        """Whether it is one of the network's options."""
        return option in inspect.signature(load(self.model).__init__).parameters

    def signals(self, model: Model, seed: int | None = None, order: Tensor | None = None) -> Signals:
        """Of a pass, with dropout from a stream of this seed, or without."""
        stream = None if seed is None else torch.Generator().manual_seed(seed)
        return model(self.given.made(order), Dropout(stream))


Rule = Callable[[Trial], Iterator[str]]


def faults(model: str) -> list[str]:
    """What a network breaks, one line each; the lines of a rule name the kinds of task on which it is broken.

    Raises:
        UserError: the id is not known, or its file cannot be loaded.
    """
    cls = load(model)
    found = [f"{model}: {text}" for text in _of_class(cls)]
    if found:
        return found
    on: dict[str, list[str]] = {}
    known = inputs()
    for kind in sorted(cls.kinds):
        trial = Trial(model, known[kind])
        broken = list(_told(trial, outline))
        for text in broken or [text for rule in RULES for text in _told(trial, rule)]:
            on.setdefault(text, []).append(kind)
    return [f"{text} [{', '.join(kinds)}]" for text, kinds in on.items()]


def _told(trial: Trial, rule: Rule) -> Iterator[str]:
    try:
        for text in rule(trial):
            yield f"{trial.model}: {text}"
    except UserError as error:
        yield f"{trial.model}: {error}"
    except PromiseError as error:
        yield str(error)
    except ANY_ERROR as error:
        yield told(error, listing.files()[trial.model])


def _of_class(cls: type[Model]) -> Iterator[str]:
    """What can be told without a task."""
    if not cls.__doc__ or cls.__doc__ == Model.__doc__:
        yield "no docstring"
    if not cls.kinds or not set(cls.kinds) <= set(Kind):
        yield f"kinds must be a frozenset of Kind: {', '.join(f'Kind.{kind.name}' for kind in Kind)}"
    _, *arguments = inspect.signature(cls.__init__).parameters.values()
    if not arguments or arguments[0].name != "facts":
        yield "__init__ must take (self, facts, *, and the options)"
    for argument in arguments[1:]:
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
            yield f"__init__: '{argument.name}' must stand behind `*,`: a configuration sets options by name"
        elif argument.default is inspect.Parameter.empty:
            yield f"__init__: the option '{argument.name}' must have a default"
    for name in ("layers", "width"):
        if name not in [argument.name for argument in arguments]:
            yield f"__init__: has no option '{name}', by which ratios are reached"
    yield from strays_of_class(cls, Model)


def outline(trial: Trial) -> Iterator[str]:
    """It can be built and called, and gives the signals that it promises."""
    try:
        model = trial.build()
    except AttributeError as error:
        if "before Module.__init__() call" in str(error):
            yield "__init__ must begin with super().__init__()"
            return
        raise
    if not isinstance(getattr(model, "shape", None), Shape):
        yield "__init__ must set self.shape = Shape(widths of the hidden layers, facts.outputs)"
        return
    before = global_randomness()
    found = trial.signals(model.train(), seed=0)
    if global_randomness() != before:
        yield "a global random state moved in forward; `dropout(x, p)` draws from its own, nn.Dropout does not"
    rows = {"logits": (len(found.logits), trial.given.units)}
    rows |= {f"hidden[{i}]": (len(layer), len(trial.given.order())) for i, layer in enumerate(found.hidden)}
    for name, (there, should) in rows.items():
        if there != should:
            yield f"{name} has {there} rows, where there are {should}"
    if not all(bool(x.isfinite().all()) for x in (found.logits, *found.hidden)):
        yield "logits or hidden states are not finite"


def parameters(trial: Trial) -> Iterator[str]:
    """The count is known without memory, the same after a pass, and grows with the width."""
    model = trial.build()
    before = model.parameter_count()
    logits = trial.signals(model).logits
    if model.parameter_count() != before:
        yield f"has {before} parameters before a pass and {model.parameter_count()} behind it"
    spec: Network = {"model": trial.model, "layers": LAYERS}
    counts = [sizes.measure({**spec, "width": width}, trial.given.facts) for width in (WIDTH, 2 * WIDTH)]
    if counts[0].params_with_embeddings != before:
        yield f"has {counts[0].params_with_embeddings} parameters where nothing is allocated, and {before} else"
    if counts[1].params <= counts[0].params:
        yield f"does not grow with the width: {counts[0].params} parameters, and {counts[1].params} at twice the width"
    # Maps into types of nodes that the last layer does not need may be idle in heterogeneous networks.
    if trial.given.facts.kind != Kind.HETEROGENEOUS:
        (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
        idle = [
            name for name, one in model.named_parameters() if one.requires_grad and one.numel() and one.grad is None
        ]
        if idle:
            yield f"the parameter '{idle[0]}' takes no part in the logits"


def dropping(trial: Trial) -> Iterator[str]:
    """Dropout draws from its own stream, and hidden states are taken before it."""
    one, again = (trial.signals(trial.build().train(), seed=0) for _ in range(2))
    if not torch.equal(one.logits, again.logits):
        yield "the same stream of dropout gives other logits"
    if not trial.has("dropout"):
        return
    strong = {"dropout": STRONG}
    if trial.has("input_dropout"):
        strong["input_dropout"] = 0.0
    dropped, kept = trial.signals(trial.build(**strong).train(), seed=0), trial.signals(trial.build(**strong).train())
    if dropped.hidden and not torch.allclose(dropped.hidden[0], kept.hidden[0]):
        yield "hidden[0] is taken after dropout; keep it after the activation and before dropout"
    if torch.allclose(dropped.logits, kept.logits):
        yield "the option 'dropout' drops nothing"


def inference(trial: Trial) -> Iterator[str]:
    """`infer` gives what a pass without dropout gives, and so does a pass for some of the nodes."""
    model = trial.build().eval()
    whole, found = trial.signals(model), model.infer(trial.given.made())
    if not _close(whole, found):
        yield "`infer` gives other signals than forward without dropout"
    if any(x.requires_grad for x in (found.logits, *found.hidden)):
        yield "`infer` keeps a gradient"
    if trial.given.facts.kind == Kind.NODE:
        rows = slice(5, 11)
        some = model(trial.given.made().at(rows), Dropout(None))
        if not _close(whole.at(rows), some):
            yield "`graph.at(rows)` gives other signals than these rows of all: hand over `graph.wanted(...)`"


def order(trial: Trial) -> Iterator[str]:
    """Nodes may stand in any order."""
    model = trial.build().eval()
    there = trial.given.order()
    moved, here = trial.signals(model, order=there), trial.signals(model)
    expected = here if trial.given.facts.kind == Kind.GRAPH else here.at(there)
    if not torch.allclose(moved.logits, expected.logits):
        yield "depends on the order of nodes"


RULES: tuple[Rule, ...] = (parameters, dropping, inference, order)
"""What is tried where the signals are sound."""


def _close(a: Signals, b: Signals) -> bool:
    pairs = zip((a.logits, *a.hidden), (b.logits, *b.hidden), strict=False)
    return len(a.hidden) == len(b.hidden) and all(x.shape == y.shape and torch.allclose(x, y) for x, y in pairs)
