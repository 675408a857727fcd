"""STRIDE, after Ahluwalia et al., version 2 (equations: this project's reconstruction)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from abkd.abkd import AttentionBasedKD
from abkd.parts import dissimilarity as dissimilarities
from abkd.parts import structure as structures
from methods.contract import Batch, Shape
from methods.pairing import at_least, one_of, sample, whole


class StructureAndEmbedding(AttentionBasedKD):
    """ABKD (node) plus a structural dissimilarity R_ij of each pair of layers, weighted by the same attention A.

    The loss is beta * <A, D> + structure_weight * <A, R> + gamma * ||P'P - I||^2. The defaults are this project's, not
    published ones, but for tau2 and the weight of a contrastive term, which are those of G-CRD (Joshi et al. 2022).

    Args:
        dim, beta, gamma, axis: as in abkd.
        structure: gcrd (contrastive, on the shared subspace) | lsp (neighbourhoods; node-level tasks only) | gsp; see
            abkd/parts/structure.py.
        structure_weight: weight of the structure. Default 0.1.
        tau2: temperature of gcrd. Default 0.075.
        max_samples: nodes drawn at each step for gcrd and gsp where the batch has more. Default 2048, as every pair of
            layers has m x m logits.
    """

    title = "STRIDE"
    year = 2025
    depends_on_rows = True

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int = 64,
        beta: float = 1.0,
        gamma: float = 0.1,
        axis: str = "teacher",
        structure: str = "gcrd",
        structure_weight: float = 0.1,
        tau2: float = 0.075,
        max_samples: int = 2048,
    ) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis=axis)
        one_of(self, "structure", structure, structures.STRUCTURES)
        at_least(self, 0, structure_weight=structure_weight)
        at_least(self, 0, above=True, tau2=tau2)
        whole(self, max_samples=max_samples)
        self.structure, self.structure_weight = structure, structure_weight
        self.tau2, self.max_samples = tau2, max_samples
        if not beta and structure != "gcrd":
            # Only embeddings and the contrastive structure live in the shared subspace; no head may lack a gradient.
            self.subspace = None

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
