# Every target makes what it needs first, says what it waits for, and goes on where an interrupted run stopped.
# The engine comes first and alone suffices for a preview; Debian packages, servers and test hosts only for what needs them.

SHELL := /bin/bash
PYTHON ?= python3
INSTALL := $(PYTHON) toolchain/install.py
# Recipes run with the engine and the environment on PATH, but not in the rehearsal's network: the driver enters it.
PLACES := eval "$$($(INSTALL) paths)" && export FLEET_CACHE="$$_fleet_at_cache" FLEET_RUN="$$_fleet_at_run" \
	PATH="$$_fleet_at_engine:$$_fleet_at_venv/bin:$$_fleet_at_servers:$$PATH"
OPTIONS := PULUMI_PARALLEL=256 PULUMI_PARALLEL_DIFF=true PULUMI_CONTINUE_ON_ERROR=true PULUMI_SKIP_UPDATE_CHECK=true
# With CI set nothing asks questions or moves the cursor.
# Words for pytest: UNIT="-n 0 -s -k name" for unit tests (-n 0: in one process), TESTS="tests/load" for the others.
UNIT ?=
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help tools tools-official shell check lint test preview rehearsal up job block clean-rehearsal bench pins

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-24s %s\n", $$1, $$2}'

tools: ## Engine and Python environment, from PATH, vendor or source; kept outside the checkout
	@$(INSTALL) engine venv

tools-official: ## Pulumi's own language host, for FLEET_LANGUAGE_HOST=official
	@$(INSTALL) engine venv official

shell: tools ## A shell in which plain `pulumi preview -s local` and `pyinfra` work (STACK=local)
	@bash --rcfile <(echo '[ ! -f ~/.bashrc ] || . ~/.bashrc; . $(CURDIR)/activate $(or $(STACK),local)') -i

lint: tools ## Format, lint and types alone
	@$(PLACES) && ruff format --check . && ruff check . && mypy --strict .

check: tools tools-official lint ## Format, lint, types, the fleets' data, unit tests: needs no root
	@$(PLACES) && python -m cli check && $(OPTIONS) python -m pytest -n auto --dist worksteal -m "not (servers or rehearsal)" $(UNIT)

test: check ## Everything: check first, then real servers on the loopback and the rehearsal from bare test hosts up
	@$(INSTALL) debian servers
	@$(PLACES) && $(OPTIONS) python -m pytest -n 2 --dist loadscope -v -m "servers or rehearsal" $(TESTS)

preview: tools ## The preview of prod on the embedded cloud: no credentials, no root, any machine
	@$(PLACES) && $(OPTIONS) python -m rehearsal preview prod

rehearsal: ## The whole fleet of stack local on test hosts of this machine, checked, and left running
	@$(INSTALL) engine venv debian servers
	@$(PLACES) && $(OPTIONS) python -m rehearsal up

up: tools ## Preview a stack, then apply it: STACK=prod, one layer alone with ONLY=ground (or "ground servers")
	@. ./activate $(or $(STACK),local) && pulumi up --stack $(or $(STACK),local) $(UP) $$(python -m components.layers $(ONLY))

job: tools ## One service's Nomad job as JSON, to plan by hand: NAME=sync STACK=prod
	@$(PLACES) && python -m components.blocks job $(NAME) --stack $(or $(STACK),local)

block: ## One service by itself on loopback, with one Nomad agent: NAME=infradocs
	@$(INSTALL) engine venv debian servers
	@$(PLACES) && python -m rehearsal.alone $(NAME) --stack $(or $(STACK),local)

clean-rehearsal: tools ## Remove every trace of the rehearsal, also after a crash
	@$(PLACES) && python -m rehearsal clean

bench: ## Preview beside the engine's floor, hosts beside Ansible, the front beside a bare nginx; writes a table
	@$(INSTALL) engine venv bench debian servers
	@$(PLACES) && $(OPTIONS) python -m tests.bench

pins: tools ## Pin the requirements again, with hashes (after a change of a requirements*.in)
	@$(PLACES) && for name in requirements requirements-bench; do \
		python -m piptools compile --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe \
			--strip-extras --no-header --quiet "$$name.in" -o "$$name.txt" || exit 1; done
