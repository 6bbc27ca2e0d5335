# One command for each thing a person does with Ledger365; `make` lists them.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
ONCE ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo start test lint scan audit sbom bench torture backup restore clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(VENV)/.installed .tools/.installed ## install what is needed; the other commands do it too

demo: setup ## three simulated tenants from connection to compliance; ONCE=1 ends after the table
	@ONCE=$(ONCE) $(RUN) -m devhost.demo

start: setup ## serve the app against real tenants
	@$(RUN) -m devhost.start

test: setup ## run every test
	@$(RUN) -m pytest $(ARGS)

lint: setup ## check style, format and types
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy .

scan: setup .tools/checkov/.installed .tools/security/.installed .tools/runtime/.installed ## look for weaknesses: template, code, secrets, packages
	@$(RUN) -m pytest tests/infra tests/security $(ARGS)

audit: .tools/security/.installed .tools/runtime/.installed ## look the app's packages up among known vulnerabilities; needs the internet
	@.tools/security/bin/pip-audit --strict --path "$$(echo .tools/runtime/lib/python3.*/site-packages)"

sbom: .tools/security/.installed .tools/runtime/.installed ## list the app's packages as CycloneDX, in sbom.cdx.json
	@.tools/security/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file sbom.cdx.json .tools/runtime/bin/python
	@echo "sbom.cdx.json"

bench: setup .tools/cartography/.installed ## measure, in ratios of one run
	@$(RUN) -m bench $(ARGS)

torture: setup ## load and random faults at once, then compare every table; MINUTES=30 for long
	@$(RUN) -m torture --minutes $(or $(MINUTES),0.75) $(ARGS)

backup: setup ## export all tables of the account in the environment; FILE=ledger.jsonl
	@$(RUN) -m storage.backup export $(or $(FILE),ledger.jsonl)

restore: setup ## restore them into empty tables; FILE=ledger.jsonl
	@$(RUN) -m storage.backup restore $(or $(FILE),ledger.jsonl) $(ARGS)

clean: ## remove everything that the commands made
	@rm -rf $(VENV) .tools .run .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: requirements.txt constraints.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=…" >&2; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian, install python3-venv." >&2; exit 1; }
	@echo "Installing Python packages …"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# a peer to measure against, with dependencies of its own
.tools/cartography/.installed: requirements-bench.txt $(VENV)/.installed
	@echo "Installing cartography …"
	@$(PYTHON) -m venv .tools/cartography
	@.tools/cartography/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

.tools/.installed: package.json package-lock.json requirements-node.txt $(VENV)/.installed
	@echo "Installing Azurite …"
	@$(RUN) -m devhost.node
	@touch $@

# Environments of their own, for these tools' many packages pin others. The parser that checkov
# asks for is older than today's Bicep.
.tools/checkov/.installed: requirements-checkov.txt | $(VENV)/.installed
	@echo "Installing checkov …"
	@$(RUN) -m venv .tools/checkov
	@.tools/checkov/bin/pip install --quiet --no-compile --disable-pip-version-check -r requirements-checkov.txt
	@.tools/checkov/bin/pip install --quiet --no-compile --disable-pip-version-check --no-deps \
		$$(grep '^pycep-parser==' requirements-dev.txt)
	@touch $@

.tools/security/.installed: requirements-security.txt | $(VENV)/.installed
	@echo "Installing bandit, detect-secrets, pip-audit and cyclonedx-bom …"
	@$(RUN) -m venv .tools/security
	@.tools/security/bin/pip install --quiet --no-compile --disable-pip-version-check -r requirements-security.txt
	@touch $@

# What the function app has in Azure, and nothing else.
.tools/runtime/.installed: requirements.txt constraints.txt | $(VENV)/.installed
	@echo "Installing the app's own packages apart …"
	@rm -rf .tools/runtime
	@$(RUN) -m venv --without-pip .tools/runtime
	@$(RUN) -m pip --python .tools/runtime/bin/python install --quiet --no-compile --disable-pip-version-check \
		-r requirements.txt
	@touch $@
