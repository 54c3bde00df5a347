//! The types of all members that the specification knows (its 1.3), and which have to be there.
//!
//! The walk goes as deep as the tables do, never as deep as the document.

use serde_json::Value;

use super::{Report, platforms, shorten, step};

/// The type of a member.
pub(super) enum Kind {
    Text,
    Bool,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// A text that passes, and how it should look.
    Form(fn(&str) -> bool, &'static str),
    /// An integer of the range.
    Int(i64, u64),
    List(&'static Kind),
    /// Free keys, values of one type.
    Map(&'static Kind),
    Object(&'static [Member]),
    /// Not looked into.
    Any,
}

/// A member: name, whether it has to be there, type.
pub(super) struct Member(pub(super) &'static str, pub(super) bool, pub(super) Kind);

use Kind::{Any, Bool, Form, Int, List, Map, Object, Text, Word};

const U16: Kind = Int(0, u16::MAX as u64);
pub(super) const U32: Kind = Int(0, u32::MAX as u64);
pub(super) const U64: Kind = Int(0, u64::MAX);
const I64: Kind = Int(i64::MIN, i64::MAX as u64);
pub(super) const TEXTS: Kind = List(&Text);
pub(super) const NEED: bool = true;
pub(super) const OPT: bool = false;

const CPU_LIST: Kind = Form(is_cpu_list, "a list of CPUs as 0-3,7");
const TIME_OFFSET: Kind = Object(&[Member("secs", OPT, I64), Member("nanosecs", OPT, U32)]);
const SCHEDULER_FLAGS: [&str; 7] = [
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
];
const MEMORY_MODES: [&str; 7] = [
    "MPOL_DEFAULT",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_LOCAL",
];
const MEMORY_FLAGS: [&str; 3] = [
    "MPOL_F_NUMA_BALANCING",
    "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES",
];

/// The schema's `^[0-9, -]*$`; runtimes parse the list.
fn is_cpu_list(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || b", -".contains(&b))
}

/// The schema's `^[1-9][0-9]*[KMG]B$`.
fn is_page_size(text: &str) -> bool {
    let number = text
        .strip_suffix('B')
        .and_then(|rest| rest.strip_suffix(['K', 'M', 'G']));
    number.is_some_and(|number| {
        !number.starts_with('0') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The schema's `^MB:[^\n]*$`.
fn is_bandwidth(text: &str) -> bool {
    text.starts_with("MB:") && !text.contains('\n')
}

const ID_MAPS: Kind = List(&Object(&[
    Member("containerID", NEED, U32),
    Member("hostID", NEED, U32),
    Member("size", NEED, U32),
]));

const HOOKS: Kind = List(&Object(&[
    Member("path", NEED, Text),
    Member("args", OPT, TEXTS),
    Member("env", OPT, TEXTS),
    Member("timeout", OPT, Int(1, i64::MAX as u64)),
]));

const CAPABILITIES: Kind = Object(&[
    Member("bounding", OPT, TEXTS),
    Member("effective", OPT, TEXTS),
    Member("inheritable", OPT, TEXTS),
    Member("permitted", OPT, TEXTS),
    Member("ambient", OPT, TEXTS),
]);

const PROCESS: Kind = Object(&[
    Member("terminal", OPT, Bool),
    Member(
        "consoleSize",
        OPT,
        Object(&[Member("height", NEED, U64), Member("width", NEED, U64)]),
    ),
    Member(
        "user",
        OPT,
        Object(&[
            Member("uid", OPT, U32),
            Member("gid", OPT, U32),
            Member("umask", OPT, U32),
            Member("additionalGids", OPT, List(&U32)),
            Member("username", OPT, Text),
        ]),
    ),
    Member("args", OPT, TEXTS),
    Member("commandLine", OPT, Text),
    Member("env", OPT, TEXTS),
    Member("cwd", NEED, Text),
    Member("capabilities", OPT, CAPABILITIES),
    Member(
        "rlimits",
        OPT,
        List(&Object(&[
            Member("type", NEED, Text),
            Member("soft", NEED, U64),
            Member("hard", NEED, U64),
        ])),
    ),
    Member("noNewPrivileges", OPT, Bool),
    Member("apparmorProfile", OPT, Text),
    Member("oomScoreAdj", OPT, Int(-1000, 1000)),
    Member(
        "scheduler",
        OPT,
        Object(&[
            Member("policy", NEED, Text),
            Member("nice", OPT, Int(-20, 19)),
            Member("priority", OPT, Int(i32::MIN as i64, i32::MAX as u64)),
            Member("flags", OPT, List(&Word(&SCHEDULER_FLAGS))),
            Member("runtime", OPT, U64),
            Member("deadline", OPT, U64),
            Member("period", OPT, U64),
        ]),
    ),
    Member("selinuxLabel", OPT, Text),
    Member(
        "ioPriority",
        OPT,
        Object(&[
            Member("class", NEED, Text),
            Member("priority", NEED, Int(0, 7)),
        ]),
    ),
    Member(
        "execCPUAffinity",
        OPT,
        Object(&[
            Member("initial", OPT, CPU_LIST),
            Member("final", OPT, CPU_LIST),
        ]),
    ),
]);

const WEIGHT_DEVICES: Kind = List(&Object(&[
    Member("major", NEED, I64),
    Member("minor", NEED, I64),
    Member("weight", OPT, U16),
    Member("leafWeight", OPT, U16),
]));
const THROTTLES: Kind = List(&Object(&[
    Member("major", NEED, I64),
    Member("minor", NEED, I64),
    Member("rate", NEED, U64),
]));

const RESOURCES: Kind = Object(&[
    Member(
        "devices",
        OPT,
        List(&Object(&[
            Member("allow", NEED, Bool),
            Member("type", OPT, Text),
            Member("major", OPT, I64),
            Member("minor", OPT, I64),
            Member("access", OPT, Text),
        ])),
    ),
    Member(
        "memory",
        OPT,
        Object(&[
            Member("limit", OPT, I64),
            Member("reservation", OPT, I64),
            Member("swap", OPT, I64),
            Member("kernel", OPT, I64),
            Member("kernelTCP", OPT, I64),
            Member("swappiness", OPT, U64),
            Member("disableOOMKiller", OPT, Bool),
            Member("useHierarchy", OPT, Bool),
            Member("checkBeforeUpdate", OPT, Bool),
        ]),
    ),
    Member(
        "cpu",
        OPT,
        Object(&[
            Member("shares", OPT, U64),
            Member("quota", OPT, I64),
            Member("burst", OPT, U64),
            Member("period", OPT, U64),
            Member("realtimeRuntime", OPT, I64),
            Member("realtimePeriod", OPT, U64),
            Member("cpus", OPT, Text),
            Member("mems", OPT, Text),
            Member("idle", OPT, I64),
        ]),
    ),
    Member("pids", OPT, Object(&[Member("limit", NEED, I64)])),
    Member(
        "blockIO",
        OPT,
        Object(&[
            Member("weight", OPT, U16),
            Member("leafWeight", OPT, U16),
            Member("weightDevice", OPT, WEIGHT_DEVICES),
            Member("throttleReadBpsDevice", OPT, THROTTLES),
            Member("throttleWriteBpsDevice", OPT, THROTTLES),
            Member("throttleReadIOPSDevice", OPT, THROTTLES),
            Member("throttleWriteIOPSDevice", OPT, THROTTLES),
        ]),
    ),
    Member(
        "hugepageLimits",
        OPT,
        List(&Object(&[
            Member(
                "pageSize",
                NEED,
                Form(is_page_size, "a size as 64KB, 2MB or 1GB"),
            ),
            Member("limit", NEED, U64),
        ])),
    ),
    Member(
        "network",
        OPT,
        Object(&[
            Member("classID", OPT, U32),
            Member(
                "priorities",
                OPT,
                List(&Object(&[
                    Member("name", NEED, Text),
                    Member("priority", NEED, U32),
                ])),
            ),
        ]),
    ),
    Member(
        "rdma",
        OPT,
        Map(&Object(&[
            Member("hcaHandles", OPT, U32),
            Member("hcaObjects", OPT, U32),
        ])),
    ),
    Member("unified", OPT, Map(&Text)),
]);

const SECCOMP: Kind = Object(&[
    Member("defaultAction", NEED, Text),
    Member("defaultErrnoRet", OPT, U32),
    Member("architectures", OPT, TEXTS),
    Member("flags", OPT, TEXTS),
    Member("listenerPath", OPT, Text),
    Member("listenerMetadata", OPT, Text),
    Member(
        "syscalls",
        OPT,
        List(&Object(&[
            Member("names", NEED, TEXTS),
            Member("action", NEED, Text),
            Member("errnoRet", OPT, U32),
            Member(
                "args",
                OPT,
                List(&Object(&[
                    Member("index", NEED, Int(0, 5)),
                    Member("value", NEED, U64),
                    Member("valueTwo", OPT, U64),
                    Member("op", NEED, Text),
                ])),
            ),
        ])),
    ),
]);

const LINUX: Kind = Object(&[
    Member("uidMappings", OPT, ID_MAPS),
    Member("gidMappings", OPT, ID_MAPS),
    Member("sysctl", OPT, Map(&Text)),
    Member("resources", OPT, RESOURCES),
    Member("cgroupsPath", OPT, Text),
    Member(
        "namespaces",
        OPT,
        List(&Object(&[
            Member("type", NEED, Text),
            Member("path", OPT, Text),
        ])),
    ),
    Member(
        "devices",
        OPT,
        List(&Object(&[
            Member("type", NEED, Text),
            Member("path", NEED, Text),
            Member("major", OPT, I64),
            Member("minor", OPT, I64),
            Member("fileMode", OPT, Int(0, 0o777)),
            Member("uid", OPT, U32),
            Member("gid", OPT, U32),
        ])),
    ),
    Member("seccomp", OPT, SECCOMP),
    Member("rootfsPropagation", OPT, Text),
    Member("maskedPaths", OPT, TEXTS),
    Member("readonlyPaths", OPT, TEXTS),
    Member("mountLabel", OPT, Text),
    Member(
        "intelRdt",
        OPT,
        Object(&[
            Member("closID", OPT, Text),
            Member("schemata", OPT, TEXTS),
            Member("l3CacheSchema", OPT, Text),
            Member(
                "memBwSchema",
                OPT,
                Form(is_bandwidth, "one line that begins with MB:"),
            ),
            Member("enableMonitoring", OPT, Bool),
            // Until 1.2.
            Member("enableCMT", OPT, Bool),
            Member("enableMBM", OPT, Bool),
        ]),
    ),
    Member(
        "personality",
        OPT,
        Object(&[
            Member("domain", NEED, Word(&["LINUX", "LINUX32"])),
            Member("flags", OPT, TEXTS),
        ]),
    ),
    Member(
        "timeOffsets",
        OPT,
        Object(&[
            Member("boottime", OPT, TIME_OFFSET),
            Member("monotonic", OPT, TIME_OFFSET),
        ]),
    ),
    Member(
        "netDevices",
        OPT,
        Map(&Object(&[Member("name", OPT, Text)])),
    ),
    Member(
        "memoryPolicy",
        OPT,
        Object(&[
            Member("mode", NEED, Word(&MEMORY_MODES)),
            Member("nodes", OPT, Text),
            Member("flags", OPT, List(&Word(&MEMORY_FLAGS))),
        ]),
    ),
]);

const DOCUMENT: Kind = Object(&[
    Member("ociVersion", NEED, Text),
    Member(
        "root",
        OPT,
        Object(&[Member("path", NEED, Text), Member("readonly", OPT, Bool)]),
    ),
    Member(
        "mounts",
        OPT,
        List(&Object(&[
            Member("destination", NEED, Text),
            Member("type", OPT, Text),
            Member("source", OPT, Text),
            Member("options", OPT, TEXTS),
            Member("uidMappings", OPT, ID_MAPS),
            Member("gidMappings", OPT, ID_MAPS),
        ])),
    ),
    Member("process", OPT, PROCESS),
    Member("hostname", OPT, Text),
    Member("domainname", OPT, Text),
    Member(
        "hooks",
        OPT,
        Object(&[
            Member("prestart", OPT, HOOKS),
            Member("createRuntime", OPT, HOOKS),
            Member("createContainer", OPT, HOOKS),
            Member("startContainer", OPT, HOOKS),
            Member("poststart", OPT, HOOKS),
            Member("poststop", OPT, HOOKS),
        ]),
    ),
    Member("annotations", OPT, Map(&Text)),
    Member("linux", OPT, LINUX),
    Member("solaris", OPT, Any),
    Member("windows", OPT, Any),
    Member("vm", OPT, platforms::VM),
    Member("zos", OPT, platforms::ZOS),
    Member("freebsd", OPT, platforms::FREEBSD),
]);

/// Holds every known member to its type.
pub(super) fn check(document: &Value, report: &mut Report) {
    walk(&DOCUMENT, document, "$", "config.md", report);
}

fn walk(kind: &Kind, value: &Value, path: &str, section: &str, report: &mut Report) {
    let wrong = |want: &str| format!("this is {}, but has to be {want}", type_of(value));
    match kind {
        Any => {}
        Text if value.is_string() => {}
        Text => report.must(path, wrong("a text"), section),
        Word(known) => match value.as_str() {
            Some(word) if known.contains(&word) => {}
            Some(word) => {
                let message = format!("{:?} is none of {}", shorten(word), known.join(", "));
                report.must(path, message, section);
            }
            None => report.must(path, wrong("a text"), section),
        },
        Form(good, form) => match value.as_str() {
            Some(text) if good(text) => {}
            Some(text) => {
                report.must(path, format!("{:?} is not {form}", shorten(text)), section);
            }
            None => report.must(path, wrong("a text"), section),
        },
        Bool if value.is_boolean() => {}
        Bool => report.must(path, wrong("true or false"), section),
        Int(least, most) => {
            let fits = match (value.as_u64(), value.as_i64()) {
                (Some(number), _) => number <= *most,
                (None, Some(number)) => number >= *least,
                (None, None) => false,
            } && value.as_i64().is_none_or(|number| number >= *least);
            if !fits {
                report.must(
                    path,
                    wrong(&format!("an integer from {least} to {most}")),
                    section,
                );
            }
        }
        List(item) => match value {
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    walk(item, value, &format!("{path}[{index}]"), section, report);
                }
            }
            _ => report.must(path, wrong("a list"), section),
        },
        Map(item) => match value {
            Value::Object(members) => {
                for (key, value) in members {
                    walk(
                        item,
                        value,
                        &format!("{path}{}", step(key)),
                        section,
                        report,
                    );
                }
            }
            _ => report.must(path, wrong("an object"), section),
        },
        Object(known) => match value {
            Value::Object(members) => {
                for Member(name, needed, kind) in *known {
                    let at = format!("{path}.{name}");
                    // Members of other platforms have names that mean something else on Linux.
                    let section = match section_of(name) {
                        Some(own) if !is_foreign(section) => own,
                        _ => section,
                    };
                    match members.get(*name) {
                        Some(value) => walk(kind, value, &at, section, report),
                        None if *needed => report.must(at, "this has to be there", section),
                        None => {}
                    }
                }
                for key in members.keys() {
                    if !known.iter().any(|member| member.0 == key) {
                        report.may(
                            format!("{path}{}", step(key)),
                            "the specification does not know this member; runtimes ignore it",
                            "config.md#extensibility",
                        );
                    }
                }
            }
            _ => report.must(path, wrong("an object"), section),
        },
    }
}

/// Whether a section is that of one platform, not Linux.
fn is_foreign(section: &str) -> bool {
    ["config-freebsd.md", "config-vm.md", "config-zos.md"].contains(&section)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The section that defines a member, where it is another than its parent's.
fn section_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "ociVersion" => "config.md#specification-version",
        "root" => "config.md#root",
        "mounts" => "config.md#mounts",
        "process" => "config.md#process",
        "user" => "config.md#user",
        "capabilities" => "config.md#linux-process",
        "rlimits" => "config.md#posix-process",
        "hostname" => "config.md#hostname",
        "domainname" => "config.md#domainname",
        "hooks" => "config.md#posix-platform-hooks",
        "annotations" => "config.md#annotations",
        "linux" => "config-linux.md",
        "freebsd" => "config-freebsd.md",
        "vm" => "config-vm.md",
        "zos" => "config-zos.md",
        "namespaces" => "config-linux.md#namespaces",
        "uidMappings" | "gidMappings" => "config-linux.md#user-namespace-mappings",
        "devices" => "config-linux.md#devices",
        "resources" | "cgroupsPath" => "config-linux.md#control-groups",
        "sysctl" => "config-linux.md#sysctl",
        "seccomp" => "config-linux.md#seccomp",
        _ => return None,
    })
}
