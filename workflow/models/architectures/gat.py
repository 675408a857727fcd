"""Graph attention network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.contract import Shape, Signals
from methods.segments import at_columns, at_rows, segment_softmax
from methods.sparse import Pattern, product
from methods.vocabulary import Objective
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout, keep
from workflow.models.parts.containers import Layers
from workflow.models.parts.first_layer import check_probabilities
from workflow.models.parts.layerwise import Layerwise

SLOPE = 0.2
"""Of the leaky ReLU on attention scores (Velickovic et al., ICLR 2018, section 2.1)."""

GAIN = nn.init.calculate_gain("relu")
"""Of the normal Glorot initialisation of all maps and attention vectors, as the published networks have it."""

SHOWN = 0.5
"""Share of the training labels in the input of a training step, as the published teachers have it."""


class GAT(Layerwise):
    """Attention over in-neighbours and the node itself (Velickovic et al., ICLR 2018), heads concatenated.

    e_ij = leaky_relu(a_source . W x_j + a_target . W x_i); alpha_i = softmax_j(e_ij); X'_i = sum_j alpha_ij W x_j.
    The last layer has one head. Activation (ReLU) and default norm (batch) are those of the other networks here and of
    Joshi et al.'s teacher, not those of Velickovic et al. (ELU, none).

    Further options make the teacher of Joshi et al. (TNNLS 2022) on ogbn-arxiv out of it, the network of Wang et al.
    ("Bag of Tricks for Node Classification with Graph Neural Networks", 2021): 3 layers of 3 heads x 250 columns,
    residual, no target term, symmetric_norm, labels_as_input, 1,441,580 parameters.

    Labels as input: the one-hot class of a training node is appended to its features, zeros elsewhere. In a training
    step every training node shows its label with probability 1/2, and the logits of those that do carry no gradient:
    the supervised loss teaches the others alone. (That loss averages over all training nodes, so that its gradient
    and its printed value are not those of the mean over the others: the gradient is about half of it, which Adam and
    RMSprop cancel.) In evaluation all training labels are shown, so that the logits of TRAINING nodes, and whatever is
    distilled from them, have seen their own labels; scores on them say nothing, those on other nodes are sound.

    Args:
        width: columns of ONE head; a hidden layer has `heads * width` columns.
        residual: adds a linear map of the layer's input.
        attend_target: whether the score has its target term; without it the layer loses the vector a_target.
        attention_dropout: probability that an attention weight is dropped.
        input_dropout: on the features, and the labels where they are input.
        edge_dropout: probability that an edge (or self-loop) is left out of a layer; the softmax runs over the rest.
        symmetric_norm: message j -> i is multiplied by sqrt(degree_i / degree_j), in- and out-degree with the
            self-loop: with uniform attention that gives the matrix of GCN. The source term of the score sees
            W x_j / sqrt(degree_j).
        labels_as_input: as above; multi-class tasks only.
        label_iterations: so many more passes, each with the softmax of the previous pass (without its gradient) in
            place of the labels that are not shown.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 2,
        width: int = 64,
        heads: int = 4,
        dropout: float = 0.5,
        attention_dropout: float = 0.0,
        input_dropout: float = 0.0,
        edge_dropout: float = 0.0,
        norm: str = "batch",
        residual: bool = False,
        attend_target: bool = True,
        symmetric_norm: bool = False,
        labels_as_input: bool = False,
        label_iterations: int = 0,
    ) -> None:
        check_probabilities(
            dropout=dropout,
            attention_dropout=attention_dropout,
            input_dropout=input_dropout,
            edge_dropout=edge_dropout,
        )
        if labels_as_input and facts.objective != Objective.MULTICLASS:
            raise ValueError("labels_as_input serves multi-class tasks only")
        if label_iterations < 0 or (label_iterations and not labels_as_input):
            raise ValueError("label_iterations must be at least 0, and needs labels_as_input")
        features = facts.features + (facts.outputs if labels_as_input else 0)
        super().__init__(features, facts.outputs, layers=layers, width=heads * width, dropout=dropout, norm=norm)
        self.heads = [heads] * (layers - 1) + [1]
        self.attention_dropout = attention_dropout
        self.input_dropout = input_dropout
        self.edge_dropout = edge_dropout
        self.symmetric_norm = symmetric_norm
        self.labels_as_input = labels_as_input
        self.label_iterations = label_iterations
        pairs = list(pairwise(self.widths))
        self.convolutions = Layers(nn.Linear(a, b, bias=False) for a, b in pairs)
        self.residuals = Layers(nn.Linear(a, b, bias=False) for a, b in pairs) if residual else None
        for linear in (*self.convolutions, *(self.residuals or ())):
            nn.init.xavier_normal_(linear.weight, GAIN)
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
        # One map of all heads, as it starts where it was published: of [heads, width] alone the fans would be smaller.
        vectors = nn.init.xavier_normal_(torch.empty(1, heads, self.widths[layer + 1] // heads), GAIN)
        return nn.Parameter(vectors[0])

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes: hidden states after the activation and before dropout.

        Raises:
            ValueError: labels are input, and the graph carries none.
        """
        if not self.labels_as_input:
            return self.through(dropout(graph.x, self.input_dropout), graph, dropout)
        classes, known = graph.memo("classes of training nodes", lambda: self._classes(graph))
        shown = known
        if dropout.generator is not None:
            shown = known * keep(known, 1 - SHOWN, dropout.generator)[0]
        labels, whole = classes * shown, graph.whole
        for _ in range(self.label_iterations):
            with torch.no_grad():
                guessed = self._pass(labels, whole, dropout).logits.softmax(dim=1)
            labels = torch.where(shown > 0, classes, guessed)
        signals = self._pass(labels, graph, dropout)
        if dropout.generator is None:
            return signals
        silent = graph.wanted(shown) > 0
        return Signals(torch.where(silent, signals.logits.detach(), signals.logits), signals.hidden)

    @property
    def reach(self) -> int:
        return len(self.heads) * (self.label_iterations + 1)

    @property
    def pieces(self) -> int:
        return 0 if self.labels_as_input else len(self.heads)

    def _pass(self, labels: Tensor, graph: Graph, dropout: Dropout) -> Signals:
        """[n, C] labels beside the features."""
        return self.through(dropout(torch.cat([graph.x, labels], dim=1), self.input_dropout), graph, dropout)

    def _classes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """[n, C] one-hot classes of the training nodes, zeros elsewhere, and [n, 1] which nodes they are (1 or 0)."""
        if graph.labels is None:
            raise ValueError("labels_as_input needs a graph that carries its training labels")
        known = (graph.labels >= 0).to(graph.x.dtype)[:, None]
        classes = graph.x.new_zeros(graph.nodes, self.shape.out)
        return classes.scatter_(1, graph.labels.clamp(min=0)[:, None], known), known

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        edges = graph.looped
        mapped: Tensor = self.convolutions[layer](x)
        values = mapped.view(len(x), self.heads[layer], -1)
        scores = (values * self.sources[layer]).sum(-1)
        if self.symmetric_norm:
            by_source, by_edge = graph.memo_structure("symmetric norm", lambda: _symmetric_norm(graph, edges))
            scores = scores * by_source
        scores = at_columns(scores, edges)
        if self.targets is not None:
            scores = scores + at_rows((values * self.targets[layer]).sum(-1), edges)
        weights = self._weights(nn.functional.leaky_relu(scores, SLOPE), edges, dropout)
        if self.symmetric_norm:
            # On the E x heads weights rather than on the n x heads x width values.
            weights = weights * by_edge
        out = aggregate(weights, values, edges).flatten(1)
        if self.residuals is not None:
            out = out + self.residuals[layer](x)
        bias = self.biases[layer]
        return graph.wanted(out + bias if len(bias) else out)

    def _weights(self, scores: Tensor, edges: Pattern, dropout: Dropout) -> Tensor:
        """[E, H] scores -> [E, H] attention weights."""
        if self.edge_dropout == 0 or dropout.generator is None:
            return dropout(segment_softmax(scores, edges), self.attention_dropout)
        kept, _ = keep(scores.new_empty(len(scores), 1), self.edge_dropout, dropout.generator)
        # Finite, as a node may lose all its edges; its uniform weights then fall to the mask.
        weights = segment_softmax(scores.masked_fill(~kept, torch.finfo(scores.dtype).min), edges)
        return dropout(weights * kept, self.attention_dropout)


def aggregate(weights: Tensor, values: Tensor, edges: Pattern) -> Tensor:
    """out[i] = sum over edges e = (j -> i) of weights[e] * values[j], by heads: [E, H], [n, H, C] -> [n, H, C]."""
    # One copy of each for all heads: a product wants its factors without gaps.
    heads = zip(weights.t().contiguous(), values.transpose(0, 1).contiguous(), strict=True)
    return torch.stack([product(weight, value, edges) for weight, value in heads], dim=1)


def _symmetric_norm(graph: Graph, edges: Pattern) -> tuple[Tensor, Tensor]:
    """[n, 1] out-degree^-1/2, and [E, 1] the same of an edge's source times in-degree^1/2 of its target."""
    if graph.degrees is None:
        counts = edges.transposed.counts, edges.counts
    else:
        counts = graph.degrees[1] + 1, graph.degrees[0] + 1
    out_degree, in_degree = (count.to(graph.x.dtype)[:, None] for count in counts)
    by_source = out_degree.rsqrt()
    return by_source, by_source.index_select(0, edges.columns) * in_degree.sqrt().index_select(0, edges.rows)
