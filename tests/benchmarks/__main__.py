"""Measures time and memory part by part; writes results/bench/bench.json and bench.md, with what was wanted."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

from tests.benchmarks import parts, tables
from tests.benchmarks.settings import Settings


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"of {', '.join(parts.found())}; none is {', '.join(parts.usual())}",
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of every measured process")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--nodes", type=int, help="of the arxiv-sized graph: makes everything small, for a quick look")
    parser.add_argument("--in-process", action="store_true", help="quicker still; figures of memory mean nothing")
    parser.add_argument("--output", type=Path, default=Path("results/bench"))
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(parts.found()):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; allowed: {', '.join(parts.found())}")
    os.environ.setdefault("OMP_NUM_THREADS", str(given.threads))
    torch.set_num_threads(given.threads)
    settings = Settings(given.nodes, given.repeats, given.threads, not given.in_process, given.output.resolve())
    for part in given.parts or parts.usual():
        about = tables.circumstances(settings)
        print(f"{part}: begins, load of the machine {about['load_before']:.1f}", flush=True)
        started = time.perf_counter()
        found = parts.found()[part].run(settings)
        about["seconds"] = time.perf_counter() - started
        print(f"{part}: done in {about['seconds']:.0f} s", flush=True)
        tables.keep(settings.folder, part, about, found)
    print(f"\n{settings.folder / 'bench.md'}")


if __name__ == "__main__":
    main()
