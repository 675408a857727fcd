"""The one shared training loop and what it rests on: seeds, feeds of data, evaluation, checkpoints."""
