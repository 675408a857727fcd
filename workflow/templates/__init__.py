"""What `abkd-bench new` writes: one whole file of each kind, in which the name Template is replaced."""
