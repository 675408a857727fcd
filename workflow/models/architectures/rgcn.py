"""Relational graph convolutional network, for heterogeneous graphs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from methods.contract import Shape, Signals
from methods.sparse import Matrix
from methods.vocabulary import Kind
from workflow.catalog import Facts
from workflow.models.hetero import HeteroGraph, ends
from workflow.models.model import Dropout, Model
from workflow.models.parts.containers import Layers, Named
from workflow.models.parts.first_layer import check_probabilities

SPARSE_COST = 16
"""Time of a multiply-add in a sparse product, in multiply-adds of a dense one (measured on one CPU core)."""
BLOCK_ROWS = {"cpu": 2**14, "cuda": 2**18}
"""Targets that inference handles at a time, by device: at 512 columns 32 MiB per relation, and 512 MiB on a GPU, which
waits for the host at every block of a relation."""


class RGCN(Model):
    """X'_i = W_t x_i + b_t + sum_r W_r mean_{j in N_r(i)} x_j (Schlichtkrull et al., ESWC 2018), t the type of node i.

    Hidden layers have a ReLU, then dropout, no norm: the network of OGB's examples for ogbn-mag. Node types without
    features have learned embeddings of `embedding` columns. Maps exist for all types and relations in all layers, as
    they do there, so that parameter counts are the published ones; but a layer computes only the node types that the
    outputs depend on, and the last layer's maps into other types than the target's never move.

    A mean is taken before or after its linear map, whichever costs less.
    """

    kinds = frozenset({Kind.HETEROGENEOUS})

    def __init__(
        self, facts: Facts, *, layers: int = 2, width: int = 64, embedding: int = 128, dropout: float = 0.5
    ) -> None:
        super().__init__()
        if min(layers, width, embedding) < 1:
            raise ValueError("layers, width and embedding must be at least 1")
        check_probabilities(dropout=dropout)
        self.dropout = dropout
        self.target: str = facts.info["target"]
        self.relations: list[str] = sorted(facts.info["relations"])
        counts, features = facts.info["counts"], facts.info["features"]
        first = {kind: features.get(kind, embedding) for kind in sorted(counts)}
        outputs = [*[width] * (layers - 1), facts.outputs]
        inputs = [first, *[dict.fromkeys(first, width)] * (layers - 1)]
        self.shape = Shape(tuple(outputs[:-1]), facts.outputs)
        self.embeddings = nn.ParameterDict(
            {
                kind: nn.Parameter(nn.init.xavier_uniform_(torch.empty(counts[kind], embedding)))
                for kind in first
                if kind not in features
            }
        )
        self.roots = Layers(
            Named({kind: nn.Linear(columns, out) for kind, columns in before.items()})
            for before, out in zip(inputs, outputs, strict=True)
        )
        self.maps = Layers(
            Named({name: nn.Linear(before[ends(name)[0]], out, bias=False) for name in self.relations})
            for before, out in zip(inputs, outputs, strict=True)
        )
        self.computed = self._computed(layers)

    def _computed(self, layers: int) -> list[list[str]]:
        """The node types whose output each layer has to compute."""
        types = [[self.target]]
        for _ in range(layers - 1):
            senders = {ends(name)[0] for name in self.relations if ends(name)[1] in types[0]}
            types.insert(0, sorted(senders.union(types[0])))
        return types

    def embedding_parameters(self) -> int:
        return sum(table.numel() for table in self.embeddings.values())

    def forward(self, graph: HeteroGraph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes of the target type: hidden states after the activation and before dropout."""
        x, hidden = self._inputs(graph), []
        for layer, kinds in enumerate(self.computed[:-1]):
            y = {kind: self._layer(layer, kind, x, x[kind], graph, graph.means).relu_() for kind in kinds}
            hidden.append(_rows(y[self.target], graph.rows))
            x = {kind: dropout(value, self.dropout) for kind, value in y.items()}
        own = _rows(x[self.target], graph.rows)
        logits = self._layer(len(hidden), self.target, x, own, graph, graph.last)
        return Signals(logits, tuple(hidden))

    def _inputs(self, graph: HeteroGraph) -> dict[str, Tensor]:
        """[n, f] features or embeddings of every node type.

        The rows of a sampled graph are gathered with a SPARSE gradient, so that the optimizer touches no others.
        """
        x = dict(graph.features)
        for kind, table in self.embeddings.items():
            ids = graph.ids.get(kind)
            x[kind] = table if ids is None else _Gathered.apply(table, ids)
        return x

    def _layer(
        self,
        layer: int,
        kind: str,
        x: Mapping[str, Tensor],
        own: Tensor,
        graph: HeteroGraph,
        matrices: Mapping[str, Matrix],
    ) -> Tensor:
        averages, mapped = {}, []
        for name in self._into(kind):
            source, matrix, linear = ends(name)[0], matrices[name], self.maps[layer][name]
            if layer == 0 and source in graph.features and not graph.sampled:
                # Constant over the training, so that its product is worth keeping, whatever its width.
                averages[name] = graph.memo((name, len(own)), partial(matrix.__matmul__, graph.features[source]))
            elif map_first(matrix, linear):
                mapped.append(matrix @ linear(x[source]))
            else:
                averages[name] = matrix @ x[source]
        return self._combine(layer, kind, own, averages, mapped)

    def _combine(
        self, layer: int, kind: str, own: Tensor, averages: Mapping[str, Tensor], mapped: list[Tensor]
    ) -> Tensor:
        """Outputs of some nodes of a type, before the activation.

        Args:
            own: [n, d] the nodes' own states.
            averages: [n, d_r] means by relation, still to be mapped: all in one product, side by side.
            mapped: [n, d'] means of what was mapped before.
        """
        root = self.roots[layer][kind]
        weights = [root.weight, *(self.maps[layer][name].weight for name in averages)]
        out = nn.functional.linear(torch.cat([own, *averages.values()], 1), torch.cat(weights, 1), root.bias)
        for term in mapped:
            out += term
        return out

    def _into(self, kind: str) -> list[str]:
        return [name for name in self.relations if ends(name)[1] == kind]

    @torch.no_grad()
    def infer(self, graph: HeteroGraph, block: int | None = None) -> Signals:
        """Signals of the wanted nodes of the target type, without dropout and gradients.

        Layer by layer and by blocks of targets: beside the states of two layers there are what sources send that are
        mapped first, and temporaries of `block` rows, by default BLOCK_ROWS.
        """
        x, hidden = self._inputs(graph), []
        block = block or BLOCK_ROWS.get(x[self.target].device.type, BLOCK_ROWS["cpu"])
        for layer, kinds in enumerate(self.computed[:-1]):
            x = {kind: self._infer_type(layer, kind, x, x[kind], graph.means, block).relu_() for kind in kinds}
            hidden.append(_rows(x[self.target], graph.rows))
        own = _rows(x[self.target], graph.rows)
        return Signals(self._infer_type(len(hidden), self.target, x, own, graph.last, block), tuple(hidden))

    def _infer_type(
        self, layer: int, kind: str, x: Mapping[str, Tensor], own: Tensor, matrices: Mapping[str, Matrix], block: int
    ) -> Tensor:
        names = self._into(kind)
        first = {name for name in names if map_first(matrices[name], self.maps[layer][name])}
        sent = {name: x[ends(name)[0]] for name in names}
        sent |= {name: self.maps[layer][name](sent[name]) for name in first}
        nodes = len(own)
        out = own.new_empty(nodes, self.roots[layer][kind].out_features)
        for start in range(0, nodes, block):
            stop = min(start + block, nodes)
            # A part's bounds are told by the matrix, for which the host waits: not where one block is all.
            parts = {n: matrices[n] if nodes <= block else matrices[n].part(start, stop, backward=False) for n in names}
            means = {name: parts[name].forward @ sent[name] for name in names}
            averages = {name: value for name, value in means.items() if name not in first}
            mapped = [value for name, value in means.items() if name in first]
            out[start:stop] = self._combine(layer, kind, own[start:stop], averages, mapped)
        return out


class _Gathered(torch.autograd.Function):
    """Rows of a table, whose sparse gradient is known to hold each row once: nobody need sort it, or wait for that."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.shape = table.shape
        return table.index_select(0, ids)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (ids,) = ctx.saved_tensors
        gradient = torch.sparse_coo_tensor(ids[None], upstream[0], ctx.shape, check_invariants=False, is_coalesced=True)
        return gradient, None


def map_first(matrix: Matrix, linear: nn.Linear) -> bool:
    """Whether mean(W x) costs less than W mean(x)."""
    pattern = matrix.forward.pattern
    narrower = linear.out_features - linear.in_features
    dense = (pattern.width - pattern.height) * linear.in_features * linear.out_features
    return dense + SPARSE_COST * len(pattern.columns) * narrower < 0


def _rows(x: Tensor, rows: Tensor | None) -> Tensor:
    return x if rows is None else x.index_select(0, rows)
