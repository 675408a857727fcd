"""Trains one teacher, or one cell of the table (student x method), for a block of seeds: one record per seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports.rows import Status
from workflow.config import parse_seeds
from workflow.errors import UserError, command
from workflow.plan import read_spec

FAILURES = (Status.FAILED, Status.OOM, Status.DIVERGED)


@command
def main() -> None:
    """Called by the rules `teach` and `distill`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("key", help="DATASET/TEACHER, or DATASET/TEACHER/STUDENT/METHOD")
    parser.add_argument("output", type=Path, help="folder of the records")
    parser.add_argument("--plan", type=Path, required=True, help="file of the run's plan")
    parser.add_argument("--seeds", required=True, help="such as 0-4")
    parser.add_argument("--task", type=Path, required=True, help="folder of the prepared task")
    parser.add_argument("--teacher", type=Path, help="folder of the teacher's records")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--time-limit", type=float, metavar="MINUTES", help="of one training")
    parser.add_argument("--forget-weights", action="store_true", help="do not save the networks")
    parser.add_argument("--tuned-on", metavar="FINGERPRINT", help="of the data that the method was tuned on")
    parser.add_argument("--stop-on-failure", action="store_true", help="end with an error where a training failed")
    arguments = parser.parse_args()
    from workflow.training.block import Block, Place

    place = Place(
        task=arguments.task,
        output=arguments.output,
        device=arguments.device,
        threads=arguments.threads,
        teacher=arguments.teacher,
        keep_weights=not arguments.forget_weights,
        time_limit=60 * arguments.time_limit if arguments.time_limit else None,
    )
    block = Block(read_spec(arguments.plan, arguments.key), place)
    if block.training != arguments.output.name:
        raise UserError(f"{arguments.output}: the code has changed since this run was planned; run snakemake again")
    if arguments.tuned_on not in (None, block.task.fingerprint):
        raise UserError(f"{arguments.task}: is another dataset than the one that was tuned on; run `snakemake tune`")
    records = block.run(arguments.seeds, parse_seeds(arguments.seeds))
    failed = [record.row for record in records if record.row.status in FAILURES]
    if failed and arguments.stop_on_failure:
        first = failed[0]
        raise UserError(
            f"on_failure is stop, and {len(failed)} of {len(records)} trainings failed; seed {first.seed}: "
            f"{first.status}: {first.reason}"
        )


if __name__ == "__main__":
    main()
