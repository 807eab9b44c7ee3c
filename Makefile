# Each target is one script, so that everything works without make as well.
.DEFAULT_GOAL := help
.PHONY: chaos soak without-compiler fuzz-native
.PHONY: help run test check docs test-long mutants fuzz lab lab-alt lab-all bench bench-quick

help:
	@echo "make run          start the demo on loopback (LISTEN=, HTTP=, STATE=, CONFIG=, PYTHON=)"
	@echo "make test         install what the tests need and run everything"
	@echo "make check        format, lint, types and the fast tests"
	@echo "make docs         these pages as HTML and the manual page, in artifacts/docs"
	@echo "make test-long    the tests that are too slow for every day"
	@echo "make mutants      spoil the code in small ways, and expect a test to notice each"
	@echo "make fuzz         coverage-guided fuzzing, a minute a target (FUZZ= for its options)"
	@echo "make fuzz-native  the native engine under AddressSanitizer (OPTIONS=\"--seconds 600\")"
	@echo "make simulate     days of protocol time against a model (SEED=, SEEDS=, DAYS=)"
	@echo "make without-compiler  install where no C compiler works, and run the tests in pure Python"
	@echo "make lab          the whole pilot network with hosts and traffic, and a report in artifacts/lab (root)"
	@echo "make lab-alt      the ALT pilot network in namespaces, with all it has to show (root)"
	@echo "make lab-all      both of them, one after the other (root)"
	@echo "make bench        speed against a C echo of the same packets (bench-quick: a few rows)"
	@echo "make chaos        kills, reloads, garbage, floods on a live node (OPTIONS=\"--kills 20 ...\")"
	@echo "make soak         hours of load on a live node (OPTIONS=\"--seconds 3600\")"

run:
	@scripts/run.sh

test:
	@scripts/test.sh

check:
	@scripts/check.sh

docs:
	@scripts/docs.sh

test-long:
	@scripts/test.sh long

mutants:
	@scripts/mutants.sh

fuzz:
	@scripts/fuzz.sh $(FUZZ)

fuzz-native:
	@scripts/fuzz_native.sh $(OPTIONS)

simulate:
	@$${VENV:-.venv}/bin/python -m tests.simulation --seed $${SEED:-1} --seeds $${SEEDS:-1} --days $${DAYS:-1}

without-compiler:
	@scripts/without_compiler.sh

lab:
	@scripts/lab.sh

lab-alt:
	@scripts/lab_alt.sh

lab-all: lab
	@scripts/lab_alt.sh

bench:
	@scripts/bench.sh

bench-quick:
	@scripts/bench.sh --quick

chaos:
	@scripts/chaos.sh $(OPTIONS)

soak:
	@scripts/soak.sh $(OPTIONS)

export LISTEN HTTP STATE CONFIG PYTHON VENV SEED SEEDS DAYS
