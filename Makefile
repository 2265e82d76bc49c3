# The commands of this project. Everything is installed into .venv; nothing outside this folder is changed, but for
# the servers of `make test`, which scripts/servers builds in ~/.cache/tonearm-servers.
#
#   make analyze MUSIC=<folder>   scan and analyse a folder, show the result (without MUSIC: the bundled sample)
#   make test                     the whole suite, with servers of its own where they can be started
#                                 (PYTHON=python3.12 for another interpreter, ARGS=… for pytest, as ARGS=--cov)
#   make test-long                the tests of faults in full: more kills, longer outages, more files
#   make check                    linters, types, layers
#   make bench MUSIC=<folder>     throughput on this machine
#   make bench-check              costs as ratios in one run, held against tests/performance/limits.toml
#   make bench-small              the small parts, each by itself (ARGS=… for pytest, as ARGS="-k identity")
#   make bench-report             write tests/performance/README.md and the figures in the guides anew from what is recorded;
#                                 with MUSIC=<folder>, measure and record throughput before
#   make clean                    remove .venv and what was built

PYTHON ?= $(if $(wildcard .venv/bin/uv),.venv/bin/python,python3)
MUSIC ?= samples
UV_VERSION = 0.13.9
WANTED := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
export PYTHONDONTWRITEBYTECODE =# each process would compile the tests, and rewrite their assertions, again
SOURCES = pyproject.toml setup.py $(wildcard src/tonearm/analysis/_*.[ch])

.PHONY: setup setup-dev analyze test test-long check bench bench-check bench-small bench-report clean

setup: .venv/.ready-$(WANTED)
setup-dev: .venv/.ready-dev-$(WANTED)

analyze: setup
	@music="$(MUSIC)"; case "$$music" in "~/"*) music="$$HOME/$${music#"~/"}";; esac; \
	  .venv/bin/tonearm analyze "$$music" $(ARGS)

test: setup-dev
	SERVERS_FSYNC=off scripts/servers run .venv/bin/python -m pytest -n 6 --dist worksteal --durations 15 $(ARGS)

test-long: setup-dev
	TONEARM_TEST_LONG=1 SERVERS_FSYNC=off scripts/servers run \
	  .venv/bin/python -m pytest -n 2 --dist worksteal --durations 15 tests/faults \
	  tests/unit/jobs/test_job_store_machine.py tests/unit/naming/test_renames.py $(ARGS)

check: setup-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup-dev
	.venv/bin/python -m tests.performance pipeline "$(MUSIC)" $(ARGS)

bench-check: setup-dev
	.venv/bin/python -m tests.performance ratios $(ARGS)

bench-small: setup-dev
	.venv/bin/python -m pytest tests/performance/small --benchmark-enable --benchmark-group-by group $(ARGS)

bench-report: setup-dev
	$(if $(filter-out samples,$(MUSIC)),scripts/servers run .venv/bin/python -m tests.performance throughput "$(MUSIC)" $(ARGS))
	.venv/bin/python -m tests.performance blocks

clean:
	rm -rf .venv build src/*.egg-info src/tonearm/analysis/*.so

.venv/.ready-$(WANTED): requirements.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@[ -e .venv/.ready-$(WANTED) ] || [ "$(PYTHON)" = .venv/bin/python ] || { rm -rf .venv && $(PYTHON) -m venv --without-pip .venv; }
	@[ -x .venv/bin/uv ] || $(PYTHON) -m pip --disable-pip-version-check --python .venv/bin/python install --quiet uv==$(UV_VERSION)
	@.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.txt
	@.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --editable .
	@.venv/bin/python -m compileall -q src
	@touch $@

.venv/.ready-dev-$(WANTED): .venv/.ready-$(WANTED) requirements-dev.txt
	@.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements-dev.txt
	@touch $@
