"""One thin command-line module per rule; `python -m workflow.steps.NAME --help` tells its options."""
