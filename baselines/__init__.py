"""Every other distillation method, one a file, on the contract of `methods`."""
