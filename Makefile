# make demo          venv, install, train on MNIST, print dense against pruned against quantised
# make article       the demo's network as TensorFlow's article on pruning trains it: its rows beside ours
# make tensorboard   show what the demo logged
# make test          everything: lint, types, Python and front-end tests, browser, tfmot compared, three backends

PYTHON ?= python3
VENV ?= .venv
PARITY_VENV ?= .venv-parity
DATA ?= auto
LOGDIR ?= logs
PORT ?= 6006

BIN := $(VENV)/bin
STATIC := tb_sparsity/plugin/static

.PHONY: demo article tensorboard test lint format pytest browser backends tensorflow others jax torch parity frontend frontend-check frontend-test proto bench clean

demo: $(VENV)/.demo
	$(BIN)/python demo/train_mnist.py --data "$(DATA)" --logdir "$(LOGDIR)" $(ARGS)

article: $(VENV)/.demo
	$(BIN)/python demo/article.py --data "$(DATA)" --logdir "$(LOGDIR)" $(ARGS)

tensorboard: $(VENV)/.demo
	$(BIN)/tensorboard --logdir "$(LOGDIR)" --port $(PORT)

# Side by side: a compiler uses one core, and the browser's suite waits for pages and servers. The tests' arrays are
# small: threads that share one would wait for each other. The longest suite goes first and the backends give way: else
# it would end alone, on one core of two.
test: export OMP_NUM_THREADS = 1
test: export TF_NUM_INTRAOP_THREADS = 1
test: $(VENV)/bin/python
	$(MAKE) --no-print-directory -j4 $(VENV)/.test $(PARITY_VENV)/.made $(VENV)/.chromium frontend/node_modules/.made
	$(MAKE) --no-print-directory lint frontend-test frontend-check
	$(MAKE) --no-print-directory -j5 --output-sync=target tensorflow others browser jax torch

lint: $(VENV)/.test frontend/node_modules/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd frontend && npm run --silent lint && npm run --silent typecheck

format: $(VENV)/.test frontend/node_modules/.made
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && npx biome check --write .

pytest: $(VENV)/.test $(PARITY_VENV)/.made
	PARITY_PYTHON="$(abspath $(PARITY_VENV))/bin/python" $(BIN)/python -m pytest --ignore=tests/browser $(ARGS)

browser: $(VENV)/.test $(VENV)/.chromium
	$(BIN)/python -m pytest -p no:cacheprovider tests/browser $(ARGS)

# The engine's tests run on each of Keras's backends; on the other two without those that ask no backend for anything.
ENGINE := tests/pruning tests/callbacks tests/report/test_sensitivity.py tests/test_measure.py tests/test_schedules.py
ELSEWHERE := -m "not slow" $(foreach test,devices distributions policy xnnpack,--ignore=tests/pruning/test_$(test).py)

backends: tensorflow jax torch

tensorflow: $(VENV)/.test
	$(BIN)/python -m pytest -p no:cacheprovider $(ENGINE) $(ARGS)

others: $(VENV)/.test $(PARITY_VENV)/.made
	PARITY_PYTHON="$(abspath $(PARITY_VENV))/bin/python" \
	  $(BIN)/python -m pytest -p no:cacheprovider --ignore=tests/browser $(ENGINE:%=--ignore=%) $(ARGS)

# JAX would spend its time on making the same small models fast, again and again.
jax: export JAX_COMPILATION_CACHE_DIR = $(abspath build/jax)
jax: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0
jax: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
jax torch: $(VENV)/.test
	KERAS_BACKEND=$@ nice $(BIN)/python -m pytest -p no:cacheprovider $(ENGINE) $(ELSEWHERE) $(ARGS)

# The comparison with tfmot alone; `make test` runs it too.
parity: $(VENV)/.test $(PARITY_VENV)/.made
	PARITY_PYTHON="$(abspath $(PARITY_VENV))/bin/python" $(BIN)/python -m pytest tests/parity $(ARGS)

bench: export PARITY_PYTHON = $(abspath $(PARITY_VENV))/bin/python
bench: $(VENV)/.test $(PARITY_VENV)/.made $(VENV)/.chromium
	for backend in tensorflow jax torch; do KERAS_BACKEND=$$backend $(BIN)/python benchmarks/mask_update.py || exit 1; done
	$(BIN)/python benchmarks/event_writing.py
	$(BIN)/python benchmarks/training_step.py cnn
	$(BIN)/python benchmarks/training_step.py resnet50 5
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/tab.py
	$(BIN)/python -m benchmarks.readers
	$(BIN)/python benchmarks/tab_page.py

frontend: frontend/node_modules/.made
	cd frontend && npm run --silent build

# The bundle is committed, so that installing needs no Node. Here it is built anew and must come out the same.
frontend-check: frontend/node_modules/.made
	rm -rf build/static && mkdir -p build/static
	cd frontend && npm run --silent build -- --outDir ../build/static --emptyOutDir
	diff -r build/static $(STATIC) || { echo "The bundle is stale: run 'make frontend' and commit $(STATIC)."; exit 1; }

frontend-test: frontend/node_modules/.made
	cd frontend && npm test --silent

# With a protoc of 2023: what it generates runs with protobuf 4.25 and all later ones.
proto:
	$(PYTHON) -m venv build/protoc
	build/protoc/bin/pip install --quiet "grpcio-tools==1.62.3" "setuptools<81"
	build/protoc/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. tb_sparsity/events/manifest.proto

# Browser tests need Chromium. Where it is missing and may be installed, it is; else they say that they skip.
$(VENV)/.chromium: | $(VENV)/bin/python
	@command -v chromium-headless-shell >/dev/null 2>&1 \
	  || { command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ] \
	       && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-liberation >/dev/null; } \
	  || command -v chromium chromium-browser google-chrome >/dev/null 2>&1 \
	  || echo "*** No Chromium here, and none could be installed: THE BROWSER TESTS WILL BE SKIPPED. ***"
	@touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.py | $(VENV)/bin/python
	@echo "Installing tb-sparsity and TensorFlow into $(VENV); this takes a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo]"
	touch $@

$(VENV)/.test: setup.py tests/backends.txt | $(VENV)/bin/python
	@echo "Installing tb-sparsity and what its tests need into $(VENV); this takes a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo,test]" -r tests/backends.txt
	touch $@

$(PARITY_VENV)/.made: tests/parity/requirements.txt
	$(PYTHON) -m venv $(PARITY_VENV)
	$(PARITY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/parity/requirements.txt
	touch $@

frontend/node_modules/.made: frontend/package-lock.json
	cd frontend && npm ci --silent --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) $(PARITY_VENV) build dist *.egg-info frontend/node_modules
