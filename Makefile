# make build   bin/highball
# make test    every test
# make check   what must hold before a change goes in: form, vet and builds for four systems, staticcheck, tests under
#              the race detector, and the tools' own
# make bench   highball beside other servers, see docs/performance.md; BENCH="-only static -rounds 3" narrows it
# make prove   what the built program bears: large real folders, slow attackers, no descriptors, abuse, Python workers that
#              die, leak and hang; PROVE="-only crawl" narrows it
# make fuzz    every fuzzer for FUZZTIME

GO        ?= go
FUZZTIME  ?= 20s
BENCH     ?=
PROVE     ?=
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64
# Packages are tested in the order in which they are named. That which takes longest begins first, lest it be at work alone at the end.
LONGEST   := ./internal/gateway

.DELETE_ON_ERROR:
.PHONY: build test check format cross lint race tools bench prove fuzz clean

# The version is what the Go command finds out from git, if it is there: a tag, or a revision and its time.
build:
	$(GO) build -trimpath -buildvcs=auto -o bin/highball ./cmd/highball

test:
	$(GO) test $(LONGEST) ./...

check: format cross lint race tools

format:
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path '*/testdata/*')); \
	if [ -n "$$unformatted" ]; then echo "gofmt these:" >&2; echo "$$unformatted" >&2; exit 1; fi

# Only the host can run what it builds; that the rest is sound, tests included, is for vet to say.
cross:
	@set -e; for platform in $(PLATFORMS); do \
		echo "build and vet for $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0; \
		$(GO) build ./...; \
		$(GO) vet ./...; \
	done

lint: bin/staticcheck
	bin/staticcheck ./...
	cd tools && ../bin/staticcheck ./...

# Its version is pinned in the tools' module.
bin/staticcheck: tools/go.mod tools/go.sum
	$(GO) -C tools build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

race:
	$(GO) test -race $(LONGEST) ./...

tools:
	cd tools && $(GO) vet ./... && $(GO) test ./...

bench: build
	$(GO) -C tools run ./bench -highball ../bin/highball $(BENCH)

prove: build
	$(GO) -C tools run ./prove -highball ../bin/highball $(PROVE)

fuzz:
	@set -e; for package in $$($(GO) list ./...); do \
		for fuzzer in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$fuzzer"; \
			$(GO) test -run '^$$' -fuzz "^$$fuzzer\$$" -fuzztime $(FUZZTIME) -parallel 1 $$package; \
		done; \
	done

clean:
	rm -rf bin
