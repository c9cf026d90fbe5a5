# Tenon: `make demo` shows the main job, `make test` runs the tests; both install
# what is missing first.

PREFIX ?= /usr/local
SWIFT ?= swift
# The standard library is linked in: the program starts quicker and needs no
# Swift on the machine where it runs.
RELEASE = -c release --static-swift-stdlib
PACKAGES = zlib1g-dev libzstd-dev libhdf5-dev hdf5-tools mandoc python3 python3-venv unzip

# How long each fuzzer runs.
SECONDS ?= 60

.PHONY: all deps build demo test lint conformance bench fuzz install clean

all: build

deps:
	@scripts/deps.sh $(PACKAGES)

# libhdf5 lives in a program of its own, which tenon runs.
build: deps
	$(SWIFT) build $(RELEASE) --product tenon-hdf5
	$(SWIFT) build $(RELEASE) --product tenon

demo: build
	@scripts/demo.sh "$$($(SWIFT) build $(RELEASE) --show-bin-path)/tenon"

test: deps lint
	@scripts/test.sh "$(SWIFT)"

lint:
	$(SWIFT) format lint --strict -r Sources Tests Fuzzing/Sources Fuzzing/Package.swift Package.swift

conformance: build
	@scripts/peers.sh
	"$${TENON_VENV:-.venv}/bin/python" Tests/Conformance/run.py \
		"$$($(SWIFT) build $(RELEASE) --show-bin-path)/tenon"

bench: build
	@scripts/peers.sh
	"$${TENON_VENV:-.venv}/bin/python" Benchmarks/merge.py \
		"$$($(SWIFT) build $(RELEASE) --show-bin-path)/tenon"

fuzz: deps
	@scripts/fuzz.sh $(SECONDS)

install: build
	@scripts/install.sh "$$($(SWIFT) build $(RELEASE) --show-bin-path)" "$(DESTDIR)$(PREFIX)"

clean:
	$(SWIFT) package clean
	rm -rf .venv .bench Fuzzing/.build
