PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Debian packages and the programs they bring: flite speaks English, espeak-ng the other languages; ffmpeg's libraries serve the
# optional neural voices (torchcodec; the codecs for decoding come inside PyAV); dot lays diagrams out; tesseract reads scanned pages;
# bwrap is the wall around generated programs; chromium opens reports in tests.
APT_PACKAGES := flite espeak-ng ffmpeg graphviz tesseract-ocr bubblewrap chromium
PROGRAMS := flite espeak-ng ffmpeg dot tesseract bwrap chromium

# Hundreds of short processes run here (workers, guarded decoders, commands): modules compile once and are kept; each uses one thread.
export PYTHONDONTWRITEBYTECODE :=
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test check fix bench sbom audit clean

setup: .setup-done

# uv does not read pip's find-links by itself; where pip has one set, uv is told.
.setup-done: pyproject.toml Makefile
	@for program in $(PROGRAMS); do command -v $$program >/dev/null || missing=1; done; [ -z "$$missing" ] || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(APT_PACKAGES); \
	  else echo "some of $(APT_PACKAGES) are missing; run: sudo apt-get install -y $(APT_PACKAGES)" >&2; exit 1; fi; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/python -m uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps torchvision==0.28.0  # for parity tests; its CUDA extension is not used
	touch $@

demo: setup
	$(BIN)/corpusmill demo

test: setup
	@status=0; \
	$(BIN)/python -m pytest -m "not slow and not cluster" -n 2 --dist loadscope || status=1; \
	$(BIN)/python -m pytest -m "not slow and cluster" || status=1; \
	exit $$status

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow and not crash and not cluster and not realdata and not parity" -n 2 --dist loadscope -x

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup .bench-done
	$(BIN)/python -m tests.benchmarks

.bench-done: pyproject.toml Makefile  # the peers that benchmarks compare with
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/python -m uv pip install --quiet --python $(BIN)/python -e '.[dev,bench]'
	touch $@

sbom: setup
	$(BIN)/python -m tests.security.sbom

audit: setup
	$(BIN)/python -m tests.security.audit

clean:
	rm -rf demo build dist .pytest_cache .ruff_cache .mypy_cache
