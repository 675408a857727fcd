"""Knowledge review (ReviewKD): Chen, Liu, Zhao and Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.parts.partners import partner
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, layers_of, whole
from methods.spaces import LogRange


class KnowledgeReview(Method):
    """beta * min(1, epoch / warm_up) * sum_j mean (T_i(j) - O_j x_j)^2 over the student's hidden layers j.

    From the last layer to the first, what later layers know is mixed into each by attention:

        x_j = a_j * (I_j S_j) + b_j * x_(j+1),   (a_j, b_j) = sigmoid(G_j [I_j S_j, x_(j+1)]) of every row,

    and x_j = I_j S_j for the last. i(j) is the teacher's hidden layer at the same relative depth. I_j, G_j and O_j are
    linear. Rows are graphs in graph-level tasks, where node rows are averaged.

    Departures: no batch norm behind I_j and O_j, and of the hierarchical context loss its first level alone, because
    nodes have no pyramid.

    Args:
        beta: weight. Default 1 (Chen et al. on CIFAR-100; up to 8 for other pairs).
        warm_up: epochs in which the weight rises. Default 20 (the same).
        width: columns of x_j; by default those of the student's last hidden layer, at most 512, as in the authors'
            code.
    """

    title = "ReviewKD"
    year = 2021
    citation = "chen2021distilling"
    uses_hidden = True
    uses_epoch = True
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(
        self, teacher: Shape, student: Shape, *, beta: float = 1.0, warm_up: int = 20, width: int | None = None
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, warm_up=warm_up, width=width)
        self.beta, self.warm_up = beta, warm_up
        depth, middle = len(student.hidden), width or min(512, student.hidden[-1])
        self.partners = [partner(j, depth, len(teacher.hidden)) for j in range(depth)]
        self.inward = nn.ModuleList(nn.Linear(own, middle) for own in student.hidden)
        self.gates = nn.ModuleList(nn.Linear(2 * middle, 2) for _ in range(depth - 1))
        self.outward = nn.ModuleList(nn.Linear(middle, teacher.hidden[i]) for i in self.partners)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        of_student, of_teacher = layers_of(self, student, teacher, batch)
        total, later = of_student[0].new_zeros(()), None
        for j in reversed(range(len(self.partners))):
            own = self.inward[j](of_student[j])
            if later is not None:
                gates = torch.sigmoid(self.gates[j](torch.cat([own, later], 1)))
                own = gates[:, :1] * own + gates[:, 1:] * later
            later = own
            total = total + functional.mse_loss(self.outward[j](own), of_teacher[self.partners[j]])
        return {"review": self.beta * min(1.0, batch.epoch / self.warm_up) * total}
