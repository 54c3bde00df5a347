#!/bin/sh
# The main job, on real input: an image goes from a registry, signed and checked, into the store,
# and is started from there. Each command is printed before it runs.
#
#   demo.sh DIR      DIR keeps the images between runs; all else in it is made anew
set -eu

# a proxy does not see this machine's loopback
export no_proxy="127.0.0.1${no_proxy:+,$no_proxy}" NO_PROXY="127.0.0.1${NO_PROXY:+,$NO_PROXY}"

here=$(dirname "$0")
dir=${1:?usage: demo.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
images=$dir/../images
site_port=18080

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi

step() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
fail() { echo "demo: $*" >&2; exit 1; }

# runs a command line that a reader could type
run() {
    last=$1
    printf '%s$ %s%s\n' "$bold" "$1" "$plain"
    eval "$1"
}

registry_pid= container_pid= last=
take_down() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM
    set +e
    if [ -n "$container_pid" ]; then
        # the first while the runtime is starting it, the second once it runs
        kill "$container_pid" 2>/dev/null
        ocitool kill web KILL 2>/dev/null
        wait "$container_pid" 2>/dev/null
        ocitool delete --force web 2>/dev/null
    fi
    if [ -d store ]; then
        storetool --root store umount --all >/dev/null 2>&1
    fi
    [ -n "$registry_pid" ] && kill "$registry_pid" 2>/dev/null && wait "$registry_pid" 2>/dev/null
    [ -n "$registry_pid" ] && [ "$status" -ne 0 ] && [ -s registry.log ] && echo "demo: the registry's log is $PWD/registry.log" >&2
    GNUPGHOME=$PWD/gnupg gpgconf --kill all 2>/dev/null
    # its chatter is kept out of sight, unless it says why
    case $status$last in [1-9]*gpg\ *) cat gpg.log >&2 ;; esac
    [ "$status" -eq 0 ] || [ -z "$last" ] || echo "demo: stopped with status $status at: $last" >&2
    exit "$status"
}

[ "$(id -u)" = 0 ] || fail "needs root, to mount and to run a container; try: sudo make demo"
! ocitool state web >/dev/null 2>&1 || fail "a container called web is there already; \`$(command -v ocitool) delete --force web\` ends and removes it"
# 7: nobody listens; all else is somebody, whatever he speaks
answer=0
curl --silent --output /dev/null --max-time 2 "http://127.0.0.1:$site_port/" || answer=$?
[ "$answer" = 7 ] || fail "something listens on port $site_port already, which the demo's nginx wants"

step "Two images made from Debian packages (kept in $(readlink -m "$images"))"
[ -e "$images/web/index.json" ] || echo "this takes a minute or two the first time"
sh "$here/../tests/images/debian.sh" "$images"
images=$(cd "$images" && pwd)

mkdir -p "$dir/work"
cd "$dir/work"
# a run that was killed outright could not take its mounts down
[ ! -d store ] || storetool --root store umount --all >/dev/null
find . -xdev -mindepth 1 -delete
trap take_down EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step "A registry on loopback (Debian's docker-registry)"
port=$((20000 + $$ % 10000))
while curl --silent --output /dev/null --max-time 1 "http://127.0.0.1:$port/"; do port=$((port + 1)); done
cat >registry.yml <<CONF
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $PWD/registry}}
http: {addr: "127.0.0.1:$port"}
CONF
docker-registry serve registry.yml >registry.log 2>&1 &
registry_pid=$!
R=127.0.0.1:$port
i=0
until curl --silent --output /dev/null --max-time 2 "http://$R/v2/"; do
    i=$((i + 1))
    [ $i -lt 100 ] || fail "the registry did not come up: $(tail -n 1 registry.log)"
    sleep 0.1
done
echo "R=$R"
ln -s "$images/web" web

step "1. Copy an image into the registry and look at it"
run "skopeo-rs copy --insecure-policy --dest-tls-verify=false oci:web:1 docker://$R/web:1"
run "skopeo-rs copy --insecure-policy --dest-tls-verify=false --quiet oci:web:2 docker://$R/web:2"
run "skopeo-rs list-tags --tls-verify=false docker://$R/web"
run "skopeo-rs inspect --tls-verify=false --format '{{.Name}} {{.Digest}} {{len .Layers}} layers, {{.Architecture}}' docker://$R/web:1"

step "2. Sign it, into a lookaside directory; trust that key and nothing else"
mkdir -m 0700 gnupg
export GNUPGHOME="$PWD/gnupg"
run "gpg --batch --quiet --passphrase '' --quick-generate-key 'Demo <demo@example.org>' ed25519 sign never 2>gpg.log"
fingerprint=$(gpg --batch --quiet --with-colons --list-keys 2>>gpg.log | awk -F: '/^fpr/ {print $10; exit}')
run "gpg --batch --armor --export $fingerprint >demo.pub"
mkdir registries.d lookaside
cat >registries.d/demo.yaml <<CONF
docker:
  $R:
    lookaside: file://$PWD/lookaside
    lookaside-staging: file://$PWD/lookaside
CONF
cat >policy.json <<CONF
{
    "default": [{"type": "reject"}],
    "transports": {
        "docker": {
            "$R/web": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "$PWD/demo.pub"}]
        }
    }
}
CONF
run "cat policy.json"
sign="skopeo-rs --insecure-policy --registries.d registries.d copy --quiet --src-tls-verify=false --dest-tls-verify=false --sign-by $fingerprint"
run "$sign docker://$R/web:1 docker://$R/web:1"
run "find lookaside -type f"

step "3. Pull it into the store; the second image, still unsigned, is refused"
run "storetool --root store pull --policy policy.json --registries.d registries.d --tls-verify=false docker://$R/web:1"
if run "storetool --root store pull --policy policy.json --registries.d registries.d --tls-verify=false docker://$R/web:2"; then
    fail "the unsigned image was not refused"
fi
run "storetool --root store images"

step "4. Mount it, without unpacking, and start the service in it"
run "storetool --root store containers create --name web $R/web:1"
run 'root=$(storetool --root store mount web) && ls "$root"'
run "storetool --root store inspect --config $R/web:1 | ocitool generate --image-config - --rootfs \"\$root\" --network host >config.json"
run "ocitool validate config.json"
last="ocitool run --config config.json web"
printf '%s$ %s &%s\n' "$bold" "$last" "$plain"
ocitool run --config config.json web >container.log 2>&1 &
container_pid=$!
i=0
until curl --silent --fail --output /dev/null --max-time 2 "http://127.0.0.1:$site_port/"; do
    i=$((i + 1))
    if [ $i -ge 100 ] || ! kill -0 "$container_pid" 2>/dev/null; then
        cat container.log >&2
        fail "the service in the container did not answer"
    fi
    sleep 0.1
done
run "curl --silent --show-error --fail http://127.0.0.1:$site_port/"
run "ocitool state web | jq -c '{id, status, rootfs: .bundle}'"

step "5. Sign the second image too; what both hold is stored once"
run "$sign docker://$R/web:2 docker://$R/web:2"
run "storetool --root store pull --policy policy.json --registries.d registries.d --tls-verify=false docker://$R/web:2"
run "storetool --root store du"

step "6. Take everything down"
run "ocitool kill web QUIT"
wait "$container_pid" || fail "the container ended with status $?: $(tail -n 1 container.log)"
container_pid=
run "storetool --root store umount web"
run "storetool --root store containers rm web"
run "storetool --root store fsck"
run "storetool --root store mounted"
kill "$registry_pid" 2>/dev/null || fail "the registry ended before its time"
wait "$registry_pid" 2>/dev/null || true
registry_pid=
last=
! grep -q " $PWD/" /proc/self/mountinfo || fail "something is still mounted below $PWD"
cd "$dir"
rm -rf "$dir/work"
printf '\nNothing is left mounted or running; the images stay in %s.\n' "$images"
