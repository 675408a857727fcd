"""STRIDE: the layer alignment of ABKD plus the structure of each pair of layers, weighted by the same attention."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from abkd import _dissimilarity as dissimilarities
from abkd import _structure as structures
from abkd._attention import LayerAlignment
from methods.contract import Batch, Shape
from methods.pairing import at_least, one_of, sample, whole


class StructuralAlignment(LayerAlignment):
    """beta * <A, D> + structure_weight * <A, R> + gamma * ||P'P - I||^2; see abkd/_attention.py, abkd/_structure.py.

    Args:
        structure: gcrd | lsp | gsp, the kind of R.
        structure_weight: its weight.
        tau2: temperature of gcrd.
        max_samples: nodes drawn at each step for gcrd and gsp where the batch has more.
    """

    depends_on_rows = True

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int,
        beta: float,
        gamma: float,
        axis: str,
        structure: str,
        structure_weight: float,
        tau2: float,
        max_samples: int,
    ) -> None:
        # Only the contrastive structure lives in the shared subspace; heads without a gradient must not exist.
        subspace = beta > 0 or structure == "gcrd"
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis=axis, subspace=subspace)
        one_of(self, "structure", structure, structures.STRUCTURES)
        at_least(self, 0, structure_weight=structure_weight)
        at_least(self, 0, above=True, tau2=tau2)
        whole(self, max_samples=max_samples)
        self.structure, self.structure_weight = structure, structure_weight
        self.tau2, self.max_samples = tau2, max_samples

    def _align(
        self, weights: Tensor, s: Sequence[Tensor], t: Sequence[Tensor], s_means: Tensor, t_means: Tensor, batch: Batch
    ) -> dict[str, Tensor]:
        if self.structure == "gcrd":
            x, y = self._projected(s, t)
            apart = dissimilarities.by_rows(x, y) if self.beta else None
            chosen = sample(batch, x.shape[1], self.max_samples)
            if chosen is not None:
                x, y = x.index_select(1, chosen), y.index_select(1, chosen)
            structure = structures.contrastive(weights, x, y, self.tau2)
        else:
            apart = self._apart(s, t, s_means, t_means, batch) if self.beta else None
            structure = self._structural(weights, s, t, batch)
        terms = {"structure": self.structure_weight * structure}
        if apart is not None:
            terms["alignment"] = self.beta * (weights * apart).sum()
        return terms

    def _structural(self, weights: Tensor, s: Sequence[Tensor], t: Sequence[Tensor], batch: Batch) -> Tensor:
        if self.structure == "lsp":
            edges = structures.edges_of(batch)
            goal = batch.memo((id(self), "neighbourhoods"), lambda: structures.neighbourhoods(t, edges))
            return structures.local_structure(weights, goal, structures.neighbourhoods(s, edges), len(s[0]))
        chosen = sample(batch, len(s[0]), self.max_samples)
        if chosen is not None:
            s, t = [h.index_select(0, chosen) for h in s], [h.index_select(0, chosen) for h in t]
        return structures.global_structure(weights, t, s)
