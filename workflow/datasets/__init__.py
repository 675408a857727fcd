"""One dataset family per file, found by listing; `parts/` holds what they share."""
