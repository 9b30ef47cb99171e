# Thin on purpose: superapp/localdev/bootstrap.py makes the virtual environment and starts what does the work.
.DEFAULT_GOAL := help
.PHONY: help run test lint bench soak backup restore reset messages asyncapi requirements

# The first Python that is new enough. Each is asked, because a name on the PATH need not work (pyenv's shims).
BOOTSTRAP = for python in $(PYTHON) python3.13 python3.12 python3.11 python3 ''; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break; done; \
	if [ -z "$$python" ]; then \
	echo 'Superapp needs Python 3.11 or newer. Install it, or say where it is: make $@ PYTHON=/path/to/python3' >&2; \
	exit 1; fi; \
	exec "$$python" -I superapp/localdev/bootstrap.py

help:
	@echo 'make run            start everything and print where to go; Ctrl-C stops it, the data is kept'
	@echo '                    PORT=9000 instead of 8000 or the next free one'
	@echo 'make test           all checks and tests; ARGS="tests/localdev -k leash" goes to pytest'
	@echo 'make lint           only the checks: ruff, mypy, import contracts, missing migrations and translations'
	@echo 'make bench          APP=core, chat or wallet: what a room takes, beside its limits; numbers in .local/bench'
	@echo 'make soak           APP=core or chat: the tests of a room at full size; outcome in .local/soak'
	@echo 'make backup         one file with the database and all media, in backups/ or FILE=…; nothing has to stop'
	@echo 'make restore        FILE=… into an empty database, compared; YES=1 replaces one with people in it'
	@echo 'make reset          delete the data of this clone, after asking; YES=1 does not ask'
	@echo 'make messages       the texts for people into locale/, and compiled; then translate those without a translation'
	@echo 'make asyncapi       what the socket says, out of the code and into docs/asyncapi.yaml'
	@echo 'make requirements   pin requirements*.txt anew from requirements*.in; ARGS=--upgrade takes newer versions'

run:
	@$(BOOTSTRAP) run $(if $(PORT),--port $(PORT)) $(ARGS)

test:
	@$(BOOTSTRAP) test $(ARGS)

lint:
	@$(BOOTSTRAP) lint

bench:
	@$(BOOTSTRAP) bench $(APP) $(ARGS)

soak:
	@$(BOOTSTRAP) soak $(APP) $(ARGS)

backup:
	@$(BOOTSTRAP) backup $(if $(FILE),"$(FILE)")

restore:
	@$(BOOTSTRAP) restore $(if $(FILE),"$(FILE)") $(if $(filter 1 y yes,$(YES)),--replace)

reset:
	@$(BOOTSTRAP) reset $(if $(filter 1 y yes,$(YES)),--yes)

messages:
	@$(BOOTSTRAP) messages $(ARGS)

asyncapi:
	@$(BOOTSTRAP) asyncapi

requirements:
	@$(BOOTSTRAP) requirements $(ARGS)
