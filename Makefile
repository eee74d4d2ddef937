# `make demo` and `make test` are all a newcomer needs: both do the set-up first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# FAISS comes in two exclusive builds; `make FAISS=gpu demo` on a machine with CUDA.
FAISS  ?= cpu
READY  := $(VENV)/.ready-$(FAISS)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test lint types format clean

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(READY)  ## create the virtual environment and install the package

# Written last, so that an interrupted install is done again and not taken for a whole one.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --progress-bar off --editable '.[$(FAISS),dev]'
	rm -f $(VENV)/.ready-* && touch $@

demo: $(READY)   ## simulate an archive and run the whole flow; the report is demo/report.html
	$(BIN)/ssl-insar demo --out demo

# A process a core, each with whole files, so that what a file makes is made once.
test: $(READY)   ## run the tests (under ten minutes on two cores)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

lint: $(READY)   ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy --strict
	$(BIN)/mypy

format: $(READY) ## let ruff rewrite the code in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## remove what make created (the virtual environment and the demo)
	rm -rf $(VENV) demo build dist
