#!/usr/bin/env python3
"""Our figures beside those of Debian's tools, measured in one run.

  run.py DIR [NAME...]      DIR holds the images and the scratch disks; NAME picks benchmarks

Each measurement is a whole process tree: wall seconds, CPU seconds (user and system, children
included), peak resident memory of its largest process, and blocks read and written. Sides alternate,
and the median counts. What writes many files gets a fresh ext4 on a loop device for each run: ext4 is
slow to reuse inodes that were deleted in the last minutes, which would punish whoever runs second.
Goals are ratios to the peer of the same run. A missed goal is printed, never an error.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
POLICY = '{"default":[{"type":"insecureAcceptAnything"}]}'
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=20000:20000","nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""


class Figures:
    def __init__(self, wall, cpu, rss, read, written):
        self.wall, self.cpu, self.rss, self.read, self.written = wall, cpu, rss, read, written

    def __str__(self):
        return (f"{self.wall:8.3f} s wall {self.cpu:8.3f} s CPU {self.rss / 2**20:7.1f} MiB"
                f" {self.read / 2**20:8.1f} MiB read {self.written / 2**20:8.1f} MiB written")


def measure(command, env=None, stdout=subprocess.DEVNULL):
    """Runs command (a list, or a line for sh) to its end and returns its figures."""
    if isinstance(command, str):
        command = ["sh", "-euc", command]
    errors, memory = tempfile.TemporaryFile(), tempfile.NamedTemporaryFile()
    # A child's peak memory begins with that of whoever forked it: GNU time is smaller than Python.
    command = ["/usr/bin/time", "--quiet", "-o", memory.name, "-f", "%M", *command]
    start = time.monotonic()
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        errors.seek(0)
        sys.exit(f"{command}: status {child.returncode}\n{errors.read().decode(errors='replace')}")
    return Figures(wall, usage.ru_utime + usage.ru_stime, int(memory.read()) * 1024,
                   usage.ru_inblock * 512, usage.ru_oublock * 512)


def median(runs):
    pick = lambda key: statistics.median(getattr(run, key) for run in runs)
    return Figures(pick("wall"), pick("cpu"), max(run.rss for run in runs), pick("read"), pick("written"))


@contextlib.contextmanager
def disk(scratch, gib=4):
    """A fresh ext4, mounted."""
    image, mount = scratch / "disk.img", scratch / "disk"
    mount.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(gib << 30)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-R", mount], check=True)
        image.unlink()


@contextlib.contextmanager
def registry(scratch):
    """Debian's docker-registry on a free loopback port."""
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = "127.0.0.1:%d" % probe.getsockname()[1]
    configuration = scratch / "registry.yml"
    configuration.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {scratch}/registry}}}}\nhttp: {{addr: \"{host}\"}}\n")
    child = subprocess.Popen(["docker-registry", "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{host}/v2/", timeout=1).read()
                break
            except OSError:
                time.sleep(0.05)
        yield host
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


class Bench:
    def __init__(self, scratch, images, host):
        self.scratch, self.images, self.host = scratch, images, host
        self.policy = scratch / "policy.json"
        self.policy.write_text(POLICY)
        conf = scratch / "containers.conf"
        conf.write_text(CONTAINERS_CONF)
        self.env = {**os.environ, "CONTAINERS_CONF": str(conf)}
        self.missed = []

    # what is measured

    def goal(self, what, ours, goal):
        verdict = "ok" if ours <= goal else "MISSED"
        if ours > goal:
            self.missed.append(f"{what}: {ours:.2f}, goal {goal}")
        print(f"    {what:58} {ours:8.2f}   goal {goal:<6} {verdict}")

    def pair(self, title, ours, theirs, runs, wall=None, cpu=None, rss=None):
        print(f"\n{title}")
        mine, peer = [], []
        for _ in range(runs):
            mine.append(ours())
            peer.append(theirs())
        mine, peer = median(mine), median(peer)
        print(f"    ours {mine}\n    peer {peer}")
        if wall:
            self.goal("wall, ratio to the peer", mine.wall / peer.wall, wall)
        if cpu:
            self.goal("CPU, ratio to the peer", mine.cpu / peer.cpu, cpu)
        if rss:
            self.goal("peak memory, MiB", mine.rss / 2**20, rss)
        return mine, peer

    def push(self, name, layout):
        subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", layout,
                        f"docker://{self.host}/{name}"], check=True, stdout=subprocess.DEVNULL)

    def pull(self, store, name, *more):
        return ["storetool", "--root", str(store), "pull", "--quiet", "--policy", str(self.policy), "--tls-verify=false",
                f"docker://{self.host}/{name}", *more]

    def podman_pull(self, mount):
        return ["podman", "--root", mount / "root", "--runroot", mount / "run", "pull", "--quiet", "--tls-verify=false", f"{self.host}/web:1"]

    # the benchmarks

    def inspect(self):
        name = f"docker://{self.host}/web:1"
        self.pair("inspect on loopback (peer: skopeo)",
                  lambda: measure(["skopeo-rs", "inspect", "--tls-verify=false", name]),
                  lambda: measure(["skopeo", "inspect", "--tls-verify=false", name]), 21, wall=0.4, cpu=0.4)

    def copy(self):
        for name, title in (("web:1", "150 MB"), ("double:1", "300 MB")):
            def side(program):
                with disk(self.scratch) as mount:
                    return measure([program, "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false",
                                    f"docker://{self.host}/{name}", f"oci:{mount}/layout:1"])
            self.pair(f"copy registry to oci:, {title} (peer: skopeo)", lambda: side("skopeo-rs"), lambda: side("skopeo"), 5,
                      wall=0.5, cpu=0.4, rss=64)

    def pull_image(self):
        def ours():
            with disk(self.scratch) as mount:
                return measure(self.pull(mount / "store", "web:1"))

        def podman():
            with disk(self.scratch) as mount:
                return measure(self.podman_pull(mount), env=self.env)

        def tar():
            with disk(self.scratch) as mount:
                layers = self.layers("1")
                return measure(" && ".join(f"gzip -dc {layer} | tar -x -C {mount}" for layer in layers) + f" && sync -f {mount}")

        self.pair("pull into the store (peer: podman pull)", ours, podman, 3, wall=0.25, cpu=0.33, rss=64)
        self.pair("pull into the store (peer: gzip -dc | tar -x of its layers, synced)", ours, tar, 3, wall=0.5)

    def sync(self):
        """What the syncs of a pull cost: the same pull by a build that leaves them out."""
        def pull(program):
            with disk(self.scratch) as mount:
                return measure([program, *self.pull(mount / "store", "web:1")[1:]])

        def podman():
            with disk(self.scratch) as mount:
                return measure(self.podman_pull(mount), env=self.env)

        print("\nwhat syncing costs a pull")
        runs = [(pull("storetool"), pull("storetool-without-sync"), podman()) for _ in range(3)]
        synced, unsynced, podman = (median(side) for side in zip(*runs))
        print(f"    synced   {synced}\n    unsynced {unsynced}\n    podman   {podman}")
        self.goal("wall of the syncs, share of podman's pull", (synced.wall - unsynced.wall) / podman.wall, 0.15)

    def layers(self, tag):
        blobs = self.images / "web/blobs"
        read = lambda digest: json.loads((blobs / digest.replace(":", "/")).read_bytes())
        index = json.loads((self.images / "web/index.json").read_bytes())
        manifest = next(m["digest"] for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == tag)
        return [blobs / layer["digest"].replace(":", "/") for layer in read(manifest)["layers"]]

    def shared(self):
        print("\npull of a second image that shares its files in other layers")
        with disk(self.scratch) as mount:
            used = lambda: (subprocess.run(["sync", "-f", mount], check=True), (lambda s: (s.f_blocks - s.f_bfree) * s.f_frsize)(os.statvfs(mount)))[1]
            start = used()
            measure(self.pull(mount / "store", "web:1"))
            first = used()
            figures = measure(self.pull(mount / "store", "web:2"))
            second = used()
            print(f"    ours {figures}\n    first image {(first - start) / 2**20:.1f} MiB, second {(second - first) / 2**20:.1f} MiB more")
            self.goal("growth, share of the first image's size", (second - first) / (first - start), 0.1)

    def mount(self):
        print("\nmount (no peer: the goal is 10 ms)")
        for title, files, size, layers in (("10 MB, 3 layers", 30, 10 << 20, 3), ("1 GB, 3 layers", 3000, 1 << 30, 3), ("10 MB, 100 layers", 300, 10 << 20, 100)):
            layout = self.synthetic(f"mount-{layers}-{size}", layers, files, size)
            with disk(self.scratch) as mount:
                store = ["storetool", "--root", str(mount / "store")]
                measure([*store, "pull", "--quiet", "--policy", str(self.policy), f"oci:{layout}:latest"])
                image = subprocess.run([*store, "images", "--quiet"], check=True, capture_output=True, text=True).stdout.split()[0]
                walls = []
                for _ in range(11):
                    walls.append(measure([*store, "mount", image]).wall)
                    measure([*store, "umount", image])
                self.goal(f"{title}, ms for the whole process", statistics.median(walls) * 1000, 10)

    def memory(self):
        print("\npeak memory of a pull and a copy, MiB")
        for title, layers, files, size in (("100 MB", 1, 500, 100 << 20), ("2 GB", 1, 500, 2 << 30), ("50,000 files", 2, 50_000, 100 << 20)):
            layout = self.synthetic(f"memory-{size}-{files}", layers, files, size)
            with disk(self.scratch, gib=8) as mount:
                figures = measure(["storetool", "--root", str(mount / "store"), "pull", "--quiet", "--policy", str(self.policy), f"oci:{layout}:latest"])
                self.goal(f"pull, {title}", figures.rss / 2**20, 64)
            with disk(self.scratch, gib=8) as mount:
                figures = measure(["skopeo-rs", "--insecure-policy", "copy", "--quiet", f"oci:{layout}:latest", f"dir:{mount}/copy"])
                self.goal(f"copy, {title}", figures.rss / 2**20, 64)

    def synthetic(self, name, layers, files, size):
        """A layout of `layers` layers with `files` files that together have `size` bytes; made once."""
        layout = self.scratch.parent / "synthetic" / name
        if (layout / "index.json").exists():
            return layout
        blobs = layout / "blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        rng = random.Random(name)
        block = rng.randbytes(1 << 20)
        descriptors, diff_ids = [], []
        for layer in range(layers):
            path = layout / "layer.tar"
            with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
                for number in range(files // layers):
                    info = tarfile.TarInfo(f"usr/share/l{layer}/d{number // 100}/f{number}")
                    info.size = size // files
                    info.mode, info.mtime = 0o644, 1_700_000_000
                    tar.addfile(info, Content(info.size, block, rng.randbytes(16)))
            diff_ids.append("sha256:" + sha256(path))
            subprocess.run(["pigz", "-1", "--no-name", path], check=True)
            packed = layout / "layer.tar.gz"
            digest = sha256(packed)
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + digest, "size": packed.stat().st_size})
            packed.rename(blobs / digest)

        def put(value):
            data = json.dumps(value).encode()
            digest = hashlib.sha256(data).hexdigest()
            (blobs / digest).write_bytes(data)
            return {"digest": "sha256:" + digest, "size": len(data)}
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        config = put({"architecture": machine, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        manifest = put({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config}, "layers": descriptors})
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest, "annotations": {"org.opencontainers.image.ref.name": "latest"}}
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return layout

    def double(self):
        """An image of 300 MB: the layers of both images, one set on the other."""
        layout = self.scratch / "double"
        blobs = layout / "blobs/sha256"
        blobs.mkdir(parents=True)
        for blob in (self.images / "web/blobs/sha256").iterdir():
            os.link(blob, blobs / blob.name) if os.stat(blob).st_dev == os.stat(blobs).st_dev else shutil.copy(blob, blobs)
        index = json.loads((self.images / "web/index.json").read_bytes())
        manifests = [json.loads((blobs / m["digest"][7:]).read_bytes()) for m in index["manifests"]]
        configs = [json.loads((blobs / m["config"]["digest"][7:]).read_bytes()) for m in manifests]
        configs[0]["rootfs"]["diff_ids"] += configs[1]["rootfs"]["diff_ids"]
        configs[0]["history"] += configs[1]["history"]
        manifests[0]["layers"] += manifests[1]["layers"]

        def put(value):
            data = json.dumps(value).encode()
            digest = hashlib.sha256(data).hexdigest()
            (blobs / digest).write_bytes(data)
            return "sha256:" + digest, len(data)
        manifests[0]["config"]["digest"], manifests[0]["config"]["size"] = put(configs[0])
        entry = index["manifests"][0]
        entry["digest"], entry["size"] = put(manifests[0])
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return layout


class Content:
    """Bytes that do not compress, made as they are read: a block that each file shifts by its own salt."""

    def __init__(self, size, block, salt):
        self.left, self.block, self.salt = size, block, salt

    def read(self, count):
        count = min(count, self.left)
        self.left -= count
        data = bytearray()
        while len(data) < count:
            self.salt = hashlib.sha256(self.salt).digest()
            shift = int.from_bytes(self.salt[:3], "big") % len(self.block)
            data += self.salt + self.block[shift:shift + min(count - len(data), 1 << 16)]
        return bytes(data[:count])


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_rate(scratch):
    """Bytes per second of a synced write: below some 100 MiB/s all that writes waits for the disk."""
    block = random.Random(0).randbytes(1 << 20)
    start = time.monotonic()
    with open(scratch / "rate", "wb") as file:
        for _ in range(256):
            file.write(block)
        os.fsync(file.fileno())
    rate = (256 << 20) / (time.monotonic() - start)
    (scratch / "rate").unlink()
    return rate


def main():
    if os.geteuid() != 0:
        sys.exit("run.py: needs root, for the scratch disks and for mounts")
    base = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or ["inspect", "copy", "pull_image", "sync", "shared", "mount", "memory"]
    images = base.parent / "images"
    subprocess.run(["sh", HERE.parent / "tests/images/debian.sh", images], check=True)
    scratch = base / "work"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for program in ("skopeo", "podman"):
        print(subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip())
    print("Linux", os.uname().release, "on", os.cpu_count(), "cores, load", os.getloadavg()[0])
    print(f"the disk takes {disk_rate(scratch) / 2**20:.0f} MiB/s")
    with registry(scratch) as host:
        bench = Bench(scratch, images, host)
        bench.push("web:1", f"oci:{images}/web:1")
        bench.push("web:2", f"oci:{images}/web:2")
        if "copy" in names:
            bench.push("double:1", f"oci:{bench.double()}:1")
        for name in names:
            getattr(bench, name)()
    shutil.rmtree(scratch)
    print("\nall goals met" if not bench.missed else "\nmissed:\n  " + "\n  ".join(bench.missed))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
