# The entry points that a person has to remember. `make` alone lists them.
# LEARNIT_PROFILE, LEARNIT_DATA, LEARNIT_TEST_DATA, LEARNIT_OUT and LEARNIT_MAX_STEPS are passed on.

PYTHON ?= python3
NOTEBOOK ?= 01_image_regression
# The script in data_scripts/ that `make data` runs.
SET ?= prepare
# What the environment is held to; empty for the newest versions there are.
CONSTRAINTS ?= constraints/locked.txt
# What is installed besides the project: its extras. otter-grader comes with `teach`, and is needed to grade only.
EXTRAS ?= notebooks,data,mirrors,ct,heic,dev
# Further arguments to the command, for example `make results ARGS=--help`. To pytest they come last, so that with
# `make test ARGS='-m browser'` these tests are run, nightly or not, instead of all that are not nightly.
ARGS ?=

VENV := .venv
READY := $(VENV)/.ready
SPHINX := $(VENV)/.sphinx
RUN := $(VENV)/bin/python -m
PYTEST := $(RUN) pytest --quiet --numprocesses=auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo lab data gallery site exercises slides test test-all check notebooks tune results weights pictures paper networks bench lock clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(READY)  ## run a notebook and keep its results: make demo [NOTEBOOK=01_image_regression]
	@$(RUN) learnit_core.commands.demo '$(NOTEBOOK)'

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(RUN) learnit_core.commands.lab $(ARGS)

gallery: $(READY)  ## one page with all explorers, which needs no Python: out/gallery/index.html
	@$(RUN) learnit_core.commands.gallery $(ARGS)

site: $(SPHINX)  ## notebooks, explorers, interfaces as pages: make site [ARGS=--execute]; out/site/html/index.html
	@$(RUN) learnit_core.commands.website $(ARGS)

exercises: $(READY)  ## copies for a class: make exercises ARGS='--kind student --out DIR', or instructor, or graded
	@$(RUN) learnit_core.commands.exercises $(ARGS)

slides: NOTEBOOK = 00_start_here
slides: $(READY)  ## a deck of slides from a notebook's tagged cells, which needs no network: make slides [NOTEBOOK=00_start_here]
	@$(RUN) learnit_core.commands.slides --notebook '$(NOTEBOOK)' --execute --out out/slides $(ARGS)

data: $(READY)  ## prepare a real data set: make data [SET=celeba ARGS=--help]; alone, it lists them
	@$(VENV)/bin/python 'data_scripts/$(SET).py' $(ARGS)

test: check  ## the checks, the tests, every notebook in short; 20 to 25 minutes on two cores
	@$(PYTEST) -m 'not nightly' $(ARGS)

test-all: check  ## everything that must hold, as every night: the same and all that takes longer
	@$(PYTEST) $(ARGS)

check: $(READY)  ## lint, layout, and whether all that is generated is up to date
	@$(RUN) ruff check --quiet
	@$(RUN) ruff format --check --quiet
	@$(RUN) learnit_core.commands.upkeep.javascript
	@$(RUN) learnit_core.commands.upkeep.notebooks --check
	@$(RUN) learnit_core.commands.upkeep.ledger --check
	@$(RUN) learnit_core.commands.upkeep.benchmarks --check

notebooks: $(READY)  ## generate the .ipynb from the .py, badges and Colab cells
	@$(RUN) learnit_core.commands.upkeep.notebooks

tune: $(READY)  ## choose optimisers, rates and steps on validation signals (resumable)
	@$(RUN) learnit_core.commands.tune $(ARGS)

results: $(READY)  ## the full tables, three meta-training seeds (resumable)
	@$(RUN) learnit_core.commands.results $(ARGS)

weights: $(READY)  ## train the initialisations that are shipped (resumable, hours)
	@$(RUN) learnit_core.commands.weights $(ARGS)

pictures: $(READY)  ## the pictures in README.md, from the figures of the last demo
	@$(RUN) learnit_core.commands.upkeep.pictures $(ARGS)

paper: $(READY)  ## the paper's size, as far as the time goes (resumable): make paper ARGS='--experiment ct --minutes 8'
	@$(RUN) learnit_core.commands.paper $(ARGS)

networks: $(READY)  ## a network for every picture of a folder: make networks ARGS='fit PICTURES --start image-... --out DIR'
	@$(RUN) learnit_core.commands.networks $(ARGS)

bench: $(READY)  ## docs/benchmarks.md: times and memory, beside the same written plainly (resumable)
	@$(RUN) learnit_core.commands.bench $(ARGS)

# The environment is made again when the list of dependencies or its versions change.
$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'learnit needs Python 3.11 or newer; `$(PYTHON)` is not that. Name another: make demo PYTHON=python3.12' >&2; exit 1; }
	@echo 'Setting up $(VENV); once, and it takes some minutes.'
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(RUN) pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS)) -e '.[$(EXTRAS)]'
	@touch $@

# What only the site needs.
$(SPHINX): $(READY)
	@$(RUN) pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS)) -e '.[site]'
	@touch $@

lock:  ## renew constraints/locked.txt: make lock PYTHON=python3.11
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet '.[$(EXTRAS),teach,site]'
	{ sed '/^[^#]/,$$d' constraints/locked.txt; build/lock/bin/pip freeze --exclude learnit; } > build/locked.txt
	mv build/locked.txt constraints/locked.txt

clean:  ## remove the environment and caches; results in out/ stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
