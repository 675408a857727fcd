"""Local structure preservation: Yang et al., "Distilling Knowledge from Graph Convolutional Networks", CVPR 2020."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from baselines.parts.neighbours import centres
from methods.contract import Batch, Method, Shape, Signals
from methods.edges import Edges, edgewise, neighbour_log_softmax
from methods.kernels import KERNELS
from methods.pairing import at_least, last_of, one_of
from methods.spaces import LogRange


class LocalStructure(Method):
    """beta * mean_i KL(s^T_i || s^S_i), where s_i is the softmax of k(h_i, h_j) over the neighbours j -> i.

    Equations 4 to 6 of Yang et al.; their equation 5 has student and teacher exchanged, their code is as here. The mean
    is over all nodes of the batch (where neighbours are drawn, over those that the step is about): a node with no
    neighbour or one neighbour has nothing to preserve and contributes 0. No heads, so the two widths may differ.

    Args:
        beta: weight of the term.
        kernel: cosine | poly | l2 | rbf (see methods/kernels.py).
        reduction: `nodes` is the mean over nodes; `published` divides the sum by the number of edges instead, as the
            scripts of Joshi et al. (2022) do. Their weight 100 over edges is 100 * n / E over nodes: the default 10
            is that at ten edges per node.
    """

    title = "LSP"
    year = 2020
    citation = "yang2020distilling"
    uses_hidden = True
    uses_edges = True
    search_space = {"beta": LogRange(0.1, 1e3)}

    def __init__(
        self, teacher: Shape, student: Shape, *, beta: float = 10.0, kernel: str = "cosine", reduction: str = "nodes"
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        one_of(self, "kernel", kernel, KERNELS)
        one_of(self, "reduction", reduction, ("nodes", "published"))
        self.beta = beta
        self.kernel = kernel
        self.reduction = reduction

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        edges = Edges.of(batch)
        teacher_structure = batch.memo(self, "teacher", lambda: self._structure(h_teacher, edges))
        divergence = functional.kl_div(
            self._structure(h_student, edges), teacher_structure, reduction="sum", log_target=True
        )
        count = centres(batch) if self.reduction == "nodes" else len(edges)
        return {"lsp": divergence * (self.beta / max(count, 1))}

    def _structure(self, h: Tensor, edges: Edges) -> Tensor:
        """Logarithms of s [E]: the softmax over neighbours of every edge's kernel value."""
        return neighbour_log_softmax(edgewise(h, edges, self.kernel), edges)
