#!/usr/bin/env python3
"""Our figures beside those of Debian's tools, measured in one run.

  run.py DIR [NAME...]      DIR holds the images and the scratch disks; NAME picks benchmarks

Each measurement is a whole process tree: wall seconds, CPU seconds (user and system, children
included), peak resident memory of its largest process, and bytes. Sides alternate, and the median counts. What
writes many files gets a fresh ext4 on a loop device for each run: ext4 is slow to reuse inodes that were deleted in
the last minutes, which would punish whoever runs second. Goals are ratios to the peer of the same run. A missed goal
is printed, with where the time of that side goes, never an error.
"""
import contextlib
import hashlib
import json
import mmap
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
# What is to be the same whatever the size may differ by this much, largest to smallest.
SAME = 1.5
MADV_POPULATE_WRITE = 23


COLUMNS = """Bytes, in MiB:
  read, written   by read(2), write(2), copy_file_range(2) and their kin. recv(2) and send(2), which are how our
                  programs use sockets, are not in it, nor is what comes by mmap; Go's sockets are.
  from, to disk   fetched from a device because the page cache had it not; pages made dirty, less those cut again
  loopback        received over it by anyone on this machine"""
HEADER = "wall s   CPU s  peak MiB     read  written  from disk  to disk  loopback"


class Figures:
    FIELDS = ("wall", "user", "system", "rss", "read", "written", "disk_read", "disk_written", "loopback")

    def __init__(self, **fields):
        self.__dict__.update(fields)

    @property
    def cpu(self):
        return self.user + self.system

    def __str__(self):
        mib = lambda field: getattr(self, field) / 2**20
        return (f"{self.wall:6.3f} {self.cpu:7.3f}  {mib('rss'):8.1f} {mib('read'):8.1f} {mib('written'):8.1f}"
                f"  {mib('disk_read'):9.1f} {mib('disk_written'):8.1f}  {mib('loopback'):8.1f}")


def loopback():
    with open("/proc/net/dev") as devices:
        return next(int(line.split()[1]) for line in devices if line.strip().startswith("lo:"))


def measure(command, env=None, tracer=(), memory=True):
    """Runs command (a list, or a line for bash) to its end and returns its figures, peak memory only if asked to."""
    if isinstance(command, str):
        command = ["bash", "-euo", "pipefail", "-c", command]
    errors, peak = tempfile.TemporaryFile(), tempfile.NamedTemporaryFile()
    null = os.open(os.devnull, os.O_RDWR)
    # A child's peak memory begins with that of whoever forked it: GNU time is smaller than Python.
    meter = ["/usr/bin/time", "--quiet", "-o", peak.name, "-f", "%M"] if memory else []
    command = [*meter, *tracer, *command]
    files = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
    command = [os.fspath(word) for word in command]
    received = loopback()
    start = time.monotonic()
    # Not subprocess, which takes half a millisecond of its own.
    child = os.posix_spawnp(command[0], command, env or os.environ, file_actions=files)
    # What has ended and is not yet waited for still tells its bytes, and those of all that it waited for itself.
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - start
    received = loopback() - received
    with open(f"/proc/{child}/io") as io:
        io = {key: int(value) for key, value in (line.split(": ") for line in io)}
    _, status, usage = os.wait4(child, 0)
    os.close(null)
    status = os.waitstatus_to_exitcode(status)
    if status != 0:
        errors.seek(0)
        sys.exit(f"{command}: status {status}\n{errors.read().decode(errors='replace')}")
    return Figures(wall=wall, user=usage.ru_utime, system=usage.ru_stime, rss=int(peak.read() or 0) * 1024,
                   read=io["rchar"], written=io["wchar"], disk_read=io["read_bytes"],
                   disk_written=io["write_bytes"] - io["cancelled_write_bytes"], loopback=received)


def median(runs):
    figures = Figures(**{field: statistics.median(getattr(run, field) for run in runs) for field in Figures.FIELDS})
    figures.rss = max(run.rss for run in runs)
    return figures


def claim_memory(size=2 << 30):
    """Has the host of a virtual machine give back what memory it took while that was free.

    Else whoever writes first after a pause pays for it, up to twice its own time.
    """
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory, contextlib.suppress(OSError):
        memory.madvise(MADV_POPULATE_WRITE)


@contextlib.contextmanager
def disk(scratch, gib=4):
    """A fresh ext4, mounted."""
    image, mount = scratch / "disk.img", scratch / "disk"
    mount.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(gib << 30)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    loop = ["losetup", "--direct-io=on", "--find", "--show", image]
    device = subprocess.run(loop, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        subprocess.run(["mount", device, mount], check=True)
        claim_memory()
        try:
            yield mount
        finally:
            subprocess.run(["umount", "-R", mount], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
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
        self.tracer = ()
        self.missed = []

    # what is measured

    def measure(self, command, **more):
        return measure(command, tracer=self.tracer, **more)

    def brief(self, command):
        """Measures what takes milliseconds, as many as GNU time takes: its memory in a run of its own."""
        run = self.measure(command, memory=False)
        run.rss = self.measure(command).rss
        return run

    def goal(self, what, ours, goal, side=None):
        """Compares; when missed, side is run again to say why."""
        met = ours <= goal
        print(f"    {what:58} {ours:8.2f}   goal {goal:<6.4g} {'ok' if met else 'MISSED'}")
        if not met:
            self.missed.append(f"{self.title}: {what}: {ours:.2f}, goal {goal:.4g}")
            if side:
                self.explain(side)

    def explain(self, side):
        """Where the time of a side goes: its shares of the wall, and the calls that the kernel worked longest for."""
        run = side()
        waiting = max(0, run.wall - run.cpu)
        share = lambda seconds: f"{seconds / run.wall:.0%}"
        print(f"      once more: {run.wall:.3f} s wall, of which user {share(run.user)}, system {share(run.system)}"
              f" (of {os.cpu_count()} cores), waiting at least {share(waiting)}")
        with tempfile.NamedTemporaryFile("r") as calls:
            self.tracer = ("strace", "-c", "-f", "-U", "time-percent,total-time,calls,name", "-o", calls.name)
            try:
                side()
            finally:
                self.tracer = ()
            print("".join(f"      {line}" for line in calls.readlines()[:8]), end="")

    def begin(self, title):
        self.title = title
        print(f"\n{title}\n    {'':28} {HEADER}")

    def sides(self, title, runs, sides):
        """Runs the sides, by name, in turn; their medians, in their order."""
        self.begin(title)
        turns = [[side() for side in sides.values()] for _ in range(runs)]
        medians = [median(side) for side in zip(*turns)]
        for name, figures in zip(sides, medians):
            print(f"    {name:28} {figures}")
        return medians

    def ratios(self, ours, peer, side, wall=None, cpu=None, rss=None):
        if wall:
            self.goal("wall, ratio to the peer", ours.wall / peer.wall, wall, side)
        if cpu:
            self.goal("CPU, ratio to the peer", ours.cpu / peer.cpu, cpu, side)
        if rss:
            self.goal("peak memory, MiB", ours.rss / 2**20, rss)

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
        side = lambda program: lambda: self.brief([program, "inspect", "--tls-verify=false", name])
        ours = side("skopeo-rs")
        mine, peer = self.sides("inspect on loopback", 21, {"skopeo-rs": ours, "skopeo": side("skopeo")})
        self.ratios(mine, peer, ours, wall=0.4, cpu=0.4)

    def copy(self):
        for name, title in (("web:1", "150 MB"), ("double:1", "300 MB")):
            def side(program):
                with disk(self.scratch) as mount:
                    return self.measure([program, "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false",
                                         f"docker://{self.host}/{name}", f"oci:{mount}/layout:1"])
            ours = lambda: side("skopeo-rs")
            mine, peer = self.sides(f"copy registry to oci:, {title}", 5, {"skopeo-rs": ours, "skopeo": lambda: side("skopeo")})
            self.ratios(mine, peer, ours, wall=0.5, cpu=0.4, rss=64)

    def storetool(self, program="storetool"):
        with disk(self.scratch) as mount:
            return self.measure([program, *self.pull(mount / "store", "web:1")[1:]])

    def podman(self):
        with disk(self.scratch) as mount:
            return self.measure(self.podman_pull(mount), env=self.env)

    def tar(self, then=""):
        with disk(self.scratch) as mount:
            unpack = [f"gzip -dc {layer} | tar -x -C {mount}" for layer in self.layers("1")]
            return self.measure("; ".join(unpack) + (f"; sync -f {mount}" if then == "sync" else ""))

    def pull_image(self):
        ours, podman, tar, _ = self.sides("pull into the store, synced", 3, {
            "storetool pull": self.storetool, "podman pull": self.podman,
            "gzip -dc | tar -x": self.tar, "gzip -dc | tar -x, synced": lambda: self.tar(then="sync")})
        print("  to podman pull:")
        self.ratios(ours, podman, self.storetool, wall=0.25, cpu=0.33, rss=64)
        print("  to gzip -dc | tar -x of its layers, which does not sync:")
        self.ratios(ours, tar, self.storetool, wall=0.5)

    def sync(self):
        """What the syncs of a pull cost: the same pull by a build that leaves all of them out."""
        synced, unsynced, podman = self.sides("what syncing costs a pull", 3, {
            "synced": self.storetool, "unsynced": lambda: self.storetool("storetool-without-sync"), "podman pull": self.podman})
        self.goal("wall of the syncs, share of podman's pull", (synced.wall - unsynced.wall) / podman.wall, 0.15, self.storetool)

    def layers(self, tag):
        blobs = self.images / "web/blobs"
        read = lambda digest: json.loads((blobs / digest.replace(":", "/")).read_bytes())
        index = json.loads((self.images / "web/index.json").read_bytes())
        manifest = next(m["digest"] for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == tag)
        return [blobs / layer["digest"].replace(":", "/") for layer in read(manifest)["layers"]]

    def shared(self):
        self.begin("pull of a second image that shares its files in other layers")

        def grown(*names):
            """What the disk grows by with each of the images."""
            with disk(self.scratch) as mount:
                def used():
                    subprocess.run(["sync", "-f", mount], check=True)
                    state = os.statvfs(mount)
                    return (state.f_blocks - state.f_bfree) * state.f_frsize
                levels = [used()]
                for name in names:
                    figures = self.measure(self.pull(mount / "store", name))
                    print(f"    {name + (' beside ' + names[0] if name != names[0] else ''):28} {figures}")
                    levels.append(used())
                return [after - before for before, after in zip(levels, levels[1:])]

        (alone,) = grown("web:2")
        first, second = grown("web:1", "web:2")
        print(f"    web:2 takes {alone / 2**20:.1f} MiB alone and {second / 2**20:.1f} MiB beside web:1, which takes {first / 2**20:.1f} MiB")
        self.goal("growth, share of the second image's size", second / alone, 0.1)

    def mount(self):
        self.begin("mount (no peer: the goal is 10 ms)")
        walls = []
        for title, files, size, layers in (("10 MB, 3 layers", 30, 10 << 20, 3), ("1 GB, 3 layers", 3000, 1 << 30, 3),
                                           ("10 MB, 100 layers", 300, 10 << 20, 100), ("1 GB, 100 layers", 3000, 1 << 30, 100)):
            layout = self.synthetic(f"mount-{layers}-{size}", layers, files, size)
            with disk(self.scratch) as mount:
                store = ["storetool", "--root", str(mount / "store")]
                self.measure([*store, "pull", "--quiet", "--policy", str(self.policy), f"oci:{layout}:latest"])
                image = subprocess.run([*store, "images", "--quiet"], check=True, capture_output=True, text=True).stdout.split()[0]

                def side():
                    figures = self.measure([*store, "mount", image])
                    subprocess.run([*store, "umount", image], check=True, stdout=subprocess.DEVNULL)
                    return figures
                figures = median([side() for _ in range(21)])
                print(f"    {title:28} {figures}")
                self.goal(f"{title}, ms for the whole process", figures.wall * 1000, 10, side)
                walls.append(figures.wall)
        self.goal("the slowest, ratio to the fastest", max(walls) / min(walls), SAME)

    def memory(self):
        self.begin("peak memory of a pull and a copy")
        peaks = {"pull": [], "copy": []}
        for title, layers, files, size in (("100 MB", 1, 500, 100 << 20), ("2 GB", 1, 500, 2 << 30),
                                           ("50,000 files", 2, 50_000, 100 << 20), ("200,000 files", 2, 200_000, 100 << 20)):
            layout = self.synthetic(f"memory-{size}-{files}", layers, files, size)
            goal = 64 + max(0, files - 50_000) * 512 / 2**20
            for verb, command in (("pull", ["storetool", "--root", "{}/store", "pull", "--quiet", "--policy", str(self.policy), f"oci:{layout}:latest"]),
                                  ("copy", ["skopeo-rs", "--insecure-policy", "copy", "--quiet", f"oci:{layout}:latest", "dir:{}/copy"])):
                with disk(self.scratch, gib=8) as mount:
                    figures = self.measure([word.replace("{}", str(mount)) for word in command])
                print(f"    {f'{verb}, {title}':28} {figures}")
                self.goal(f"{verb}, {title}, MiB", figures.rss / 2**20, goal)
                if files == 500:
                    peaks[verb].append(figures.rss)
        for verb, (small, big) in peaks.items():
            # Beneath so much, what a program and its buffers take anyway, a ratio says nothing.
            floor = 16 << 20
            self.goal(f"{verb}, 2 GB, ratio to 100 MB", max(big, floor) / max(small, floor), SAME)

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
    print(f"the disk takes {disk_rate(scratch) / 2**20:.0f} MiB/s\n{COLUMNS}")
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
