#!/bin/sh
# Builds once and runs every test; the runner's summary is the last thing printed.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"

images=${CARGO_TARGET_DIR:-target}/images
if [ "$(id -u)" = 0 ]; then
    sh tests/images/debian.sh "$images"
    export TEST_IMAGES="$(cd "$images" && pwd)"
else
    echo "not root: tests that mount or need images of Debian packages will say that they skip"
fi

# A store that leaves out its syncs: the power-cut test must notice it, else it proves nothing.
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --package storetool --features storage/fault-skip-sync
cp "$target/debug/storetool" "$target/debug/storetool-without-sync"
export STORETOOL_WITHOUT_SYNC="$(cd "$target" && pwd)/debug/storetool-without-sync"

cargo build --quiet --workspace --all-targets
if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace --no-fail-fast
fi
exec cargo test --workspace --no-fail-fast
