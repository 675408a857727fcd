"""Trains one cell of the table (student x method) for a block of seeds: one row per seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow.config import parse_seeds
from workflow.errors import command
from workflow.specs import CellSpec


@command
def main() -> None:
    """Called by the rule `distill`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=CellSpec.model_validate_json, required=True, help="the cell's spec, as JSON")
    parser.add_argument("--seeds", type=parse_seeds, required=True, help="such as 0-9")
    parser.add_argument("--task", type=Path, required=True, help="folder of the prepared task")
    parser.add_argument("--teachers", type=Path, nargs="+", required=True, help="folders of the teacher's blocks")
    parser.add_argument("--output", type=Path, required=True, help="folder of the block")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--forget-weights", action="store_true", help="do not save the students")
    arguments = parser.parse_args()
    from workflow.training.block import Block

    block = Block(arguments.spec, arguments.task, arguments.output, arguments.device, arguments.threads)
    block.distill(arguments.seeds, arguments.teachers, keep_weights=not arguments.forget_weights)


if __name__ == "__main__":
    main()
