"""Prints the speed table and writes results/bench/bench.json and bench.md."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

import pandas as pd
import torch

from tests.benchmarks import cells, data, epochs
from workflow.files import replacing, write_json
from workflow.steps.collect import processor
from workflow.tasks import catalog

NETWORKS = [("gcn", 2, 256, 1), ("gcn", 2, 32, 1), ("gcn", 2, 16, 1), ("sage", 2, 256, 1)]
ATTENTION = [("gat", 3, 64, 3)]
ATTENTION_SHARE = 4
"""Attention runs on a quarter of the nodes and edges: the plain loop holds several values an edge, head and column."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs-only", action="store_true", help="leave out the whole-cell comparison")
    parser.add_argument("--nodes", type=int, default=data.NODES, help="smaller for a quick look")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for networks, nodes in ((NETWORKS, arguments.nodes), (ATTENTION, arguments.nodes // ATTENTION_SHARE)):
        task = data.arxiv_sized(nodes, round(data.EDGES * nodes / data.NODES))
        for kind, layers, width, heads in networks:
            row = epochs.compare(task, kind, layers, width, heads, arguments.repeats)
            rows.append({**row, "nodes": nodes, "edges": task.num_edges})
            print(f"{row['network']}: {row['ratio']:.1f}x", flush=True)
    folder = Path("results/bench")
    cell_rows = []
    if not arguments.epochs_only:
        prepared = Path("data/tasks/ace-sim")
        if not (prepared / "task.json").exists():
            catalog.build("ace-sim", {}).save(prepared)
        with tempfile.TemporaryDirectory() as scratch:
            cell_rows.append(cells.compare(Path(scratch), prepared, "ace-sim", 16, 50, plain_runs=2))
            print(f"{cell_rows[-1]['cell']}: {cell_rows[-1]['ratio']:.1f}x", flush=True)
    machine = {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()}
    settings = {"threads": arguments.threads}
    write_json(
        folder / "bench.json",
        {"machine": machine, **settings, "torch": torch.__version__, "epochs": rows, "cells": cell_rows},
    )
    tables = [pd.DataFrame(part).to_markdown(index=False, floatfmt=".3g") for part in (rows, cell_rows) if part]
    table = "\n\n".join(tables)
    with replacing(folder / "bench.md") as temporary:
        temporary.write_text(f"{table}\n")
    print(f"\n{settings['threads']} thread(s)\n\n{table}")


if __name__ == "__main__":
    main()
