# FashionBatch's habits: `make` lists them. Each makes .venv and installs what it needs, once.

VENV := .venv
BIN := $(VENV)/bin
# The interpreters that are tried, in this order; `make test PYTHON=/path/to/python3.12` names one.
PYTHON ?= python3 python3.13 python3.12 python3.11
OLDEST_PYTHON ?= python3.11
# How long `make fuzz` goes on.
MINUTES ?= 10
# More arguments for what is run: `make test ARGS='-k classify'`.
ARGS ?=
# Processes that share a suite's tests; 0 runs them in one process, which `ARGS=--pdb` needs.
JOBS ?= 2
# Neighbours stay together, so that what they share is made once; who has nothing left takes over from the other one.
SHARED := --numprocesses=$(JOBS) --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast fuzz oldest lint dist sbom licences format docs bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## train the embedded sample, label a folder, show the table
	$(BIN)/fashionbatch demo $(ARGS)

test: $(VENV)/.installed-dev ## run the whole suite
	$(BIN)/python -m pytest $(SHARED) $(ARGS)

# What another Python or other releases of the dependencies can break, in a few minutes: every module is imported, recipes
# are checked, every component keeps its contract, networks are trained, saved and opened, and folders are labeled.
FAST := tests/recipes tests/contract tests/integration/test_journey.py tests/unit \
    $(addprefix --ignore=tests/unit/, evaluation pictures testing training)

test-fast: $(VENV)/.installed-dev ## run the part of the suite that other Pythons must pass, too
	$(BIN)/python -m pytest $(SHARED) $(FAST) $(ARGS)

fuzz: $(VENV)/.installed-dev ## try input that is made up, each time another: MINUTES=10
	$(BIN)/python scripts/fuzz.py --minutes $(MINUTES) $(ARGS)

# On the oldest Python, with the oldest release of everything that pyproject.toml allows, in an environment of its own.
oldest: scripts/oldest.py pyproject.toml ## run the fast part with the oldest dependencies that are allowed
	$(MAKE) $(VENV)-oldest/bin/python VENV=$(VENV)-oldest PYTHON="$(OLDEST_PYTHON)"
	$(VENV)-oldest/bin/python scripts/oldest.py >$(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' \
	    --constraint $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/python -m pytest $(SHARED) $(FAST) $(ARGS)

lint: $(VENV)/.installed-dev ## check style, types, the layers and who writes files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy scripts
	$(BIN)/mypy benchmarks/speed
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check_imports.py fashionbatch fashionbatch_plugins
	$(BIN)/python scripts/check_writes.py fashionbatch plugins/fashionbatch_plugins

# The Pythons that a release is tried on.
PYTHONS := 3.11 3.12 3.13
# One environment after the other: each takes 2 GB.
FRESH = build/fresh

dist: $(VENV)/.installed-dev ## build wheels, sdist, bill of materials and list of licences, tried on every Python that is here
	rm -rf dist build/reports $(FRESH)
	$(BIN)/python -m build --sdist --wheel --outdir dist .
	$(BIN)/python -m build --wheel --outdir dist packaging/label
	$(BIN)/python scripts/check_dist.py dist
	@set -e; for version in $(PYTHONS); do \
	    python=$$(scripts/find_python.sh $$version); \
	    if [ -z "$$python" ]; then echo "Python $$version is not on this machine"; continue; fi; \
	    $(BIN)/python scripts/try_dist.py --python "$$python" --environment $(FRESH) --demo dist/fashionbatch-*.whl; \
	    rm -rf $(FRESH); \
	done
	$(BIN)/python scripts/try_label.py --python $(BIN)/python --environment $(FRESH) dist/fashionbatch_label-*.whl
	rm -rf $(FRESH)
	$(MAKE) sbom

sbom: $(VENV)/.installed-dev ## install what `make dist` built with its extras, and write the bill of materials of that
	$(BIN)/python scripts/try_dist.py --python $(BIN)/python --environment $(FRESH) --extras --reports build/reports \
	    dist/*.tar.gz dist/fashionbatch-*.whl
	$(BIN)/python scripts/make_sbom.py build/reports/*.json -o "$$(ls dist/*.tar.gz | sed 's/tar\.gz$$/cdx.json/')"
	PYTHONPATH= $(FRESH)/bin/python scripts/check_licences.py --list >"$$(ls dist/*.tar.gz | sed 's/tar\.gz$$/licences.txt/')"
	rm -rf $(FRESH)

licences: $(VENV)/.installed-dev ## check the licences of everything that an installation brings
	$(BIN)/python scripts/check_licences.py

format: $(VENV)/.installed-dev ## bring the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## make the generated documents again, build the site into site/ and check its links
	$(BIN)/python scripts/make_docs.py
	$(BIN)/python scripts/make_site.py

bench: $(VENV)/.installed-dev ## measure how fast a folder is labeled, in 10 minutes: ARGS='--full --photos DIR'
	$(BIN)/python benchmarks/classify.py $(ARGS)

clean: ## remove what was built, cached or written by the demo; .venv and runs/ stay
	rm -rf build dist demo site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# What pip does for a wheel and not for a checkout: without it, commands start slower where Python may not write it itself.
BYTECODE := $(BIN)/python -m compileall -q fashionbatch plugins

# A stamp is newer than pyproject.toml once its dependencies are installed.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BYTECODE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BYTECODE)
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@for python in $(PYTHON); do \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
	    if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	        echo "$$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	    echo "Making $(VENV) with $$("$$python" --version) and installing; TensorFlow alone is a download of some 300 MB."; \
	    exec "$$python" -m venv $(VENV); \
	done; \
	echo "None of $(PYTHON) is a Python from 3.11 to 3.13 (TensorFlow has no builds for others);" >&2; \
	echo "install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
	exit 1
