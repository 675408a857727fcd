"""A graph that was drawn around some nodes, for networks that know nothing of sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from methods.contract import NotApplicableError
from methods.sparse import Matrix, Pattern
from workflow.models import propagation
from workflow.models.graph import Graph
from workflow.moving import moved_together

CONVERGES = 4
"""So many nodes are seen per wanted one before a map stands behind the sum over neighbours, on fewer rows."""


class SampledGraph(Graph):
    """The nodes that some roots see, hop after hop; a layer works on those alone that later layers look at.

    Args:
        x: [m, f] features.
        pointers, sources: [m + 1] and [E] int64, the drawn edges j -> i of every node i, on the host.
        ends: how many nodes there are with the roots, with the first hop, ...
        wanted: the hops whose outputs are wanted: 0 for the roots alone.
        labels: as of a `Graph`.
        degrees: [m] in- and [m] out-degrees in the graph from which this one was drawn.
        constants: what networks keep of a graph's features, by its key (`memo`), in rows of these nodes.
    """

    sampled = True
    degrees: tuple[Tensor, Tensor]

    def __init__(
        self,
        x: Tensor,
        pointers: np.ndarray,
        sources: np.ndarray,
        ends: Sequence[int],
        wanted: int,
        labels: Tensor | None,
        degrees: tuple[Tensor, Tensor],
        constants: Mapping[tuple[str, int], Tensor] | None = None,
    ) -> None:
        nothing = x.new_empty(0)  # no layer asks for the transpose of all that was drawn
        host = [torch.from_numpy(part.astype(np.int32)) for part in (pointers, sources)]
        begins, columns = moved_together(host, x.device)
        super().__init__(x, begins, columns, (nothing, nothing), labels)
        self.rows = slice(0, ends[wanted])
        self.degrees = degrees
        self._constants = constants or {}
        self._memo.update(self._constants)
        self._host = pointers, sources
        self._ends = ends
        self._wanted = wanted

    @property
    def gcn(self) -> Matrix:
        """[wanted, n] what stands for rows of the larger graph's normalised adjacency."""
        degrees, kind = self.degrees[0], self.x.dtype
        return self.memo_structure(
            ("gcn", self._targets), lambda: propagation.drawn_normalised(*self._into(True), degrees, kind)
        )

    @property
    def mean(self) -> Matrix:
        """[wanted, n] the mean over the in-neighbours that were drawn."""
        return self.memo_structure(
            ("mean", self._targets), lambda: propagation.drawn_mean(*self._into(False), self.x.dtype)
        )

    @property
    def converges(self) -> bool:
        return self.nodes > CONVERGES * self._targets

    @property
    def _targets(self) -> int:
        """How many nodes are wanted."""
        return self.nodes if self.rows is None else int(self.rows.stop)

    def _into(self, loops: bool) -> tuple[Pattern, Pattern | None]:
        """[wanted, n] the drawn edges into the wanted nodes, and their transpose if gradients will be asked for.

        Made on the host, which knows all sizes: a GPU is not waited for.
        """
        wanted, device = self._targets, self.x.device
        pointers, sources = self._host
        pointers, sources = pointers[: wanted + 1], sources[: pointers[wanted]]
        if loops:
            pointers, sources = propagation.with_loops_inserted(pointers, sources)
        ways = [Pattern(torch.from_numpy(pointers), torch.from_numpy(sources), self.nodes)]
        if torch.is_grad_enabled():
            # The compressed columns of a matrix are the compressed rows of its transpose: no sort, in compiled code.
            ones = np.ones(len(sources), np.int8)
            ways.append(propagation.of_scipy(csr_array((ones, sources, pointers), shape=(wanted, self.nodes)).tocsc()))
        found, _ = propagation.placed([way.narrow() for way in ways], [], device)
        return found[0], found[1] if len(found) > 1 else None

    def with_features(self, features: Sequence[Tensor]) -> Graph:
        """As of a `Graph`. Raises NotApplicableError where constants rest on features of nodes that are not here."""
        if self._constants:
            raise NotApplicableError("propagated features on other inputs would need the whole graph in every step")
        return super().with_features(features)

    def wanting(self, hops: int) -> SampledGraph:
        """The same nodes and edges, with the outputs of so many hops wanted."""
        return SampledGraph(self.x, *self._host, self._ends, hops, self.labels, self.degrees, self._constants)

    def of_layer(self, layer: int, layers: int) -> Graph:
        """The nodes that this layer's wanted outputs rest on, with those as `rows`.

        What is not drawn is not known: a layer that looks further than the last hop answers for all nodes.
        """
        if self.rows is None:
            return self
        last = len(self._ends) - 1
        out = min(layers - 1 - layer + self._wanted, last)
        seen = min(out + 1, last)
        return self.memo_structure(("hops", out, seen), lambda: self._hops(out, seen))

    def _hops(self, out: int, seen: int) -> Graph:
        """The graph of the first `seen` hops without the edges into those beyond `out`."""
        nodes, targets = self._ends[seen], self._ends[out]
        pointers, sources = self._host
        edges = pointers[targets] if seen > out else pointers[nodes]
        of_in, of_out = self.degrees
        return SampledGraph(
            self.x[:nodes],
            np.minimum(pointers[: nodes + 1], edges),
            sources[:edges],
            (targets, nodes),
            0,
            None if self.labels is None else self.labels[:nodes],
            (of_in[:nodes], of_out[:nodes]),
        )
