"""TEMPLATE: what the network does, in one sentence, and where it comes from."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from methods.contract import Shape, Signals
from methods.vocabulary import Kind
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.models.parts.containers import Layers


class Template(Model):
    """X' = relu(mean over in-neighbours j of x_j W + x_i V); the last layer has no relu and gives the logits.

    Replace this by your equation.

    Args:
        width: columns of every hidden layer; a compression ratio is reached by changing it.
    """

    # Of the tasks that it serves: NODE networks are called with a Graph, HETEROGENEOUS ones with a HeteroGraph, GRAPH
    # ones with a batch of Molecules (workflow/models/).
    kinds = frozenset({Kind.NODE})

    # Options stand behind `*,`; `layers` and `width` must be among them. `facts` tells the columns and classes.
    def __init__(self, facts: Facts, *, layers: int = 2, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        if layers < 1 or width < 1 or not 0 <= dropout < 1:
            raise ValueError("layers and width must be at least 1, and dropout in [0, 1)")
        widths = [facts.features, *[width] * (layers - 1), facts.outputs]
        # Widths of the hidden layers and the logits: `forward` must return exactly these.
        self.shape = Shape(tuple(widths[1:-1]), facts.outputs)
        self.dropout = dropout
        self.neighbours = Layers(nn.Linear(a, b, bias=False) for a, b in pairwise(widths))
        self.own = Layers(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        x: Tensor = graph.x
        mean = graph.whole.mean  # also: `graph.whole.gcn`, and `graph.adjacency` for edges by hand
        hidden = []
        for layer, (neighbours, own) in enumerate(zip(self.neighbours, self.own, strict=True)):
            x = mean @ neighbours(x) + own(x)
            if layer < len(self.shape.hidden):
                x = x.relu()
                # Hidden states are kept after the activation and before dropout, and only of the wanted nodes.
                hidden.append(graph.wanted(x))
                # Not nn.Dropout: it would draw from global randomness, and change with the method's own draws.
                x = dropout(x, self.dropout)
        return Signals(graph.wanted(x), tuple(hidden))
