"""Prints the speed table and writes results/bench/bench.json and bench.md."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import pandas as pd
import torch

from tests.benchmarks import data, epochs
from workflow.files import replacing, write_json
from workflow.steps.collect import processor

NETWORKS = [("gcn", 2, 256, 1), ("gcn", 2, 32, 1), ("gcn", 2, 16, 1), ("sage", 2, 256, 1), ("gat", 3, 64, 3)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=data.NODES, help="smaller for a quick look")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    task = data.arxiv_sized(arguments.nodes, round(data.EDGES * arguments.nodes / data.NODES))
    rows = []
    for kind, layers, width, heads in NETWORKS:
        rows.append(epochs.compare(task, kind, layers, width, heads, arguments.repeats))
        print(f"{rows[-1]['network']}: {rows[-1]['ratio']:.1f}x", flush=True)
    folder = Path("results/bench")
    machine = {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()}
    settings = {"threads": arguments.threads, "nodes": arguments.nodes, "edges": task.num_edges}
    write_json(folder / "bench.json", {"machine": machine, **settings, "torch": torch.__version__, "epochs": rows})
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".3g")
    with replacing(folder / "bench.md") as temporary:
        temporary.write_text(f"{table}\n")
    print(f"\n{settings['nodes']} nodes, {settings['edges']} edges, {settings['threads']} thread(s)\n\n{table}")


if __name__ == "__main__":
    main()
