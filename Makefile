# Everything the course does, one word each. `make` alone lists them. Every target sets up what it needs first.

LESSON ?=
LAB ?=
EXTRA ?=
TORCH_INDEX ?=

# The Python that builds .venv: PYTHON if you give one; else .venv's own; else the first that really runs and fits.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",.venv/bin/python python3 python3.13 python3.12 python3.11)
CHOSEN := $(shell for p in $(CANDIDATES); do "$$p" -c '$(FITS)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

INSTALL = @$(if $(CHOSEN),,echo "Set-up: $(if $(PYTHON),PYTHON=$(PYTHON) is not a,there is no) Python 3.11, 3.12 or 3.13 \
	that runs here: install one (Debian, Ubuntu, WSL2: sudo apt install python3 python3-venv), or name it, \
	as in make setup PYTHON=/path/to/python3.12" >&2; exit 1;) \
	"$(CHOSEN)" src/coursegrade/setup/install.py $(if $(PYTHON),--use-this-python) \
	$(if $(EXTRA),--extra "$(EXTRA)") $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")

# A PYTHONPATH or PYTHONHOME meant for other software would put its libraries in front of the course's.
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup ready ready-dev run lab grade test test-full labs reset doctor bench clean
.DEFAULT_GOAL := help

help:
	@echo "From Tensors to TensorRT"
	@echo
	@echo "  make setup         install everything into .venv (others do it when needed)"
	@echo "  make run           run every lesson, pages in build/html/ (LESSON=05: one)"
	@echo "  make lab           open JupyterLab (LESSON=05 or LAB=03: at that notebook)"
	@echo "  make grade         grade your labs (LAB=03: one)"
	@echo "  make reset LAB=03  put a lab back to its start; yours goes to build/backup/"
	@echo "  make doctor        show what is here and what is missing"
	@echo "  make clean         empty build/; your labs and their backups stay"
	@echo "  make help          this list"
	@echo
	@echo "  make test          check the course itself: ruff, mypy, tests"
	@echo "  make test-full     the same with the long tests"
	@echo "  make labs          generate labs/ from solutions/ (for authors)"
	@echo "  make bench         measure again what the README's figures come from"
	@echo
	@echo "Set-up: PYTHON=python3.12 chooses a Python, EXTRA=cpu goes without the GPU,"
	@echo "TORCH_INDEX=... takes PyTorch from another package index (see the README)."

setup:
	$(INSTALL)

ready:
	$(INSTALL) --quiet

ready-dev:
	$(INSTALL) --quiet --dev

run: ready
	@.venv/bin/course run $(LESSON)

# In a container you are often root, and JupyterLab wants to hear that this is meant; it listens on loopback only.
lab: ready
	@.venv/bin/jupyter lab --ServerApp.root_dir="$(CURDIR)" $(if $(filter 0,$(shell id -u)),--allow-root) \
		$(firstword $(if $(LAB),$(wildcard labs/lab_$(LAB)_*.ipynb)) $(if $(LESSON),$(wildcard notebooks/$(LESSON)_*.ipynb)))

grade: ready
	@.venv/bin/course grade $(if $(LAB),--lab $(LAB))

labs: ready
	@.venv/bin/course labs

reset: ready
	@$(if $(LAB),,echo "Which lab? For example: make reset LAB=03" >&2; exit 2;) .venv/bin/course reset $(LAB)

doctor: ready
	@.venv/bin/course doctor

test: ready-dev
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/python -m pytest -m "not full"

test-full: ready-dev
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/python -m pytest

bench: ready
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; .venv/bin/python "$$script"; done

clean:
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name backup ! -name progress.json -exec rm -rf {} +; fi
	@echo "build/ is empty, but for the backups of your labs and your progress. labs/ was not touched."
	@echo ".venv stays; to remove it as well: rm -rf .venv"
