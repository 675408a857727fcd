"""Global structure preservation: Joshi et al., TNNLS 2022."""

from __future__ import annotations

from types import MappingProxyType

from torch import Tensor

from baselines.gcrd import Projections
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import KERNELS, pairwise, prepare
from methods.pairing import at_least, last_of, one_of, sample, whole
from methods.streaming import blocks, streamed_sum

PUBLISHED_WEIGHT = MappingProxyType({"cosine": 100.0, "poly": 100.0, "l2": 1.0, "rbf": 1e5})


class GlobalStructure(Method):
    """beta * mean over all pairs (n, m) of sampled nodes of (k(h_S[n], h_S[m]) - k(h_T[n], h_T[m]))^2.

    The similarity matrices are walked by blocks of rows; for the cosine kernel the sum has a closed form in
    d x d matrices (`_cosine`), which is taken where they are the smaller ones. There need be no heads: the two widths
    may differ.

    Args:
        beta: weight; None takes the published weight of the kernel: cosine and poly 100, l2 1, rbf 1e5.
        kernel: cosine | poly | l2 | rbf (see methods/kernels.py).
        heads: none | both, G-CRD's heads on either side before the kernel, as the published scripts for ogbn-arxiv have
            them and those for ogbn-mag do not.
        projection: columns of both with `heads: both` (published: 128).
        max_samples: nodes drawn at each step where the batch has more. Published: 4096 for cosine and poly, 2048 for
            l2 and rbf; default 4096.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "GSP"
    year = 2022
    citation = "joshi2022representation"
    uses_hidden = True
    search_space = {"beta": (None, 0.1, 1.0, 10.0, 30.0, 300.0, 1e3, 1e4)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float | None = None,
        kernel: str = "cosine",
        heads: str = "none",
        projection: int = 128,
        max_samples: int = 4096,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        one_of(self, "kernel", kernel, KERNELS)
        one_of(self, "heads", heads, ("none", "both"))
        whole(self, projection=projection, max_samples=max_samples, block=block)
        self.beta = PUBLISHED_WEIGHT[kernel] if beta is None else beta
        at_least(self, 0, beta=self.beta)
        self.kernel = kernel
        self.max_samples = max_samples
        self.block = block
        widths = student.hidden[-1], teacher.hidden[-1]
        self.heads = Projections(*widths, projection) if heads == "both" else None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h_student), self.max_samples)
        if self.heads is not None:
            if len(h_student) < 2:  # no variance for the batch norm
                return {"gsp": h_student.sum() * 0}
            h_student, h_teacher = self.heads(h_student, h_teacher)
        if chosen is None and self.heads is None:
            prepared_teacher = batch.memo(self, "teacher", lambda: prepare(h_teacher, self.kernel))
        else:
            if chosen is not None:
                h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
            prepared_teacher = prepare(h_teacher, self.kernel)

        prepared_student = prepare(h_student, self.kernel)
        rows, widest = len(h_student), max(prepared_student.shape[1], prepared_teacher.shape[1])
        if self.kernel == "cosine" and self.block is None and rows > widest:
            total = _cosine(prepared_student, prepared_teacher)
        else:
            both = [prepared_student, prepared_teacher]
            total = streamed_sum(self._squares, blocks(rows, rows, h_student.device, self.block), both, both)
        return {"gsp": total * (self.beta / max(rows, 1) ** 2)}

    def _squares(
        self, rows: slice, student_rows: Tensor, teacher_rows: Tensor, student: Tensor, teacher: Tensor
    ) -> Tensor:
        """Squared differences of all pairs that involve a block, but no earlier block: k(n, m) = k(m, n)."""
        of_student = pairwise(student_rows, student[rows.start :], self.kernel)
        squares = (of_student - pairwise(teacher_rows, teacher[rows.start :], self.kernel)).square()
        return 2 * squares.sum() - squares[:, : squares.shape[0]].sum()


def _cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """||SS' - TT'||^2 = ||S'S||^2 + ||T'T||^2 - 2 ||S'T||^2: products of columns instead of all pairs of rows."""
    own = (student.T @ student).square().sum() + (teacher.T @ teacher).square().sum()
    return own - 2 * (student.T @ teacher).square().sum()
