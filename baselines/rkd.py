"""Relational knowledge distillation: Park, Kim, Lu and Cho, CVPR 2019."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import pairwise, prepare
from methods.pairing import at_least, last_of, sample, whole
from methods.streaming import BLOCK_ELEMENTS, blocks, streamed_sum


class Relational(Method):
    """distance * mean_ij l(psi_D) + angle * mean_ijk l(psi_A), with l the Huber loss between student and teacher.

    psi_D(i, j) = ||h_i - h_j|| / mu, mu the mean of the positive distances; psi_A(i, j, k) = cosine of the angle at j
    between i and k. Means run over all m^2 pairs and m^3 triplets of the sampled nodes (degenerate ones count as 0 in
    both networks), as in the authors' code. Angles are walked by blocks of j, from inner products. No heads.

    Args:
        distance, angle: weights. Defaults 25 and 50 (Park et al., classification).
        max_samples: nodes drawn at each step where the batch has more; the cost of angles is cubic. Default 128.
    """

    title = "RKD"
    year = 2019
    citation = "park2019relational"
    uses_hidden = True

    def __init__(
        self, teacher: Shape, student: Shape, *, distance: float = 25.0, angle: float = 50.0, max_samples: int = 128
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, distance=distance, angle=angle)
        whole(self, max_samples=max_samples)
        self.distance, self.angle = distance, angle
        self.max_samples = max_samples

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h, target = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h), self.max_samples)
        if chosen is not None:
            h, target = h.index_select(0, chosen), target.index_select(0, chosen)
        x, y = prepare(h, "l2"), prepare(target, "l2")
        d_x, d_y = pairwise(x, x, "l2"), pairwise(y, y, "l2")
        distances = functional.smooth_l1_loss(_relative(d_x), _relative(d_y))

        m = max(len(h), 1)
        limit = BLOCK_ELEMENTS.get(h.device.type, 2**18)
        slices = blocks(len(h), m * m, h.device, max(1, limit // (m * m)))
        gram_x, gram_y = x @ x.T, y @ y.T
        of_vertex = [gram_x, x.square().sum(1), _inverse(d_x), gram_y, y.square().sum(1), _inverse(d_y)]
        total = streamed_sum(_angle_error, slices, of_vertex, [gram_x, gram_y])
        return {"distance": self.distance * distances, "angle": self.angle * total / m**3}


def _relative(distance: Tensor) -> Tensor:
    """Distances over the mean of those that are positive."""
    mean = distance.sum() / (distance > 0).sum().clamp(min=1)
    return distance / torch.where(mean > 0, mean, 1)


def _inverse(distance: Tensor) -> Tensor:
    """1 / distance; 0 for rows that coincide, which have no direction."""
    apart = distance > 0
    return apart / torch.where(apart, distance, 1)


def _angle_error(rows: slice, *tensors: Tensor) -> Tensor:
    """Huber loss of all angles whose vertices are in the block."""
    own_x, square_x, inverse_x, own_y, square_y, inverse_y, gram_x, gram_y = tensors
    mine = _angles(own_x, square_x, inverse_x, gram_x)
    return functional.smooth_l1_loss(mine, _angles(own_y, square_y, inverse_y, gram_y), reduction="sum")


def _angles(own: Tensor, square: Tensor, inverse: Tensor, gram: Tensor) -> Tensor:
    """[b, m, m]: (x_i - x_j).(x_k - x_j) / (||x_i - x_j|| ||x_k - x_j||) for the b vertices j of a block."""
    products = gram - own[:, :, None] - own[:, None, :] + square[:, None, None]
    return products * inverse[:, :, None] * inverse[:, None, :]
