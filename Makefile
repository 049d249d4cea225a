# Every target is a line over scripts/, which CI and people call alike. `make TARGET ARGS="…"` passes arguments on;
# HOST=, PORT=, TRAILCAST_DATA_DIR= and PYTHON= may be given the same way, or in the environment.
.PHONY: help run test check format schema lock screenshots bench soak fuzz clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

# exec: the shell gives way to the script and the script to the server, so make has one child, which gets make's signals.
run: ## install, start PostgreSQL, load the demo, serve (ARGS=--live keeps adding events)
	@exec scripts/run $(ARGS)

test: ## install, check, run all tests with the coverage gate (ARGS="tests/ledger -x": only those)
	@exec scripts/test $(ARGS)

check: ## lint, format, types, import law
	@exec scripts/check

format: ## mend and format the code
	@exec scripts/format

schema: ## write schema.graphql from the code
	@exec scripts/schema

lock: ## write the locked requirements (ARGS=--upgrade: with newer versions)
	@exec scripts/lock $(ARGS)

screenshots: ## write docs/images from the console and GraphiQL over the demo
	@exec scripts/screenshots

bench: ## measure, and print ratios (ARGS="fanout --subscribers 1000"; see bench/README.md)
	@exec scripts/bench $(or $(ARGS),fanout)

soak: ## ten long runs under kills and restarts; counts what was lost or repeated (ARGS="--runs 1 --events 2000")
	@exec scripts/soak $(ARGS)

fuzz: ## thousands of requests made at random from the schema; none may earn a 5xx (ARGS="--requests 500 --seed 1")
	@exec scripts/fuzz $(ARGS)

clean: ## remove environments and caches; the data stays
	@exec scripts/clean
