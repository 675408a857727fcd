"""The pipeline on a SLURM of one node, set up and taken down again: `make test-slurm`, no part of `make test`."""
