"""Parts that need a GPU: `make bench-gpu`. None of them runs unless it is named."""
