#!/bin/sh
# kernels.sh STORETOOL [DIR] - the store on other kernels than this machine's, in qemu.
#
# Debian 12's kernel (6.1) has no erofs from files, no layers by descriptor and no data-only layers;
# Debian 13's (6.12) has fs-verity that overlayfs asks for. Each boots (software emulation, half a
# minute) with an initramfs of busybox and STORETOOL, makes a store on ext4 with fs-verity, imports a
# small layout, mounts, checks, damages. DIR (default: a temporary one) keeps what was downloaded.
# Needs: qemu-system-x86, busybox-static, e2fsprogs, cpio, kmod, python3, apt's archive keyring.
# Prints one line a check; the last is `passed` or the script fails.
set -eu
storetool=$(realpath "${1:?the program}")
here=$(dirname "$(realpath "$0")")
if [ $# -gt 1 ]; then
    mkdir -p "$2"
    work=$(realpath "$2")
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# Downloads and unpacks the newest kernel of a Debian release into $work/RELEASE.
kernel() {
    dir=$work/$1
    [ -d "$dir/boot" ] && return
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $1 main" >"$dir/sources.list"
    set -- "$1" -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root
    release=$1
    shift
    apt-get "$@" -q update >&2
    package=$(apt-cache "$@" depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    (cd "$dir" && apt-get "$@" -q download "$package" >&2 && dpkg-deb -x linux-image-*.deb .)
    rm -rf "$dir/lists" "$dir/cache" "$dir"/*.deb
    echo "$release: $package" >&2
}

# Copies a program and the libraries that it is linked with.
program() {
    cp "$1" "$2/bin/"
    ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -L "$library" "$2$library"
    done
}

boot() {
    dir=$work/$1
    version=$(basename "$dir"/boot/vmlinuz-* | sed 's/^vmlinuz-//')
    root=$work/initramfs-$1
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/mnt" "$root/modules"
    cp "$(command -v busybox)" "$root/bin/busybox"
    program "$storetool" "$root"
    program "$(command -v mkfs.ext4)" "$root"
    base=$dir
    [ -d "$dir/usr/lib/modules" ] && base=$dir/usr
    [ -e "$base/lib/modules/$version/modules.dep" ] || depmod -b "$base" "$version"
    for module in loop crc32c_generic libcrc32c ext4 overlay erofs; do
        modprobe -d "$base" -S "$version" --show-depends --ignore-install "$module" 2>/dev/null || true
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        name=$(basename "$file")
        case $file in
            *.xz) xz -dc "$file" >"$root/modules/${name%.xz}" && echo "${name%.xz}" ;;
            *) cp "$file" "$root/modules/" && echo "$name" ;;
        esac
    done >"$root/modules/order"
    python3 "$here/layout.py" "$root/layout"
    cp "$here/guest.sh" "$root/init"
    chmod 755 "$root/init"
    (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initramfs-$1.gz"
    timeout 300 qemu-system-x86_64 -m 1024 -nographic -no-reboot -nic none \
        -kernel "$dir/boot/vmlinuz-$version" -initrd "$work/initramfs-$1.gz" \
        -append "console=ttyS0 quiet panic=-1 want=$2" </dev/null |
        tr -d '\r' | tee "$work/log-$1" | sed -n "s/^== /$1 $version: /p"
    if ! grep -q '^== passed' "$work/log-$1"; then
        tail -n 30 "$work/log-$1" >&2
        exit 1
    fi
}

kernel bookworm
kernel trixie
boot bookworm plain
boot trixie verity
