"""The road from raw files to rows: tasks, models, training, and one command-line module a Snakemake rule."""
