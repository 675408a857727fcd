"""Runs a step as Snakemake's rules do: `python -m workflow.job workflow.steps.train ARGUMENTS`.

It stands between Snakemake and the process that trains. Where that process is killed, it begins it again, told so by a
variable, until the step gives the seed up (`workflow.training.block.KILLS`). On a cluster it does so at the job's last
attempt alone; before, it ends with an error, and Snakemake submits the job again with more memory. Where Snakemake
itself is killed, it ends the process. Imports no torch.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from workflow.environment import ATTEMPT, COLD, KILLED, RETRIES
from workflow.fork_server import CRASH_SIGNALS, ask, cold
from workflow.gpus import claimed

MOST_KILLS = 12
"""Of one job, whatever its seeds: what dies without reaching a training must end somewhere."""
PAUSE_SECONDS = 5.0
"""After a kill, for the others on this machine to give memory back."""


def main() -> None:
    """Ends with the exit code of the step."""
    module, *arguments = sys.argv[1:]
    with claimed():
        sys.exit(run(module, arguments))


def run(module: str, arguments: list[str]) -> int:
    """The exit code of a step that is begun again where its process is killed, unless Snakemake does it better."""
    for kills in range(1, MOST_KILLS + 1):
        answer = None if os.environ.get(COLD) else ask(module, arguments)
        code = cold(module, arguments) if answer is None else answer
        name = CRASH_SIGNALS.get(code)
        if name is None:
            return code
        print(f"error: killed by signal {code - 128} ({name}), {kills}. time: out of memory?", file=sys.stderr)
        if submitted_again():
            return code
        os.environ[KILLED] = name
        time.sleep(PAUSE_SECONDS if code - 128 == signal.SIGKILL else 0)
    print("error: given up; the same snakemake command tries again", file=sys.stderr)
    return code


def submitted_again() -> bool:
    """Whether a cluster's Snakemake submits this job again when it fails: before the last attempt."""
    return int(os.environ.get(ATTEMPT, "1")) <= int(os.environ.get(RETRIES, "0"))


if __name__ == "__main__":
    main()
