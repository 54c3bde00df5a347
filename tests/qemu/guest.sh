#!/bin/busybox sh
# Runs as the first process of the machine that kernels.sh boots; lines that start with == are its result.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp CONTAINERS_POLICY_JSON=/tmp/policy.json STORETOOL_ROOT=/mnt/store
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
end() { sync; poweroff -f; }
fail() { echo "== FAILED: $*"; end; }
while read -r module; do insmod "/modules/$module"; done </modules/order
want=$(sed -n 's/.*want=\([a-z]*\).*/\1/p' /proc/cmdline)
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/tmp/policy.json

truncate -s 256M /tmp/disk
mkfs.ext4 -q -b 4096 -O verity /tmp/disk || fail mkfs
mount -o loop /tmp/disk /mnt || fail "mounting ext4"
loops() { losetup -a | wc -l; }
before=$(loops)

storetool pull -q oci:/layout:t --name img >/tmp/out 2>&1 || fail "pull: $(cat /tmp/out)"
! grep -q note /tmp/out || fail "pull said $(cat /tmp/out)"
storetool info >/tmp/info || fail info
echo "== $(grep ^driver /tmp/info | tr -s ' '), $(grep ^verity /tmp/info | tr -s ' ')"
case $want in
    plain) grep -q 'erofs from a loop device, overlay without data-only layers' /tmp/info || fail "the way" ;;
    verity) grep -q 'overlay by path' /tmp/info && grep -q 'verity *yes' /tmp/info || fail "the way, or verity" ;;
esac

# What the tree must look like, wherever it is mounted.
look() {
    found=$(cd "$1" && find . | sort | tr '\n' ' ')
    [ "$found" = ". ./5d ./d ./d/large ./d/small ./link ./soft " ] || fail "$2: $found"
    cmp -s /tmp/large "$1/d/large" || fail "$2: content of d/large"
    cmp -s /tmp/large "$1/link" || fail "$2: content of link"
    [ "$(cat "$1/soft") $(wc -c <"$1/5d")" = "small 5000" ] || fail "$2: content of soft, 5d"
    [ "$(stat -c %h "$1/link")" = 2 ] || fail "$2: links"
}
i=0
while [ $i -lt 50000 ]; do printf 'large '; i=$((i + 1)); done >/tmp/large
root=$(storetool mount img) || fail mount
look "$root" "the mount"
echo "== the mounted tree is right"
storetool umount img >/dev/null || fail umount
id=$(storetool containers create img) || fail "containers create"
root=$(storetool mount "$id") || fail "mount of a container"
look "$root" "the container"
echo changed >"$root/d/small" && echo new >"$root/d/new" && rm "$root/link" || fail "writing in the container"
[ "$(storetool diff "$id" | wc -l)" -ge 3 ] || fail "diff: $(storetool diff "$id")"
storetool containers rm "$id" >/dev/null || fail "containers rm"
echo "== a container can be written"
storetool fsck >/tmp/out 2>&1 || fail "fsck: $(cat /tmp/out)"
i=0
while [ "$(loops)" != "$before" ] && [ $i -lt 20 ]; do sleep 1; i=$((i + 1)); done
[ "$(loops)" = "$before" ] || fail "loop devices: $(losetup -a)"
! grep -q /mnt/store /proc/mounts || fail "mounts stay"
echo "== nothing stays attached"

# Damage: the large file gets other bytes of the same length.
object=$(find /mnt/store/objects -type f -size +200k | head -n 1)
if [ "$want" = verity ]; then
    ! (echo x >>"$object") 2>/dev/null || fail "an object with fs-verity can be written"
fi
sed s/large/LARGE/g "$object" >/tmp/other
rm "$object" && cp /tmp/other "$object"
root=$(storetool mount img) || fail "mount of a damaged image"
if [ "$want" = verity ]; then
    ! cat "$root/d/large" >/dev/null 2>&1 || fail "the kernel shows damaged content"
    echo "== the kernel refuses a damaged object"
fi
storetool umount img >/dev/null
! storetool fsck >/tmp/out 2>&1 || fail "fsck sees no damage"
grep -q "${object##*/}" /tmp/out || fail "fsck: $(cat /tmp/out)"
echo "== fsck finds the damaged object"
echo "== passed"
end
