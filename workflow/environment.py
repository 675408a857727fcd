"""The environment that a job's process must be started with. Imports no torch."""

from __future__ import annotations

JOB_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),  # bytes: tensors up to this size are given back to the process
    "MALLOC_TRIM_THRESHOLD_": str(2**63 - 1),  # bytes: never gives back to the system what lies idle
}
"""Lets the C library use freed memory again instead of asking the system for new pages at every layer.

Without it glibc maps every tensor above 32 MiB anew, and half the time of an epoch at width 256 on ogbn-arxiv's graph
goes into clearing pages. The price is memory that lies idle: up to a half more at the peak. glibc reads these variables
when a process starts; other C libraries ignore them.
"""
