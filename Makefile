# make tutorial   run the whole course on this computer, as pages to read
# make pdf        the same pages as PDFs, to print; Chromium makes them
# make lab        open the course in JupyterLab, to change and solve
# make explore    show the explorers as one page; RUNS="folder ..." adds runs of your own
# make slides     the slides for 90 minutes, with notes, as one page: build/slides.html
# make class      the course for a class: without answers, with them, and for nbgrader
# make test       everything that has to hold: tests, notebooks, types, style
# make campaign   ten minutes of faults, counted kind by kind: bad input, damaged files, kills
# make campaign-slurm   more of what a SLURM cluster does to runs, on one that the tests start
# make wheel      build the package, install it alone in a new environment, and try it there
#
# TORCH=cpu chooses the build of torch (see README.md), PYTHON=... the Python to start from,
# LAB="--no-browser --port 9000" the options of JupyterLab, EXPLORE=--no-open those of the
# explorers' page, OMP_NUM_THREADS=4 how many threads a notebook computes with (one: its networks
# are small). VENV=/shared/.venv is an environment from elsewhere, which is used as it is.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet -c constraints.txt

KIT := $(if $(filter .venv,$(VENV)),$(VENV)/kit)
RELATIVE := $(if $(filter /%,$(VENV)),,yes)

export JUPYTER_PATH := $(if $(RELATIVE),$(CURDIR)/)$(VENV)/share/jupyter
# A container may have no home to write to, and Jupyter needs one.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/build/home
endif
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help tutorial pdf lab explore slides class test campaign campaign-slurm wheel course clean

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

tutorial: $(KIT)
	$(PY) -m anytime.course html

pdf: $(VENV)/kit-test
	$(PY) -m anytime.course pdf

lab: $(KIT)
	cd notebooks && $(if $(RELATIVE),../)$(PY) -m jupyterlab $(LAB)

# The shell takes RUNS from the environment as it was typed, spaces and quotes included.
explore: export RUNS ?=
explore: $(KIT)
	$(PY) -m anytime.explore.page $(EXPLORE) "$$RUNS"

slides: $(KIT)
	$(PY) -m anytime.course slides

class: $(VENV)/kit-test
	$(PY) -m anytime.course class

test: $(VENV)/kit-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest --nbval --nbval-current-env -n 2 --dist loadfile tests notebooks

campaign: $(VENV)/kit-test
	CAMPAIGN=1 $(PY) -m pytest -q -n 2 --dist loadfile tests/faults tests/test_export.py

campaign-slurm: $(VENV)/kit-test
	CAMPAIGN=1 $(PY) -m pytest -v tests/slurm

wheel: $(VENV)/python
	rm -rf build/wheel
	$(PY) -m venv build/wheel/env
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	build/wheel/env/bin/python -m pip install --quiet -c constraints.txt build/wheel/*.whl
	cd build/wheel && env/bin/python ../../tests/wheel_alone.py

# For those who write the course: build every notebook from its source, list them in README.md.
course: $(VENV)/kit-test
	$(PY) -m anytime.course build
	$(PY) -m anytime.course readme
	$(PY) docs/picture.py

clean:
	rm -rf build $(VENV)

$(VENV)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11 or newer,\
	 or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The kit needs Python 3.11 or\
	 newer, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.12")'
	@echo "Making $(VENV); the first time takes some minutes."
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	touch $@

ifdef TORCH
$(VENV)/torch-$(TORCH): $(VENV)/python constraints.txt
	$(PIP) uv
	$(PY) -m uv pip install --python $(PY) --torch-backend=$(TORCH) -c constraints.txt torch torchvision
	touch $@

$(VENV)/kit $(VENV)/kit-test: $(VENV)/torch-$(TORCH)
endif

$(VENV)/kit: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e ".[course]"
	touch $@

$(VENV)/kit-test: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e ".[course,grading,test]"
	touch $(VENV)/kit $@
