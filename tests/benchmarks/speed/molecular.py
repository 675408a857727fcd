"""One epoch of a GINE on generated molecules, with its evaluation, ours against the plain PyG loop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from tests.benchmarks import data, process, trainings
from tests.benchmarks.gpu import card
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed.plain import PlainGINE
from tests.benchmarks.tables import Row, Table, judge, say, spread
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task

NETWORKS = [(2, 32), (5, 300)]
GRAPHS = 4096
WANTED = ">= 1"

ABOUT = (
    f"One training epoch of a GINE on {GRAPHS:,} generated molecules of ogbg-molhiv's mean size, with an evaluation of "
    "the validation molecules, in batches of 256: the project's loop against PyG's GINEConv and DataLoader with OGB's "
    "sums of embeddings, in one process, which keeps freed memory, turn by turn. Seconds are medians; ratio is the "
    "plain loop's time over ours."
)


def spec_of(layers: int, width: int) -> dict[str, Any]:
    """The project's network that computes what `PlainGINE` does."""
    return {"model": "gine", "layers": layers, "width": width, "virtual_node": False}


def plain_network(task: Task, layers: int, width: int) -> PlainGINE:
    return PlainGINE(task.info["vocabulary"], task.info["edge_vocabulary"], layers, width, task.outputs)


def datasets(task: Task) -> dict[str, list[Data]]:
    """The molecules of each part of the split, as PyG holds them."""
    arrays = {name: torch.from_numpy(np.asarray(values)) for name, values in task.arrays.items()}

    def graph(number: int) -> Data:
        nodes, edges = (slice(*map(int, arrays[f"{of}_pointers"][number : number + 2])) for of in ("node", "edge"))
        return Data(
            x=arrays["features"][nodes],
            edge_index=arrays["edge_index"][:, edges] - nodes.start,
            edge_attr=arrays["edge_features"][edges],
            y=arrays["labels"][number : number + 1],
        )

    return {part: [graph(int(number)) for number in task.split(part)] for part in SPLITS}


def plain_epochs(task: Task, layers: int, width: int, device: torch.device) -> Iterator[None]:
    """The loop of PyG."""
    parts, size = datasets(task), TrainingSettings().batch_size
    train = DataLoader(parts["train"], batch_size=size, shuffle=True)
    valid = DataLoader(parts["valid"], batch_size=size)
    model = plain_network(task, layers, width).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    while True:
        model.train()
        for drawn in train:
            batch = drawn.to(device)
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(batch), batch.y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            torch.cat([model(batch.to(device)) for batch in valid]).cpu()
        yield


def table(settings: Settings, device: torch.device = trainings.CPU) -> Table:
    """A row per network; the sides take turns in one process."""
    task = data.molecules(settings.sized(GRAPHS, 64))
    found: list[Row] = []
    for layers, width in NETWORKS:
        ours = trainings.epochs(task, spec_of(layers, width), device=device)
        plain = plain_epochs(task, layers, width, device)
        sides = {
            "ours": partial(card.once, partial(next, ours)),
            "pyg": partial(card.plainly, partial(card.once, partial(next, plain))),
        }
        times = process.alternate(sides, settings.repeats, settling=1)
        row = {
            "network": f"gine {layers}x{width}",
            "graphs": len(task.labels),
            **{f"{side}_s": float(np.median(taken)) for side, taken in times.items()},
            **spread("ratio", trainings.ratios(times["pyg"], times["ours"])),
        }
        found.append(judge(row, ratio=WANTED))
        say("epochs", found[-1])
    return Table(ABOUT, found)
