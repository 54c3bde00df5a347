# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
PROGRAMS = skopeo-rs storetool ocitool
TARGET = $(or $(CARGO_TARGET_DIR),target)

# Programs are built one by one: together, ocitool would be linked with what the others need.
RELEASE = env $$(sh contrib/static-openssl.sh) $(CARGO) build --release
BUILD_PROGRAMS = for program in $(PROGRAMS); do $(RELEASE) $(QUIET) --package $$program || exit 1; done

.PHONY: help demo test build check fmt lint man completions bench soak fuzz install

help: ## lists these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo bench: QUIET = --quiet

demo: ## from a registry to a running container, on real input, every command shown
	@sh contrib/packages.sh demo
	@[ -x $(TARGET)/release/storetool ] || echo "building release binaries; the first time takes some minutes"
	@$(BUILD_PROGRAMS)
	@PATH="$(abspath $(TARGET))/release:$$PATH" sh contrib/demo.sh $(TARGET)/demo

test: ## all tests: unit, parity with the originals, privileged, end to end
	@sh contrib/packages.sh test
	@sh tests/run.sh

check: ## what must hold before a commit: format, lints, rows of crates, generated files
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --package fuzz --package seeds --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	@# Nothing is linked, so any file stands for libFuzzer, which is C++ and takes long.
	CUSTOM_LIBFUZZER_PATH=$(abspath fuzz/Cargo.toml) $(CARGO) check --manifest-path fuzz/Cargo.toml --workspace \
	    --locked --quiet --target-dir $(TARGET)
	$(CARGO) xtask depcheck
	$(CARGO) xtask man --check
	$(CARGO) xtask completions --check
	$(CARGO) xtask coverage
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check licenses bans sources; \
	else echo "cargo-deny is not installed: licences and banned crates are not checked"; fi

fmt: ## formats the code
	$(CARGO) fmt --all

man: ## writes man/ from the grammar of the programs
	$(CARGO) xtask man

completions: ## writes contrib/completions/ likewise
	$(CARGO) xtask completions

build: ## release binaries
	@sh contrib/packages.sh build
	@$(BUILD_PROGRAMS)

install: ## installs what `make build` made, below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for program in $(PROGRAMS); do \
	    install -m 0755 $(TARGET)/release/$$program $(DESTDIR)$(PREFIX)/bin/ && \
	    install -m 0644 man/$$program*.1 $(DESTDIR)$(PREFIX)/share/man/man1/ && \
	    install -m 0644 contrib/completions/$$program.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$program && \
	    install -m 0644 contrib/completions/_$$program $(DESTDIR)$(PREFIX)/share/zsh/site-functions/ && \
	    install -m 0644 contrib/completions/$$program.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ \
	    || exit 1; done

bench: ## our figures beside those of Debian's tools, measured in one run
	@sh contrib/packages.sh bench
	@$(RELEASE) --quiet --package storetool --features storage/fault-skip-all-syncs
	@cp $(TARGET)/release/storetool $(TARGET)/release/storetool-without-sync
	@$(BUILD_PROGRAMS)
	@PATH="$(abspath $(TARGET))/release:$$PATH" python3 benches/run.py $(TARGET)/bench

soak: ## the slow ones: every kill point, many power cuts, older kernels
	@sh contrib/packages.sh soak
	SOAK=1 sh tests/run.sh
	sh tests/qemu/kernels.sh $(TARGET)/debug/storetool $(TARGET)/qemu

fuzz: ## each fuzz target for SECONDS (60)
	@sh contrib/packages.sh fuzz
	sh fuzz/run.sh $(or $(SECONDS),60)
