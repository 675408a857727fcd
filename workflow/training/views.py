"""How a student is asked again within a step: on more rows, or on other features. Its own dropout masks stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from methods.contract import Batch, Method, Signals
from methods.terms import check
from workflow.models.model import Dropout, Model
from workflow.training.feeds.step import Step, Wider
from workflow.training.seeds import Streams


def around(
    model: Model, streams: Streams, wider: Wider, epoch: int, epochs: int
) -> Callable[[], tuple[Signals, Signals, Batch]]:
    """What `Batch.around` is: asks the student on more rows when it is first called."""
    wider.batch.epoch, wider.batch.epochs = epoch, epochs

    @cache
    def asked() -> tuple[Signals, Signals, Batch]:
        with untracked(model):
            signals = model(wider.inputs, Dropout(streams.generator("around")))
        return signals if wider.rows is None else signals.at(wider.rows), wider.teacher, wider.batch

    return asked


@contextmanager
def untracked(model: nn.Module) -> Iterator[None]:
    """Within, batch norms go by the rows that they see, as in training, and keep nothing of them for evaluations."""
    norms = [part for part in model.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def second(model: Model, streams: Streams, method: Method, step: Step, check_terms: bool) -> dict[str, Tensor]:
    """The method's terms on other features (`Method.view`), which leave the averages of batch norms alone."""
    assert step.teacher is not None
    assert step.batch is not None
    dropout = Dropout(streams.generator("view"))

    def answer(features: Sequence[Tensor]) -> Signals:
        with untracked(model):
            signals: Signals = model(step.inputs.with_features(features), dropout)
        return signals

    terms = method.view(step.inputs.real_features, answer, step.teacher, step.batch)
    return check(method, terms, "view") if check_terms else terms
