"""What methods that distil along edges share: neighbourhoods, divergences along edges, and sums over edges by blocks.

Nothing of the size of edges times columns stands in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, NotApplicableError
from methods.sparse import Entries, Pattern, compressed
from methods.streaming import blocks, streamed_sum


def centres(batch: Batch) -> int:
    """How many leading rows a step is about: all, or those that others were drawn as neighbours of."""
    return batch.rows if batch.own is None else batch.own


def neighbourhood(batch: Batch, *, loops: bool = False) -> Pattern:
    """The edges of a batch by target, once per Batch object: row i holds the sources j of the edges j -> i.

    Args:
        loops: whether every row that the step is about is its own neighbour too, A + I in place of A.

    Raises:
        NotApplicableError: the batch has no edge, and no later one will.
    """
    if batch.constant and batch.edge_index.shape[1] == 0:
        raise NotApplicableError("no edge joins two distilled nodes")

    def build() -> Pattern:
        source, target = batch.edge_index
        if loops:
            every = torch.arange(centres(batch), device=source.device)
            source, target = torch.cat([source, every]), torch.cat([target, every])
        return compressed(target, source, batch.rows, batch.rows)[0]

    return batch.memo(neighbourhood, f"loops={loops}", build)


def is_loop(pattern: Pattern) -> Tensor:
    """[E] whether an entry joins a row with itself."""
    return pattern.rows == pattern.columns


def relative_entropy(z: Tensor) -> Tensor:
    """Logits [n, C] -> [n] entropies of their softmax over the largest of them, between 0 and 1."""
    log_probabilities = functional.log_softmax(z, 1)
    entropies = -(log_probabilities.exp() * log_probabilities).sum(1)
    largest = entropies.max() if len(entropies) else entropies.sum()
    return entropies / torch.where(largest > 0, largest, 1)


def mixed_targets(log_teacher: Tensor, weights: Tensor, pattern: Pattern) -> tuple[Tensor, Tensor]:
    """What `divergence_along` needs of the teacher: its probabilities [n, C] log_teacher mixed along the edges.

    Returns:
        Targets [n, C], row i the sum over its edges e = j -> i of weights[e] * p_T[j]; and the sum over all edges of
        weights[e] * sum_c p_T[j, c] log p_T[j, c].
    """
    probabilities = log_teacher.exp()
    negative_entropies = (probabilities * log_teacher).sum(1)
    return (
        Entries(pattern, weights) @ probabilities,
        (weights * negative_entropies.index_select(0, pattern.wide(of_rows=False))).sum(),
    )


def divergence_along(log_student: Tensor, mixed: tuple[Tensor, Tensor]) -> Tensor:
    """Sum over the edges e = j -> i of weights[e] * KL(p_T[j] || p_S[i]).

    The student's row is the same on all edges of its target: sum_e w_e p_T[j] . log p_S[i] is one product of the mixed
    targets with log p_S, so that a step costs n C and not E C.
    """
    targets, constant = mixed
    return constant - (targets * log_student).sum()


def sum_over_edges(term: Callable[..., Tensor], pattern: Pattern, whole: Sequence[Tensor]) -> Tensor:
    """Sum of `term(rows, ones, i, j, *whole)` over blocks of edges j -> i, differentiable in `whole`.

    A block has at least as many edges as there are rows: its gradient is then not smaller than what it is added to.

    Args:
        term: scalar of one block; ones [b], targets i [b] and sources j [b].
        pattern: of `neighbourhood`.
        whole: tensors [n, d] that every block sees entirely.
    """
    edges, columns = len(pattern.columns), max(x.shape[1] for x in whole)
    size = max((part.stop - part.start for part in blocks(edges, columns, whole[0].device)), default=1)
    slices = blocks(edges, columns, whole[0].device, max(size, pattern.height))
    ends = pattern.wide(of_rows=True), pattern.wide(of_rows=False)
    return streamed_sum(term, slices, [whole[0].new_ones(edges), *ends], whole)
