# Every target first makes `.venv` from the pinned versions if it is missing.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
CORES ?= all
# make bench PARTS="epochs growth": some of the parts; none is all.
PARTS ?=
# Percent of the code's lines that `make test` must reach; empty measures none. Before Python 3.12 being watched takes as
# long again as the tests themselves, so that there it is asked for: make test COVERAGE=80.
COVERAGE ?= $(shell $(BIN)/python -c 'import sys; print(80 if sys.version_info >= (3, 12) else "")')
# make lock UPGRADE=--upgrade: the newest versions; UPGRADE="--upgrade-package numpy": of one package; none keeps all.
UPGRADE ?=
# One thread per process: as many processes as cores run beside each other.
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := Agg

.PHONY: reproduce test test-slurm test-crash test-soak test-data test-gpu test-kernels paper bench bench-gpu lint format lock clean

reproduce: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

paper: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/paper.yaml

# A worker takes whole files, so that what the tests of a file share is made once. (Marked groups are no longer heeded.)
test: .venv/ready lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -q $(if $(COVERAGE),--cov --cov-report= --cov-fail-under=$(COVERAGE))

# Longer forms of tests that `make test` runs in short.
test-crash: .venv/ready
	ABKD_KILLS=30 $(BIN)/python -m pytest -q -s tests/test_crash.py

test-soak: .venv/ready
	ABKD_SOAK=2000 $(BIN)/python -m pytest -q -s tests/test_soak.py

test-data: .venv/ready
	ABKD_FULL_DATA=1 $(BIN)/python -m pytest -n auto -q tests/workflow/datasets

# As root on Debian: sets a SLURM of one node up and takes it down again, docs/clusters.md. No part of `make test`.
test-slurm: .venv/ready
	$(BIN)/python -m tests.slurm

# On a machine with a GPU, docs/gpu.md; together within ten minutes. `make test` skips the first and has no part of the second.
test-gpu: .venv/ready
	$(BIN)/python -m pytest -n 4 -q tests/gpu

# Without a GPU: its kernels by Triton's interpreter. Triton (1 GB) stays out of the environment, where a GPU's torch has its own.
test-kernels: .venv/ready
	test -d .triton || $(PIP) --no-deps --target .triton triton==3.9.0
	PYTHONPATH=.triton TRITON_INTERPRET=1 $(BIN)/python -m pytest -q tests/methods/test_triton_kernels.py

bench-gpu: .venv/ready
	$(BIN)/python -m tests.benchmarks gpu_products gpu_epochs gpu_replay gpu_memory gpu_seeds

bench: .venv/ready
	$(BIN)/python -m tests.benchmarks $(PARTS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check -l 120 Snakefile workflow/rules
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt -l 120 Snakefile workflow/rules

lock: .venv/ready
	$(PIP) uv==0.13.9
	$(BIN)/uv pip compile -q $(UPGRADE) requirements.txt -o requirements.lock

.venv/ready: requirements.txt requirements.lock requirements-data.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is %d.%d; name another with make PYTHON=..." % sys.version_info[:2])'
	@echo "Setting up .venv (about two minutes) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) --no-deps --require-hashes -r requirements.lock -r requirements-data.txt
	@$(PIP) $$(grep '^torch==' requirements.txt)
	@$(PIP) --no-deps --no-build-isolation -e .
	@# On all cores, and without the packages' own tests: a third of what pip needs. One file is of a later Python.
	@$(BIN)/python -m compileall -q -q -j 0 -x '/tests/' .venv/lib || true
	@touch $@

# Only what is made again without changing a number. Not results/ and data/, and not .snakemake, which holds the settings
# and the code that every result was made with: without it Snakemake takes outdated results for good ones.
clean:
	rm -rf .venv .triton .pytest_cache .mypy_cache .ruff_cache .coverage* *.egg-info
