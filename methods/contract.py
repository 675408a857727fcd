"""What a knowledge-distillation method sees and what it returns.

The training loop in `workflow.training` is the only caller. A method never sees the model, the optimizer or the
dataset: it gets the student's and the teacher's signals on the same rows, and a `Batch` that describes those rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from methods.spaces import Values
from methods.sparse import compressed
from methods.vocabulary import Extra, Kind, Objective, TaskFacts

Cached = TypeVar("Cached")

UNLABELED = -1
"""Class index of a row whose label the student may not see (validation and test rows of a transductive batch)."""


class NotApplicableError(Exception):
    """Raised by a loss whose hyperparameters do not go with the task; the row's status becomes "skipped".

    What can be told from the kind of task and the networks alone is told by `Method.skip`, before anything is built.
    """


@dataclass(frozen=True)
class Shape:
    """Widths of a network: `hidden[l]` columns after layer l, and `out` logits (classes, or targets)."""

    hidden: tuple[int, ...]
    out: int

    @property
    def layers(self) -> tuple[int, ...]:
        """Widths of a layer-wise view: every hidden layer, then the pre-softmax output."""
        return (*self.hidden, self.out)


@dataclass(frozen=True)
class Signals:
    """What a network gives away on the rows of a batch.

    Attributes:
        logits: [n, C] pre-softmax outputs; [g, C] with one row per graph in graph-level tasks.
        hidden: one [n, d_l] tensor per hidden layer, after its activation and BEFORE dropout; rows are nodes. A tuple,
            or another sequence that gathers a layer's rows when it is read.
    """

    logits: Tensor
    hidden: Sequence[Tensor]

    @property
    def last(self) -> Tensor:
        """[n, d] output of the last hidden layer, the `h` of the representation losses."""
        return self.hidden[-1]

    @property
    def shape(self) -> Shape:
        """Widths of the hidden layers and the logits."""
        return Shape(tuple(layer.shape[1] for layer in self.hidden), self.logits.shape[1])

    def at(self, rows: Tensor | slice) -> Signals:
        """The signals of some rows (node-level tasks only, where logits and hidden states share their rows)."""
        return Signals(self.logits[rows], tuple(layer[rows] for layer in self.hidden))

    def to(self, device: torch.device) -> Signals:
        """The same signals on a device."""
        return Signals(self.logits.to(device), tuple(layer.to(device) for layer in self.hidden))

    def float(self) -> Signals:
        """The same signals in float32, whatever they are kept in."""
        return Signals(self.logits.float(), tuple(layer.float() for layer in self.hidden))

    def detached(self) -> Signals:
        """The same values without a gradient."""
        return Signals(self.logits.detach(), tuple(layer.detach() for layer in self.hidden))


@dataclass
class Batch:
    """The distillation rows of one step.

    On a static graph the loop hands over the same Batch object at every step, so that `memo` and the cached
    properties below are computed once per training.

    Attributes:
        labels: [n or g] int64 classes, `UNLABELED` where the student may not see them; of other objectives
            [n or g, targets] float, NaN where unmeasured or not to be seen.
        edge_index: [2, E] int64, row 0 the source j and row 1 the target i of every edge j -> i AMONG the rows.
        own: how many leading rows a step is about, where others are drawn neighbours that no edge leads to; None: all.
        generator: the method's own seeded stream, on the device of the tensors; sampling draws from nothing else.
        objective: how logits are read.
        graph: [n] int64, the graph that each hidden row belongs to; None where a row is itself a unit of prediction.
        constant: whether every step has these edges, so that what they lack is lacking in all of the training.
        epoch, epochs: which epoch this is, counted from 1, and of how many at most (`Method.uses_epoch`).
        around: makes student's and teacher's signals on more rows, and their batch, for `methods.terms.given`; or None.
        find_ids, find_row_ids: make `ids` and `row_ids`, where a method asks for them; None where rows have none.
    """

    labels: Tensor
    edge_index: Tensor
    generator: torch.Generator
    objective: Objective = Objective.MULTICLASS
    graph: Tensor | None = None
    constant: bool = False
    own: int | None = None
    epoch: int = 1
    epochs: int = 1
    around: Callable[[], tuple[Signals, Signals, Batch]] | None = field(default=None, repr=False)
    find_ids: Callable[[], Tensor] | None = field(default=None, repr=False)
    find_row_ids: Callable[[], Tensor] | None = field(default=None, repr=False)
    _memo: WeakKeyDictionary[object, dict[str, Any]] = field(default_factory=WeakKeyDictionary, repr=False)

    @cached_property
    def ids(self) -> Tensor:
        """[n or g] int64 numbers of the units of prediction in the task, the same at every step (`Method.uses_ids`)."""
        return self._found(self.find_ids)

    @cached_property
    def row_ids(self) -> Tensor:
        """[n] int64 numbers of the hidden rows in the task (`Method.uses_ids`); `ids` where a row is its own unit."""
        return self.ids if self.graph is None else self._found(self.find_row_ids)

    def _found(self, find: Callable[[], Tensor] | None) -> Tensor:
        if find is None:
            raise ValueError("the rows of this batch have no ids")
        return find()

    @property
    def neighbours(self) -> tuple[Tensor, Tensor]:
        """The edges grouped by target, as CSR: (pointers [rows + 1], sources [E]), both int64; sorted at every call.

        The sources of target i are `sources[pointers[i]:pointers[i + 1]]` in ascending order.
        """
        source, target = self.edge_index
        pattern, _ = compressed(target, source, self.rows, self.rows)
        return pattern.pointers.long(), pattern.columns.long()

    @property
    def rows(self) -> int:
        """Number of hidden rows n (nodes)."""
        return len(self.labels) if self.graph is None else len(self.graph)

    def memo(self, owner: object, name: str, compute: Callable[[], Cached]) -> Cached:
        """`compute()` once per Batch object, for what depends on the teacher and the edges alone.

        Args:
            owner: whose value it is (`self`); kept as long as this very object, whatever comes to lie at its address.
            name: of the quantity.
        """
        own = self._memo.setdefault(owner, {})
        if name not in own:
            own[name] = compute()
        found: Cached = own[name]
        return found

    def pool(self, hidden: Tensor) -> Tensor:
        """[n, d] node rows -> [g, d] means over each graph; the rows themselves where a row is its own unit."""
        if self.graph is None:
            return hidden
        total = hidden.new_zeros(len(self.labels), hidden.shape[1]).index_add(0, self.graph, hidden)
        return total / self.sizes[:, None].to(hidden.dtype)

    @cached_property
    def sizes(self) -> Tensor:
        """[g] nodes of every graph, 1 for a graph without any."""
        assert self.graph is not None
        ones = torch.ones(len(self.graph), device=self.graph.device)
        # Not `bincount`, which asks a GPU for its largest value.
        return ones.new_zeros(len(self.labels)).index_add(0, self.graph, ones).clamp(min=1)


class Method(nn.Module):
    """A way to distil a teacher into a student.

    A subclass lives alone in one file of `baselines/` or `abkd/`, whose name is the method's id (`_` reads as `-`).
    Its hyperparameters are keyword-only arguments of `__init__` with the defaults; its trainable heads are
    ordinary submodules, which the loop always hands to the optimizer. What one step leaves for later ones must be a
    parameter or a buffer (`register_buffer`), for an interrupted training goes on from these alone.

    The training loss is `ce_weight * CE(labels) + sum(terms)`. A step of the optimizer moves student and heads by its
    gradient; with `labels_apart` one step goes by the first summand and, the student asked again, one by the second.
    """

    title: ClassVar[str]
    """Name as printed in tables."""
    year: ClassVar[int]
    citation: ClassVar[str]
    """Key in methods/references.bib, or of `bibtex`."""
    bibtex: ClassVar[str] = ""
    """The BibTeX entry itself, for a method that lives outside this repository."""
    uses_teacher: ClassVar[bool] = True
    """Whether the terms rest on the teacher; without that, a failed teacher leaves the training as it is."""
    control: ClassVar[bool] = False
    """Whether it shows what of a gain is not due to a large teacher. Tables list it apart."""
    own_size: ClassVar[bool] = False
    """Whether the teacher is a network like the student, trained as the student is, in place of the large one."""
    exchanged: ClassVar[bool] = False
    """Whether each row is taught by another row's logits, exchanged once for a training (hidden states stay)."""
    epochs_factor: ClassVar[int] = 1
    """How many times the epochs (and the patience) of the other methods it trains for."""
    uses_hidden: ClassVar[bool] = False
    """Whether a student and a teacher with at least one hidden layer are needed."""
    uses_edges: ClassVar[bool] = False
    """Whether `Batch.edge_index` is read."""
    depends_on_rows: ClassVar[bool] = False
    """Whether default terms change when every row is doubled, as contrastive ones do; all others are means."""
    depends_on_order: ClassVar[bool] = False
    """Whether a draw decides which rows meet, so that a term changes with their order."""
    samples: ClassVar[str] = ""
    """"nodes" or "edges" where a step draws some: order moves a term, not its mean. `max_samples` says the same."""
    uses_epoch: ClassVar[bool] = False
    """Whether a term may change with `Batch.epoch` alone."""
    uses_ids: bool = False
    """Whether `Batch.ids` or `Batch.row_ids` are read, as by a memory of all rows."""
    uses_view: bool = False
    """Whether `view` gives terms."""
    labels_apart: bool = False
    """Whether the labels' loss and the terms move the student in two steps of the optimizer, one after the other."""
    reverses: bool = False
    """Whether the student climbs a term that the heads descend (`methods.reversal`)."""
    teacher_extras: tuple[Extra, ...] = ()
    """What `begin` is given beside the signals; made once for a teacher and kept beside its knowledge."""
    objectives: ClassVar[frozenset[Objective]] = frozenset(Objective)
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)

    search_space: ClassVar[Mapping[str, Values]] = MappingProxyType({})
    """What tuning tries: some values, or a `methods.spaces.LogRange`, by hyperparameter. The default lies
    inside. A variant tries nothing of what it fixes; without a space there is nothing to tune."""

    fixed: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Hyperparameters that make this class a variant of its base, as in `class Pooled(ABKD, dissimilarity="pooled")`:
    `methods.create` passes them, and a configuration cannot set them."""

    ce_weight: float = 1.0

    def __init_subclass__(cls, **fixed: Any) -> None:
        super().__init_subclass__()
        cls.fixed = MappingProxyType({**cls.fixed, **fixed})

    def __init__(self, teacher: Shape, student: Shape) -> None:
        super().__init__()
        self.teacher_shape = teacher
        self.student_shape = student

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        """The distillation terms, each a scalar that is already weighted; {} means plain supervised training."""
        raise TypeError(f"{type(self).__name__} does not define its loss terms")

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        """Called once before the first step, on the host; what is kept of it must be a buffer.

        Args:
            ids: [D] int64, ascending: all `Batch.ids` that steps will bring.
            extras: those of `teacher_extras`.
        """

    def view(
        self,
        features: Sequence[Tensor],
        answer: Callable[[Sequence[Tensor]], Signals],
        teacher: Signals,
        batch: Batch,
    ) -> dict[str, Tensor]:
        """More terms, of the student on other features than its own: noisy, hidden or attacked (`uses_view`).

        Args:
            features: the student's real-valued input, one [m, f] for each type of node that has any.
            answer: the student's signals on the rows of the batch with these features in place of its own,
                differentiable in them; dropout and batch norm are those of a training step.
            teacher, batch: as in `forward`.
        """
        raise TypeError(f"{type(self).__name__} does not define its terms of a second view")

    @classmethod
    def skip(cls, task: TaskFacts, teacher: Shape, student: Shape) -> str | None:
        """Why this method cannot be applied here, or None. The reason becomes a row with status "skipped"."""
        if task.kind not in cls.kinds:
            return f"not defined for {task.kind} tasks"
        if task.objective not in cls.objectives:
            return f"not defined for {task.objective} objectives"
        if cls.uses_hidden and not (teacher.hidden and student.hidden):
            return "needs a hidden layer in teacher and student"
        if cls.uses_edges and task.num_edges == 0:
            return "needs edges"
        return None

    def trace(self) -> Mapping[str, Tensor]:
        """Small tensors worth plotting over training (attention maps); read by the loop after evaluations."""
        return {}
