"""What `abkd-bench check` tries on networks and datasets; methods have `methods.testing`."""
