"""STRIDE, after version 2 of Ahluwalia et al. (arXiv 2310.15938); the equations are this project's reconstruction."""

from __future__ import annotations

from torch import Tensor

from abkd.abkd import AttentionBasedKD
from abkd.parts import dissimilarity as compare
from abkd.parts import structure as structures
from abkd.parts.layers import Layers
from methods.contract import Batch, Shape
from methods.pairing import at_least, one_of, sample, whole
from methods.spaces import LogRange


class StructureAndEmbedding(AttentionBasedKD):
    """ABKD (node) plus a structural dissimilarity R_ij of each pair of layers, weighted by the same attention A.

    The loss is beta * <A, D> + structure_weight * <A, R>. The defaults are this project's, not published ones, but for
    tau2 and the weight of a contrastive term, which are those of G-CRD (Joshi et al. 2022).

    Args:
        dim: as in abkd; default 64, for nodes to be told apart.
        beta, axis: as in abkd.
        structure: gcrd (contrastive, on the shared subspace) | lsp (neighbourhoods; node-level tasks only, and not with
            drawn neighbours) | gsp; see abkd/parts/structure.py.
        structure_weight: weight of the structure. Default 0.1.
        tau2: temperature of gcrd. Default 0.075.
        max_samples: nodes drawn at each step for gcrd and gsp where the batch has more. Default 2048, as every pair of
            layers has m x m logits.
        max_pairs: pairs of layers up to which gcrd contrasts all of them, as it does for a 3-layer teacher and a
            2-layer student by default. Where there are more, half this number is drawn at each step, anew for every 64
            nodes, in proportion to A: the gradient's expectation is that of all pairs. With 1,024 nodes and 66 x 6
            layers a step then takes 0.1 s on one CPU core. Default 12.
    """

    title = "STRIDE"
    year = 2025
    depends_on_rows = True
    search_space = {"beta": LogRange(0.01, 100), "structure_weight": LogRange(0.01, 10), "tau2": (0.05, 0.075, 0.1)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int = 64,
        beta: float = 10.0,
        axis: str = "teacher",
        structure: str = "gcrd",
        structure_weight: float = 0.1,
        tau2: float = 0.075,
        max_samples: int = 2048,
        max_pairs: int = 12,
    ) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, axis=axis)
        one_of(self, "structure", structure, structures.STRUCTURES)
        at_least(self, 0, structure_weight=structure_weight)
        at_least(self, 0, above=True, tau2=tau2)
        whole(self, max_samples=max_samples, max_pairs=max_pairs)
        self.structure, self.structure_weight = structure, structure_weight
        self.tau2, self.max_samples, self.max_pairs = tau2, max_samples, max_pairs
        if not beta and structure != "gcrd":
            # Only embeddings and the contrastive structure live in the shared subspace; no head may lack a gradient.
            self.subspace = None

    def weighted_terms(self, weights: Tensor, layers: Layers, batch: Batch) -> dict[str, Tensor]:
        """The structural term, and that of the embeddings unless beta is 0."""
        if self.structure == "gcrd":
            student, teacher = self.student_values(layers), self.teacher_values(layers, batch)
            embedding = compare.by_rows(student, teacher) if self.beta else None
            structure = self._contrast(weights, student, teacher, batch)
        else:
            embedding = self.dissimilarities(layers, batch) if self.beta else None
            of_layers = self._local if self.structure == "lsp" else self._global
            structure = of_layers(weights, layers, batch)
        terms = {"structure": self.structure_weight * structure}
        if embedding is not None:
            terms["alignment"] = self.beta * (weights * embedding).sum()
        return terms

    def _contrast(self, weights: Tensor, student: Tensor, teacher: Tensor, batch: Batch) -> Tensor:
        chosen = sample(batch, student.shape[1], self.max_samples)
        if chosen is not None:
            student, teacher = student.index_select(1, chosen), teacher.index_select(1, chosen)
        drawn = None
        if weights.numel() > self.max_pairs:
            drawn = structures.draw_pairs(weights, student.shape[1], max(self.max_pairs // 2, 1), batch.generator)
        return structures.contrastive(weights, student, teacher, self.tau2, drawn)

    def _local(self, weights: Tensor, layers: Layers, batch: Batch) -> Tensor:
        edges = structures.edges_of(batch)
        of_teacher = batch.memo(self, "neighbourhoods", lambda: structures.neighbourhoods(layers.teacher, edges))
        of_student = structures.neighbourhoods(layers.student, edges)
        return structures.local_structure(weights, of_student, of_teacher, layers.rows)

    def _global(self, weights: Tensor, layers: Layers, batch: Batch) -> Tensor:
        student, teacher = layers.student, layers.teacher
        chosen = sample(batch, layers.rows, self.max_samples)
        if chosen is not None:
            student, teacher = ([h.index_select(0, chosen) for h in side] for side in (student, teacher))
        return structures.global_structure(weights, student, teacher)
