#!/bin/sh
# Installs the Debian packages that a target of the Makefile needs, and only those that are missing.
#
#   packages.sh build|demo|test|bench|soak|fuzz...
set -eu

build="gcc libc6-dev cmake make pkg-config libssl-dev zlib1g-dev libclang-dev"
demo="mount util-linux docker-registry gnupg runc mmdebstrap pigz curl jq"
test="$demo crun podman skopeo umoci apache2-utils busybox-static e2fsprogs btrfs-progs xfsprogs attr bzip2 xz-utils zstd openssl python3 strace util-linux uidmap golang-github-containers-common docker.io"
bench="$test time"
soak="$test qemu-system-x86 cpio kmod debian-archive-keyring"
# libFuzzer is C++.
fuzz="g++"

wanted=
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    demo) wanted="$wanted $build $demo" ;;
    test) wanted="$wanted $build $test" ;;
    bench) wanted="$wanted $build $bench" ;;
    soak) wanted="$wanted $build $soak" ;;
    fuzz) wanted="$wanted $build $fuzz" ;;
    *) echo "packages.sh: no such set: $set" >&2; exit 2 ;;
    esac
done

missing=
for package in $wanted; do
    case " $missing " in *" $package "*) continue ;; esac
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "packages.sh: as root: apt-get install$missing" >&2; exit 1; }
    sudo=sudo
fi
echo "installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
