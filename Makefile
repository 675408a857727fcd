# Every target first makes `.venv` from the pinned versions if it is missing.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
# make bench PARTS="epochs road": some of the parts; none is all.
PARTS ?=
# One thread a process: as many processes as cores run beside each other.
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := Agg

.PHONY: reproduce test paper bench lint format clean

reproduce: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

paper: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/paper.yaml

test: .venv/ready lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -q

bench: .venv/ready
	$(BIN)/python -m tests.benchmarks $(PARTS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check -l 120 Snakefile workflow/rules

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt -l 120 Snakefile workflow/rules

.venv/ready: requirements.txt constraints.txt requirements-data.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is %d.%d; name another with make PYTHON=..." % sys.version_info[:2])'
	@echo "Setting up .venv (about two minutes) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-data.txt
	@touch $@

clean:
	rm -rf .venv .snakemake .pytest_cache .mypy_cache .ruff_cache
