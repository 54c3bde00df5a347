#!/bin/sh
# run.sh [SECONDS [TARGET...]]: runs each fuzz target, or those named, for SECONDS.
# Inputs that break a target are left in fuzz/artifacts/TARGET; the exit status is then 1.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift

# All of our code but libs/sys forbids unsafe, so no sanitizer: stable Rust will do, and more runs.
sanitizer=none

# Targets that need files make a directory, and do not end in a way that would remove it.
scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TMPDIR="$scratch"

cargo fuzz --version >/dev/null 2>&1 || cargo install --locked --quiet cargo-fuzz
cargo run --quiet --manifest-path fuzz/seeds/Cargo.toml -- fuzz/corpus
[ $# -gt 0 ] || set -- $(cargo fuzz list)
status=0
for target in "$@"; do
    echo "fuzz $target for ${seconds} s"
    cargo fuzz run --sanitizer $sanitizer "$target" -- -max_total_time="$seconds" -max_len=65536 \
        -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 || status=1
done
exit $status
