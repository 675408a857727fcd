"""Trains the teachers of a block of seeds and keeps their weights and knowledge (every layer's output and logits)."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow.config import parse_seeds
from workflow.errors import command
from workflow.specs import TeacherSpec


@command
def main() -> None:
    """Called by the rule `teach`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spec", type=TeacherSpec.model_validate_json, required=True, help="the teacher's spec, as JSON"
    )
    parser.add_argument("--seeds", type=parse_seeds, required=True, help="such as 0-4")
    parser.add_argument("--task", type=Path, required=True, help="folder of the prepared task")
    parser.add_argument("--output", type=Path, required=True, help="folder of the block")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    from workflow.training.block import Block

    block = Block(arguments.spec, arguments.task, arguments.output, arguments.device, arguments.threads)
    block.teach(arguments.seeds)


if __name__ == "__main__":
    main()
