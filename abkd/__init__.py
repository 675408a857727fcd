"""ABKD, STRIDE and their ablations: one method per file, on the contract of `methods`."""
