"""The environment of a job's process. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

KILLED = "ABKD_KILLED"
"""Variable that names the signal which has killed the process of a step that begins again."""
COLD = "ABKD_COLD"
"""Variable whose presence makes every step a process of its own."""
ORCHESTRATOR = "ABKD_ORCHESTRATOR"
"""Variable with the process id of Snakemake, without which no step goes on."""
PLAN = "ABKD_PLAN"
"""Variable with the file of the run's plan."""
RETRIES = "ABKD_RETRIES"
"""Variable with how often a cluster's Snakemake submits a failed job again; absent where jobs run on this machine."""
ATTEMPT = "ABKD_ATTEMPT"
"""Variable with the number of times that Snakemake has started a job, this one included."""
GPUS = "ABKD_GPUS"
"""Variable with the number of GPUs among which the jobs of this machine choose."""
GPU_SLOTS = "ABKD_GPU_SLOTS"
"""Variable with the number of jobs that may share one of them."""
JOB_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),  # bytes: tensors up to this size are given back to the process
    "MALLOC_TRIM_THRESHOLD_": str(2**63 - 1),  # bytes: never gives back to the system what lies idle
}
"""Lets the C library use freed memory again instead of asking the system for new pages at every layer.

Without it glibc maps every tensor above 32 MiB anew, and half the time of an epoch at width 256 on ogbn-arxiv's graph
goes into clearing pages. The price is memory that lies idle: up to a half more at the peak. glibc reads these variables
when a process starts; other C libraries ignore them.
"""


def export(values: Mapping[str, str], programs: Iterable[Path]) -> None:
    """Gives every process that is started from here these variables and JOB_ENVIRONMENT.

    Args:
        programs: folders in which programs are looked for first.
    """
    os.environ.update({**JOB_ENVIRONMENT, **values})
    os.environ["PATH"] = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
