"""What controls that learn from labels share: which of a batch's labels there are, and means over these."""

from __future__ import annotations

from torch import Tensor

from methods.contract import UNLABELED, Batch


def known(batch: Batch) -> Tensor:
    """Bool: [n] rows with a class that the student may see; of other objectives [n, targets], the measured entries."""
    return ~batch.labels.isnan() if batch.labels.is_floating_point() else batch.labels != UNLABELED


def mean_over_known(values: Tensor, batch: Batch, weight: float = 1.0) -> Tensor:
    """The mean of values [n] or [n, C] over what is `known` (where rows are, over all their columns), by weight; or 0.

    A product, not a selection, which a GPU would have to wait for: hidden labels must have finite values.
    """
    mask = known(batch)
    if values.dim() > mask.dim():
        mask = mask[:, None].expand_as(values)
    return weight * (values * mask).sum() / mask.sum().clamp(min=1)
