"""Graph attention network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.contract import Shape
from workflow.models.architectures._layerwise import Layerwise
from workflow.models.attention import Neighbourhood, aggregate, softmax
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.tasks.catalog import Facts

SLOPE = 0.2
"""Of the leaky ReLU on attention scores (Velickovic et al., ICLR 2018, section 2.1)."""


class GAT(Layerwise):
    """Attention over in-neighbours and the node itself (Velickovic et al., ICLR 2018), heads concatenated.

    e_ij = leaky_relu(a_source . W x_j + a_target . W x_i); alpha_i = softmax_j(e_ij); X'_i = sum_j alpha_ij W x_j.
    The last layer has one head.

    Args:
        width: columns of ONE head; a hidden layer has `heads * width` columns.
        residual: adds a linear map of the layer's input.
        attend_target: whether the score has its target term; without it the layer loses the vector a_target.
        attention_dropout: probability that an attention weight is dropped.
    """

    title = "GAT"

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 2,
        width: int = 64,
        heads: int = 4,
        dropout: float = 0.5,
        attention_dropout: float = 0.0,
        norm: str = "batch",
        residual: bool = False,
        attend_target: bool = True,
    ) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=heads * width, dropout=dropout, norm=norm)
        self.heads = [heads] * (layers - 1) + [1]
        self.attention_dropout = attention_dropout
        pairs = list(zip(self.widths, self.widths[1:], strict=False))
        self.convolutions = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairs)
        self.residuals = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairs) if residual else None
        self.sources = nn.ParameterList(self._attention(layer) for layer in range(layers))
        self.targets = nn.ParameterList(self._attention(layer) for layer in range(layers)) if attend_target else None
        # Batch norm has a shift of its own, so that only layers without one carry a bias.
        biased = [norm == "none" or layer == layers - 1 for layer in range(layers)]
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(self.widths[layer + 1] if has else 0)) for layer, has in enumerate(biased)
        )
        self.shape = Shape(self.widths[1:-1], facts.outputs)

    def _attention(self, layer: int) -> nn.Parameter:
        heads = self.heads[layer]
        return nn.Parameter(nn.init.xavier_normal_(torch.empty(heads, self.widths[layer + 1] // heads)))

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        edges = Neighbourhood.of(graph)
        heads = self.heads[layer]
        values = self.convolutions[layer](x).view(len(x), heads, -1)
        scores = (values * self.sources[layer]).sum(-1).index_select(0, edges.sources)
        if self.targets is not None:
            scores = scores + (values * self.targets[layer]).sum(-1).index_select(0, edges.rows)
        weights = softmax(nn.functional.leaky_relu(scores, SLOPE), edges)
        weights = dropout(weights, self.attention_dropout)
        out = aggregate(weights, values, edges).flatten(1)
        if self.residuals is not None:
            out = out + self.residuals[layer](x)
        bias = self.biases[layer]
        return out + bias if len(bias) else out
