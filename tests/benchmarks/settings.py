"""How large the parts are, and where their answers go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FULL_NODES = 169_343
"""Nodes of ogbn-arxiv, the yardstick of `--nodes`."""


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
        nodes: nodes of the arxiv-sized graph; everything else shrinks in proportion. None is the full size.
        repeats: measurements of each pair of sides.
        threads: CPU threads of every measured process.
        isolated: whether memory is measured in processes of their own; without, figures of memory mean nothing.
        folder: of bench.json, bench.md and the figures.
    """

    nodes: int | None = None
    repeats: int = 3
    threads: int = 1
    isolated: bool = True
    folder: Path = Path("results/bench")

    @property
    def arxiv_nodes(self) -> int:
        return self.nodes or FULL_NODES

    @property
    def quick(self) -> bool:
        return self.nodes is not None

    def sized(self, full: int, least: int = 1) -> int:
        """A size that belongs to the full graph, shrunk as the graph is."""
        return max(least, min(full, round(full * self.arxiv_nodes / FULL_NODES)))
