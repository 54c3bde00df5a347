#!/bin/sh
# Makes two images from Debian packages, as OCI layouts, for the demo, the tests and the benchmarks.
#
#   debian.sh DIR        writes DIR/web (tag 1, tag 2); does nothing when they are there already
#
#   web:1   4 layers: Debian, a Java runtime, nginx, a site        about 150 MB compressed
#   web:2   2 layers: /usr, and all the rest; a newer site         the same files, other layers
#
# Needs root, mmdebstrap and pigz. A layer is what changed since the one below, whiteouts included.
set -eu

die() { echo "debian.sh: $*" >&2; exit 1; }

# --- called back by mmdebstrap inside its run: debian.sh --stages OUT ROOT ---

# a list of what lies below ROOT, NUL-separated: find's tests may follow. What a running system fills stays out.
walk() {
    root=$1
    shift
    (cd "$root" && LC_ALL=C find . -xdev -mindepth 1 \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp \
        -o -path './var/lib/apt/lists/*' -o -path './var/cache/apt/*' \) -prune -o "$@" -print0)
}

listing() { walk "$1" | tr '\0' '\n' | LC_ALL=C sort; }

# pack TAR DIR LIST [DIR LIST]...
pack() {
    tarball=$1
    shift
    rm -f "$tarball"
    while [ $# -gt 0 ]; do
        tar --append --file "$tarball" --format=posix --numeric-owner --no-recursion --xattrs \
            --pax-option=delete=atime,delete=ctime --directory "$1" --null --files-from "$2"
        shift 2
    done
}

# the directories that a container's mounts lie on
skeleton() {
    rm -rf "$1/skeleton"
    mkdir -p "$1/skeleton/proc" "$1/skeleton/sys" "$1/skeleton/dev" "$1/skeleton/run" "$1/skeleton/tmp"
    chmod 555 "$1/skeleton/proc" "$1/skeleton/sys"
    chmod 1777 "$1/skeleton/tmp"
    printf './proc\0./sys\0./dev\0./run\0./tmp\0' >"$1/skeleton.list"
}

# packs what changed below ROOT since the last stage as OUT/NAME.tar, removed names as whiteouts
stage() {
    name=$1 out=$2 root=$3
    listing "$root" >"$out/after"
    walk "$root" -cnewer "$out/stamp" >"$out/changed"
    rm -rf "$out/whiteouts"
    mkdir "$out/whiteouts"
    if [ -s "$out/before" ]; then
        LC_ALL=C comm -23 "$out/before" "$out/after" | while IFS= read -r gone; do
            parent=$(dirname "$gone")
            [ -d "$root/$parent" ] || continue
            mkdir -p "$out/whiteouts/$parent"
            : >"$out/whiteouts/$parent/.wh.$(basename "$gone")"
        done
    fi
    (cd "$out/whiteouts" && find . -name '.wh.*' -print0) >"$out/gone"
    pack "$out/$name.tar" "$root" "$out/changed" "$out/whiteouts" "$out/gone"
    mv "$out/after" "$out/before"
    touch "$out/stamp"
    sleep 0.1 # the kernel's clock of ctime is coarse: what changes at once is not newer than the stamp
}

install() {
    root=$1
    shift
    # Java's scripts want /proc; the layers must not see that it was mounted.
    unshare --mount sh -ec 'mount -t proc proc "$1/proc"; root=$1; shift
        exec chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "$@"' \
        install "$root" "$@" >"$out/apt.log" 2>&1 || { cat "$out/apt.log" >&2; exit 1; }
    chroot "$root" apt-get clean
}

site() { # VERSION ROOT
    mkdir -p "$2/srv/site"
    echo "hello from web:$1" >"$2/srv/site/index.html"
    cat >"$2/etc/nginx/nginx.conf" <<'CONF'
worker_processes 1;
pid /run/nginx.pid;
events { worker_connections 64; }
http {
    access_log off;
    error_log stderr;
    client_body_temp_path /tmp/body;
    server {
        listen 127.0.0.1:18080;
        root /srv/site;
    }
}
CONF
}

stages() {
    out=$1 root=$2
    : >"$out/before"
    touch --date=@0 "$out/stamp"
    skeleton "$out"
    stage debian "$out" "$root"
    tar --append --file "$out/debian.tar" --numeric-owner --no-recursion --directory "$out/skeleton" --null --files-from "$out/skeleton.list"
    install "$root" default-jre-headless
    stage java "$out" "$root"
    install "$root" nginx-light
    stage nginx "$out" "$root"
    site 1 "$root"
    stage site "$out" "$root"
    # the second image: the same files, cut elsewhere
    site 2 "$root"
    walk "$root" \( -path ./usr -o -path './usr/*' \) >"$out/usr.list"
    walk "$root" ! -path ./usr ! -path './usr/*' >"$out/rest.list"
    pack "$out/usr.tar" "$root" "$out/usr.list"
    pack "$out/rest.tar" "$out/skeleton" "$out/skeleton.list" "$root" "$out/rest.list"
}

# --- the layout ---

blob() { # FILE: moves it among the blobs, prints its digest
    hex=$(sha256sum "$1" | cut -d' ' -f1)
    mv "$1" "$layout/blobs/sha256/$hex"
    echo "sha256:$hex"
}

image() { # TAG LAYER...: writes config and manifest, prints the index entry
    tag=$1
    shift
    layers= diff_ids= history=
    for name in "$@"; do
        diff_ids="$diff_ids,\"sha256:$(sha256sum "$work/$name.tar" | cut -d' ' -f1)\""
        history="$history,{\"created\":\"$created\",\"created_by\":\"debian.sh $name\"}"
        pigz --no-name -6 <"$work/$name.tar" >"$work/$name.tar.gz"
        size=$(stat -c %s "$work/$name.tar.gz")
        layers="$layers,{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"$(blob "$work/$name.tar.gz")\",\"size\":$size}"
    done
    printf '{"created":"%s","architecture":"%s","os":"linux","config":{"ExposedPorts":{"18080/tcp":{}},"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["nginx","-g","daemon off;"],"Labels":{"org.opencontainers.image.title":"web","org.opencontainers.image.version":"%s"},"StopSignal":"SIGQUIT"},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
        "$created" "$arch" "$tag" "${diff_ids#,}" "${history#,}" >"$work/config"
    config_size=$(stat -c %s "$work/config")
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[%s]}' \
        "$(blob "$work/config")" "$config_size" "${layers#,}" >"$work/manifest"
    manifest_size=$(stat -c %s "$work/manifest")
    printf '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}' \
        "$(blob "$work/manifest")" "$manifest_size" "$tag"
}

if [ "${1:-}" = --stages ]; then
    stages "$2" "$3"
    exit
fi

dir=${1:?usage: debian.sh DIR}
[ -e "$dir/web/index.json" ] && exit 0
[ "$(id -u)" = 0 ] || die "needs root, for mmdebstrap"
for tool in mmdebstrap pigz tar sha256sum; do
    command -v "$tool" >/dev/null || die "needs $tool; on Debian: apt-get install $tool"
done

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
created=2024-01-01T00:00:00Z
arch=$(dpkg --print-architecture)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

mmdebstrap --quiet --variant=minbase --format=null \
    --customize-hook="sh '$(readlink -f "$0")' --stages '$work' \"\$1\"" "$release" /dev/null

layout=$work/web
mkdir -p "$layout/blobs/sha256"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
one=$(image 1 debian java nginx site)
two=$(image 2 usr rest)
printf '{"schemaVersion":2,"manifests":[%s,%s]}' "$one" "$two" >"$layout/index.json"
mv "$layout" "$dir/web"
