"""TEMPLATE: what the method does, in one sentence, and where it comes from."""

from __future__ import annotations

from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class Template(Method):
    """beta * mean over nodes i of |P h_S[i] - h_T[i]|^2 / d_T, with a trained linear map P.

    Replace this by your equation: the result page and readers go by it.

    Args:
        beta: weight of the term.
    """

    # What tables print, and the paper. A method without one keeps such an entry; its key is `citation`.
    title = "Template"
    year = 2026
    citation = "template2026"
    bibtex = """@misc{template2026,
  author = {Your Name},
  title = {Template},
  year = {2026},
}"""

    # What the method needs, so that it is left out, with a reason, where that is not there. See methods/contract.py for
    # the others: uses_edges, uses_epoch, samples, depends_on_rows, kinds, objectives, ...
    uses_hidden = True

    # What `snakemake tune` may try; the default lies inside. A range has values for any number of trials; a list such
    # as (0.1, 1.0, 10.0) gives no more trials than it has values.
    search_space = {"beta": LogRange(0.01, 100)}

    # Hyperparameters stand behind `*,` and have a default. `Shape` tells the networks' widths.
    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta
        # Heads are ordinary submodules: they are trained with the student, and thrown away after it.
        self.project = nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        # `last_of` checks the shapes and detaches the teacher. `logits_of` and `layers_of` do the same for what their
        # names say. `batch` has labels, edges, the epoch, and a generator for whatever is drawn.
        h_student, h_teacher = last_of(self, student, teacher, batch)
        # Each term is one number and already weighted; the supervised loss is added by the loop.
        return {"hidden": self.beta * nn.functional.mse_loss(self.project(h_student), h_teacher)}
