"""ABKD, STRIDE and their ablations: one method a file, on the contract of `methods`."""
