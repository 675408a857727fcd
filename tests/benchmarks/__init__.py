"""`python -m tests.benchmarks` (or `make bench`) prints the speed table and writes it to results/bench/."""
