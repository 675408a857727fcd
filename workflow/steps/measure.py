"""Sizes and times every network of a dataset once: parameters, multiply-accumulates, latency, memory."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports.rows import Status
from workflow.errors import command
from workflow.files import read_json, write_json
from workflow.ledger import Measured
from workflow.specs import Plan


@command
def main() -> None:
    """Called by the rule `measure`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="file of the run's plan")
    parser.add_argument("--task", type=Path, required=True, help="folder of the prepared task")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    from workflow.training import device as devices
    from workflow.training.measuring import measure

    networks = Plan.model_validate(read_json(arguments.plan)).networks(arguments.task.name)
    device = devices.choose(arguments.device, arguments.threads)
    rows = measure(networks, arguments.task, device)
    data = read_json(arguments.task / "task.json")["fingerprint"]
    told = Measured(data=data, device=device.type, rows=rows)
    write_json(arguments.output, told.sealed().model_dump(mode="json"))
    for row in rows:
        said = f"{row.latency_ms_median:.2f} ms" if row.status == Status.OK else f"{row.status}: {row.reason}"
        print(f"{row.model}: {row.params} parameters, {said}")


if __name__ == "__main__":
    main()
