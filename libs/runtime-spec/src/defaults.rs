//! What a container gets when nobody asks for anything: podman's choices, and a cgroup namespace.

use serde_json::{Map, Value, json};

/// The version of the runtime specification that is written. Every runtime in use reads it; newer
/// members are only written when they are asked for.
pub const OCI_VERSION: &str = "1.0.2";
/// The search path of images that set none.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The host name, which would else be the host's own.
pub const HOSTNAME: &str = "container";
/// Most bytes of a host or domain name (`__NEW_UTS_LEN` of Linux).
pub const HOSTNAME_BYTES: usize = 64;
/// Most processes of a container (podman's `pids_limit`).
pub const PIDS_LIMIT: i64 = 2048;
/// Most open files of a process, where the host allows so many (podman's figure).
pub const NOFILE: u64 = 1 << 20;
/// Microseconds in which a CPU quota counts.
pub const CPU_PERIOD_US: u64 = 100_000;

/// Paths that the container sees as empty: podman 4.3's list and what podman 5 added.
pub const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];

/// Paths that the container can not write to (podman's list).
pub const READONLY_PATHS: [&str; 6] = [
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// The namespaces that a container has for itself.
pub const NAMESPACES: [&str; 6] = ["pid", "network", "ipc", "uts", "mount", "cgroup"];

/// The document before image and options are applied.
pub(crate) fn members() -> Map<String, Value> {
    let namespaces: Vec<Value> = NAMESPACES
        .iter()
        .map(|kind| json!({ "type": kind }))
        .collect();
    let document = json!({
        "ociVersion": OCI_VERSION,
        "hostname": HOSTNAME,
        "root": { "path": "rootfs" },
        "process": { "cwd": "/", "noNewPrivileges": false },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc",
              "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
              "options": ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs",
              "options": ["nosuid", "noexec", "nodev", "ro"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
              "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
              "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
              "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
            { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
              "options": ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"] },
        ],
        "linux": {
            "namespaces": namespaces,
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                "pids": { "limit": PIDS_LIMIT },
            },
            "maskedPaths": MASKED_PATHS,
            "readonlyPaths": READONLY_PATHS,
        },
    });
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
