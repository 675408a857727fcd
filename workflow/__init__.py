"""The pipeline from raw files to rows: data, networks, training, and one command-line module per Snakemake rule."""
