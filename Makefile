# Two commands do everything: `make demo` and `make test`. Plain venv and pip, nothing else.
# PYTHON=python3.12 chooses the interpreter; PIP_FLAGS is handed to every pip install.
PYTHON ?= python3
PIP_FLAGS ?=

DEMO := .venv-demo
TEST := .venv-test
# Without --no-compile most of the time goes into byte code of modules that are never imported.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile \
  -c constraints.txt $(PIP_FLAGS)

# What MediaPipe needs to find landmarks. Its other requirements (a second cv2, jax, sound) are not
# used, so it is installed without them. It has no wheel from Python 3.13 on: the renderer's tests
# are skipped there.
RENDERER := absl-py attrs flatbuffers matplotlib 'protobuf<5'

# Tests that train nothing and build nothing.
FAST := tests/test_rooms.py tests/test_architecture.py tests/test_imports.py tests/test_geometry.py \
  tests/test_frontalizer.py tests/faces tests/images tests/models tests/detectors tests/train/networks

.PHONY: demo test test-fast lint types check-python clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo   frontal faces from the example photos, into demo/"
	@echo "make test   lint, format, types and all tests (what CI runs)"
	@echo "make test-fast  lint and the tests that train nothing, in a minute or so"
	@echo "make lint | types | clean"

demo: $(DEMO)/.installed
	$(DEMO)/bin/python examples/demo.py --output demo

test: lint types
	$(TEST)/bin/python -m pytest $(PYTEST_FLAGS)

test-fast: lint
	$(TEST)/bin/python -m pytest -q -m "not slow" $(FAST) $(PYTEST_FLAGS)

lint: $(TEST)/.installed
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .

types: $(TEST)/.installed
	$(TEST)/bin/mypy

check-python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(None if (3, 10) <= v < (3, 14) else "Python %d.%d: expected 3.10 to 3.13; give PYTHON=python3.12 or another" % v)'

$(DEMO)/.installed: pyproject.toml constraints.txt | check-python
	$(PYTHON) -m venv --clear $(DEMO)
	$(DEMO)/bin/python $(PIP_INSTALL) -e '.[cpu,insightface]'
	@touch $@

$(TEST)/.installed: pyproject.toml constraints.txt | check-python
	$(PYTHON) -m venv --clear $(TEST)
	$(TEST)/bin/python $(PIP_INSTALL) -e '.[cpu,openvino,insightface,train,evaluate,export,test]' $(RENDERER) 'tensorboard<2.20'
	@if $(TEST)/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then \
	  $(TEST)/bin/python $(PIP_INSTALL) --no-deps mediapipe; \
	else echo "no MediaPipe for this Python: tests of the renderer will be skipped"; fi
	@touch $@

clean:
	rm -rf $(DEMO) $(TEST) demo dist build .mypy_cache .pytest_cache .ruff_cache
