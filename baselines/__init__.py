"""Every other distillation method, one per file, on the contract of `methods`."""
