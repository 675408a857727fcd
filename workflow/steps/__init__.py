"""One thin command-line module a rule; `python -m workflow.steps.NAME --help` tells its options."""
