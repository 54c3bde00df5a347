use super::*;

/// A document that is right, with one member replaced.
fn document(edit: &str) -> Vec<u8> {
    let mut base: Value = serde_json::from_str(
        r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"hostname":"h",
        "process":{"cwd":"/","args":["sh"],"user":{"uid":0,"gid":0}},
        "mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
        "linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"ipc"}],
                 "seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#,
    )
    .unwrap();
    let edit: Value = serde_json::from_str(edit).unwrap();
    merge(&mut base, edit);
    serde_json::to_vec(&base).unwrap()
}

/// RFC 7396, so that a table line says only what it changes.
fn merge(base: &mut Value, edit: Value) {
    match (base, edit) {
        (Value::Object(base), Value::Object(edit)) => {
            for (key, value) in edit {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, edit) => *base = edit,
    }
}

#[test]
fn a_right_document_has_no_findings() {
    assert_eq!(validate(&document("{}")), vec![]);
}

#[test]
fn each_rule_finds_its_offence() {
    use Severity::{May, Must, Should};
    let table: &[(&str, Severity, &str, &str)] = &[
        (
            r#"{"ociVersion":null}"#,
            Must,
            "$.ociVersion",
            "has to be there",
        ),
        (r#"{"ociVersion":"1.0"}"#, Must, "$.ociVersion", "SemVer"),
        (r#"{"ociVersion":"2.0.0"}"#, Should, "$.ociVersion", "major"),
        (
            r#"{"ociVersion":1}"#,
            Must,
            "$.ociVersion",
            "a number, but has to be a text",
        ),
        (r#"{"root":null}"#, Must, "$.root", "has to be there"),
        (r#"{"root":{"path":""}}"#, Must, "$.root.path", "empty"),
        (
            r#"{"root":{"path":"/"}}"#,
            Should,
            "$.root.path",
            "host's own",
        ),
        (
            r#"{"root":{"readonly":"yes"}}"#,
            Must,
            "$.root.readonly",
            "true or false",
        ),
        (r#"{"extra":1}"#, May, "$.extra", "does not know"),
        (
            r#"{"freebsd":{"jail":{"vnet":"disable"}}}"#,
            Must,
            "$.freebsd.jail.vnet",
            "none of new, inherit",
        ),
        (r#"{"vm":{}}"#, Must, "$.vm.kernel", "has to be there"),
        (
            r#"{"zos":{"namespaces":[{"type":"user"}]}}"#,
            Must,
            "$.zos.namespaces[0].type",
            "none of",
        ),
        (r#"{"hostname":"a\nb"}"#, Must, "$.hostname", "control"),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"}]}}"#,
            Must,
            "$.hostname",
            "uts namespace",
        ),
        (
            r#"{"process":null}"#,
            Should,
            "$.process",
            "can not be started",
        ),
        (
            r#"{"process":{"cwd":"w"}}"#,
            Must,
            "$.process.cwd",
            "absolute",
        ),
        (
            r#"{"process":{"cwd":"/proc/self/fd/7"}}"#,
            Should,
            "$.process.cwd",
            "outside",
        ),
        (
            r#"{"process":{"args":[]}}"#,
            Must,
            "$.process.args",
            "no program",
        ),
        (
            r#"{"process":{"args":["a\u0000"]}}"#,
            Must,
            "$.process.args[0]",
            "NUL",
        ),
        (
            r#"{"process":{"args":["a",1]}}"#,
            Must,
            "$.process.args[1]",
            "has to be a text",
        ),
        (
            r#"{"process":{"env":["X"]}}"#,
            Must,
            "$.process.env[0]",
            "NAME=VALUE",
        ),
        (
            r#"{"process":{"user":{"uid":4294967295}}}"#,
            Must,
            "$.process.user.uid",
            "kernel",
        ),
        (
            r#"{"process":{"user":{"uid":4294967296}}}"#,
            Must,
            "$.process.user.uid",
            "integer",
        ),
        (
            r#"{"process":{"user":{"gid":-1}}}"#,
            Must,
            "$.process.user.gid",
            "integer",
        ),
        (
            r#"{"process":{"user":{"umask":512}}}"#,
            Must,
            "$.process.user.umask",
            "nine bits",
        ),
        (
            r#"{"process":{"oomScoreAdj":1.5}}"#,
            Must,
            "$.process.oomScoreAdj",
            "fraction",
        ),
        (
            r#"{"process":{"oomScoreAdj":-1001}}"#,
            Must,
            "$.process.oomScoreAdj",
            "integer",
        ),
        (
            r#"{"process":{"capabilities":{"bounding":["KILL"]}}}"#,
            Must,
            "$.process.capabilities.bounding",
            "no capability",
        ),
        (
            r#"{"process":{"capabilities":{"effective":["CAP_KILL"]}}}"#,
            Must,
            "$.process.capabilities.effective",
            "permitted",
        ),
        (
            r#"{"process":{"capabilities":{"permitted":["CAP_KILL"],"ambient":["CAP_KILL"]}}}"#,
            Should,
            "$.process.capabilities.ambient",
            "inheritable",
        ),
        (
            r#"{"process":{"capabilities":{"inheritable":["CAP_KILL"]}}}"#,
            Should,
            "$.process.capabilities.inheritable",
            "leave this empty",
        ),
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":0},{"type":"RLIMIT_CORE","soft":0,"hard":0}]}}"#,
            Must,
            "$.process.rlimits[1].type",
            "twice",
        ),
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_X","soft":0,"hard":0}]}}"#,
            Must,
            "$.process.rlimits[0].type",
            "no limit",
        ),
        (
            r#"{"process":{"rlimits":[{"type":"RLIMIT_CORE","soft":2,"hard":1}]}}"#,
            Must,
            "$.process.rlimits[0].soft",
            "above",
        ),
        (
            r#"{"process":{"ioPriority":{"class":"X","priority":1}}}"#,
            Must,
            "$.process.ioPriority.class",
            "none of",
        ),
        (
            r#"{"mounts":[{"destination":"p","type":"proc"}]}"#,
            Must,
            "$.mounts[0].destination",
            "absolute",
        ),
        (
            r#"{"mounts":[{"destination":"/p"}]}"#,
            Must,
            "$.mounts[0].type",
            "needs a type",
        ),
        (
            r#"{"mounts":[{"destination":"/p","options":["bind"]}]}"#,
            Must,
            "$.mounts[0].source",
            "source",
        ),
        (
            r#"{"mounts":[{"destination":"/p","type":"t"},{"destination":"/p","type":"t"}]}"#,
            May,
            "$.mounts[1].destination",
            "hidden",
        ),
        (
            r#"{"hooks":{"poststop":[{"path":"x"}]}}"#,
            Must,
            "$.hooks.poststop[0].path",
            "absolute",
        ),
        (
            r#"{"hooks":{"prestart":[{"path":"/x"}]}}"#,
            Should,
            "$.hooks.prestart",
            "deprecated",
        ),
        (
            r#"{"hooks":{"poststop":[{"path":"/x","timeout":0}]}}"#,
            Must,
            "$.hooks.poststop[0].timeout",
            "integer",
        ),
        (
            r#"{"annotations":{"":"x"}}"#,
            Must,
            "$.annotations[\"\"]",
            "not empty",
        ),
        (
            r#"{"annotations":{"plain":"x"}}"#,
            Should,
            "$.annotations.plain",
            "reversed domain",
        ),
        (
            r#"{"annotations":{"a.b":"x\ny"}}"#,
            Should,
            "$.annotations[\"a.b\"]",
            "control",
        ),
        (
            r#"{"annotations":{"a.b":1}}"#,
            Must,
            "$.annotations[\"a.b\"]",
            "text",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"uts"}]}}"#,
            Must,
            "$.linux.namespaces[2].type",
            "twice",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"uts","path":"x"}]}}"#,
            Must,
            "$.linux.namespaces[1].path",
            "absolute",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"uts"}]}}"#,
            Should,
            "$.linux.namespaces",
            "mount namespace",
        ),
        (
            r#"{"linux":{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}}"#,
            Must,
            "$.linux.uidMappings",
            "user namespace",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"user"}],
              "uidMappings":[{"containerID":0,"hostID":0,"size":10},{"containerID":9,"hostID":90,"size":1}]}}"#,
            Must,
            "$.linux.uidMappings[1]",
            "overlaps",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"user"}],
              "uidMappings":[{"containerID":18446744073709551615,"hostID":0,"size":1}]}}"#,
            Must,
            "$.linux.uidMappings[0]",
            "ends beyond the last number",
        ),
        (
            r#"{"linux":{"devices":[{"type":"c","path":"/d","major":1}]}}"#,
            Must,
            "$.linux.devices[0].minor",
            "number",
        ),
        (
            r#"{"linux":{"devices":[{"type":"x","path":"/d"}]}}"#,
            Must,
            "$.linux.devices[0].type",
            "none of",
        ),
        (
            r#"{"linux":{"resources":{"devices":[{"allow":true,"access":"rx"}]}}}"#,
            Must,
            "$.linux.resources.devices[0].access",
            "r, w and m",
        ),
        (
            r#"{"linux":{"resources":{"memory":{"limit":10,"swap":5}}}}"#,
            Must,
            "$.linux.resources.memory.swap",
            "less than",
        ),
        (
            r#"{"linux":{"resources":{"unified":{"../x.y":"1"}}}}"#,
            Must,
            "$.linux.resources.unified[\"../x.y\"]",
            "no file",
        ),
        (
            r#"{"linux":{"sysctl":{"net.x":"1"}}}"#,
            Must,
            "$.linux.sysctl[\"net.x\"]",
            "network namespace",
        ),
        (
            r#"{"linux":{"sysctl":{"vm.x":"1"}}}"#,
            Should,
            "$.linux.sysctl[\"vm.x\"]",
            "changes the host",
        ),
        (
            r#"{"linux":{"sysctl":{"kernel.sem":"1\nx"}}}"#,
            Must,
            "$.linux.sysctl[\"kernel.sem\"]",
            "another key",
        ),
        (
            r#"{"linux":{"maskedPaths":["x"]}}"#,
            Must,
            "$.linux.maskedPaths[0]",
            "absolute",
        ),
        (
            r#"{"linux":{"rootfsPropagation":"x"}}"#,
            Must,
            "$.linux.rootfsPropagation",
            "none of",
        ),
        (
            r#"{"linux":{"seccomp":{"defaultAction":"ALLOW"}}}"#,
            Must,
            "$.linux.seccomp.defaultAction",
            "not a value",
        ),
        (
            r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_NOTIFY"}}}"#,
            Must,
            "$.linux.seccomp.listenerPath",
            "listens",
        ),
        (
            r#"{"linux":{"seccomp":{"syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW"}]}}}"#,
            Must,
            "$.linux.seccomp.syscalls[0].names",
            "at least one",
        ),
        (
            r#"{"linux":{"seccomp":{"syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"X"}]}]}}}"#,
            Must,
            "$.linux.seccomp.syscalls[0].args[0].op",
            "not a value",
        ),
        (
            r#"{"linux":{"seccomp":null}}"#,
            May,
            "$.linux.seccomp",
            "no system call filter",
        ),
    ];
    for (edit, severity, path, part) in table {
        let findings = validate(&document(edit));
        let found = findings.iter().any(|finding| {
            finding.severity == *severity && finding.path == *path && finding.message.contains(part)
        });
        assert!(
            found,
            "{edit}: want {severity:?} {path} {part:?}, got {findings:#?}"
        );
    }
}

/// What the schema of the specification and oci-runtime-tool refuse as well.
#[test]
fn members_of_newer_versions_are_held_to_their_types() {
    use Severity::{May, Must, Should};
    for (linux, severity, path, part) in [
        (
            r#""devices":[{"path":"/a","type":"b","major":8,"minor":0,"fileMode":512}]"#,
            Must,
            "devices[0].fileMode",
            "from 0 to 511",
        ),
        (
            r#""devices":[{"path":"/a","type":"c","major":1,"minor":3},{"path":"/b","type":"u","major":1,"minor":3}]"#,
            Should,
            "devices[1]",
            "the same one",
        ),
        (
            r#""intelRdt":{"closID":1}"#,
            Must,
            "intelRdt.closID",
            "a text",
        ),
        (
            r#""intelRdt":{"schemata":"x"}"#,
            Must,
            "intelRdt.schemata",
            "a list",
        ),
        (
            r#""intelRdt":{"memBwSchema":"L3:0=f"}"#,
            Must,
            "intelRdt.memBwSchema",
            "MB:",
        ),
        (
            r#""memoryPolicy":{"nodes":"0"}"#,
            Must,
            "memoryPolicy.mode",
            "has to be there",
        ),
        (
            r#""memoryPolicy":{"mode":"BIND"}"#,
            Must,
            "memoryPolicy.mode",
            "none of MPOL_DEFAULT",
        ),
        (
            r#""memoryPolicy":{"mode":"MPOL_BIND","flags":["x"]}"#,
            Must,
            "memoryPolicy.flags[0]",
            "none of",
        ),
        (
            r#""netDevices":{"eth0":{"name":1}}"#,
            Must,
            "netDevices.eth0.name",
            "a text",
        ),
        (
            r#""netDevices":{"eth0":1}"#,
            Must,
            "netDevices.eth0",
            "an object",
        ),
        (
            r#""personality":{"domain":"BSD"}"#,
            Must,
            "personality.domain",
            "LINUX32",
        ),
        (
            r#""resources":{"hugepageLimits":[{"pageSize":"64kB","limit":1}]}"#,
            Must,
            "resources.hugepageLimits[0].pageSize",
            "2MB",
        ),
        (
            r#""resources":{"hugepageLimits":[{"pageSize":"0MB","limit":1}]}"#,
            Must,
            "resources.hugepageLimits[0].pageSize",
            "2MB",
        ),
        (
            r#""resources":{"rdma":{"mlx5_1":{"hcaHandles":"x"}}}"#,
            Must,
            "resources.rdma.mlx5_1.hcaHandles",
            "integer",
        ),
        (
            r#""resources":{"blockIO":{"weightDevice":[{"major":5,"minor":0}]}}"#,
            Must,
            "resources.blockIO.weightDevice[0]",
            "neither",
        ),
        (
            r#""timeOffsets":{"boottime":{"secs":"1"}}"#,
            Must,
            "timeOffsets.boottime.secs",
            "integer",
        ),
        (
            r#""uidMappings":[{"containerID":0,"hostID":1,"size":5},{"containerID":9,"hostID":5,"size":1}]"#,
            Must,
            "uidMappings[1]",
            "range 0 outside",
        ),
        (
            r#""uidMappings":[{"containerID":0,"hostID":1,"size":5},{"containerID":4,"hostID":9,"size":1}]"#,
            Must,
            "uidMappings[1]",
            "range 0 inside",
        ),
        (
            r#""namespaces":[{"type":"uts"},{"type":"user","path":"/p"}],"gidMappings":[{"containerID":0,"hostID":1,"size":5}]"#,
            Should,
            "gidMappings",
            "joined",
        ),
        (
            r#""namespaces":[{"type":"uts"},{"type":"user"}]"#,
            Should,
            "uidMappings",
            "no users",
        ),
    ] {
        let findings = validate(&document(&format!(r#"{{"linux":{{{linux}}}}}"#)));
        let path = format!("$.linux.{path}");
        assert!(
            findings.iter().any(|finding| finding.severity == severity
                && finding.path == path
                && finding.message.contains(part)),
            "{linux}: want {severity:?} {path} {part:?}, got {findings:#?}"
        );
    }
    for (edit, severity, path, part) in [
        (
            r#"{"process":{"user":null}}"#,
            May,
            "$.process.user",
            "root",
        ),
        (
            r#"{"process":{"execCPUAffinity":{"final":"all"}}}"#,
            Must,
            "$.process.execCPUAffinity.final",
            "0-3,7",
        ),
        (
            r#"{"process":{"scheduler":{"policy":"SCHED_OTHER","flags":["X"]}}}"#,
            Must,
            "$.process.scheduler.flags[0]",
            "SCHED_FLAG",
        ),
        (
            r#"{"mounts":[{"destination":"/proc/","type":"none","source":"/p","options":["bind"]}]}"#,
            Should,
            "$.mounts[0].destination",
            "CVE-2019-16884",
        ),
        (
            r#"{"mounts":[{"destination":"/proc/1","type":"tmpfs"}]}"#,
            Should,
            "$.mounts[0].destination",
            "below /proc",
        ),
    ] {
        let findings = validate(&document(edit));
        assert!(
            findings.iter().any(|finding| finding.severity == severity
                && finding.path == path
                && finding.message.contains(part)),
            "{edit}: want {severity:?} {path} {part:?}, got {findings:#?}"
        );
    }
    // Right ones, among them a host name where there are no namespaces of Linux.
    for edit in [
        r#"{"mounts":[{"destination":"/proc/uptime","type":"none","source":"/u","options":["bind"]}]}"#,
        r#"{"linux":null,"freebsd":{}}"#,
        r#"{"linux":{"resources":{"devices":[{"allow":false,"type":""}],"hugepageLimits":[{"pageSize":"64KB","limit":1}]}}}"#,
        r#"{"linux":{"devices":[{"path":"/a","type":"b","major":8,"minor":0,"fileMode":511},{"path":"/b","type":"c","major":8,"minor":0}]}}"#,
        r#"{"linux":{"intelRdt":{"memBwSchema":"MB:0=20"},"personality":{"domain":"LINUX","flags":[]},"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0"}}}"#,
    ] {
        assert_eq!(validate(&document(edit)), vec![], "{edit}");
    }
}

#[test]
fn what_is_no_document_is_one_finding() {
    for (bytes, part) in [
        (&b"{"[..], "not acceptable JSON"),
        (b"[]", "not an object"),
        (b"{\"root\":{},\"root\":{}}", "JSON"),
        (b"{\"root\":{},\"ROOT\":{}}", "JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
    ] {
        let findings = validate(bytes);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            (findings[0].path.as_str(), findings[0].severity),
            ("$", Severity::Must)
        );
        assert!(findings[0].message.contains(part), "{findings:?}");
    }
}

#[test]
fn findings_are_bounded() {
    let mounts = vec!["1"; 5_000].join(",");
    let findings = validate(format!("{{\"mounts\":[{mounts}]}}").as_bytes());
    assert_eq!(findings.len(), FINDINGS + 1);
}
