//! What a configuration asks for and a runtime does not know, and what of this machine it refuses.
//!
//! Runtimes ignore members of config.json that are newer than they are. What they do know they
//! say themselves (runtime-spec, features.md); one that has no such command is taken at its word
//! when it runs the container.

use std::path::Path;
use std::{fmt, fs};

use runtime_spec::Spec;
use serde_json::Value;

use crate::error::RuntimeError;
use crate::find::{Kind, Runtime, Version};

/// Something that a runtime does not offer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// A member is newer than the specification that the runtime knows.
    Newer {
        /// The member.
        member: &'static str,
        /// The version of the specification that brought it.
        since: &'static str,
        /// The newest one that the runtime knows.
        knows: String,
    },
    /// The runtime's list has no such value.
    NotListed {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The runtime starts nothing while cgroup controllers are in version 2 beside version 1.
    HybridCgroups {
        /// The controllers that are.
        controllers: String,
    },
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer {
                member,
                since,
                knows,
            } => write!(
                f,
                "knows the specification up to {knows} and may ignore {member}, which came with {since}"
            ),
            Self::NotListed { what, name } => write!(f, "has no {what} {name} and may ignore it"),
            Self::HybridCgroups { controllers } => write!(
                f,
                "starts no container while cgroup controllers are in version 2 beside version 1 \
                 ({controllers}); another runtime does, --runtime runc for instance"
            ),
        }
    }
}

/// Members, and the version that brought them. Older ones all runtimes in use know.
const MEMBERS: [(&[&str], &str, &str); 9] = [
    (&["domainname"], "domainname", "1.1.0"),
    (&["process", "scheduler"], "process.scheduler", "1.1.0"),
    (&["process", "ioPriority"], "process.ioPriority", "1.1.0"),
    (
        &["linux", "resources", "cpu", "burst"],
        "linux.resources.cpu.burst",
        "1.1.0",
    ),
    (
        &["linux", "resources", "cpu", "idle"],
        "linux.resources.cpu.idle",
        "1.1.0",
    ),
    (
        &["process", "execCPUAffinity"],
        "process.execCPUAffinity",
        "1.2.1",
    ),
    (&["linux", "netDevices"], "linux.netDevices", "1.3.0"),
    (&["linux", "memoryPolicy"], "linux.memoryPolicy", "1.3.0"),
    (
        &["linux", "intelRdt", "schemata"],
        "linux.intelRdt.schemata",
        "1.3.0",
    ),
];
/// Options that change all mounts below as well, and mapped mounts: of Linux 5.12.
const MOUNT_OPTIONS: [&str; 9] = [
    "rro",
    "rrw",
    "rnosuid",
    "rnodev",
    "rnoexec",
    "rnoatime",
    "rnosymfollow",
    "idmap",
    "ridmap",
];
const HOOKS: [&str; 3] = ["createRuntime", "createContainer", "startContainer"];

impl Runtime {
    /// Returns what `spec` asks for and this runtime does not know, and why it starts nothing here.
    /// The runtime is only asked when
    /// the configuration has something that not every runtime knows.
    ///
    /// # Errors
    /// The runtime does not start, or answers something that is no JSON.
    pub fn unsupported(&self, spec: &Spec) -> Result<Vec<Unsupported>, RuntimeError> {
        let mut out = Vec::new();
        if self.kind() == Kind::Crun {
            out.extend(hybrid_cgroups(Path::new("/sys/fs/cgroup")));
        }
        if !missing(&Value::Null, spec).is_empty()
            && let Some(features) = self.features()?
        {
            out.extend(missing(&features, spec));
        }
        Ok(out)
    }
}

/// Looks for controllers in the version 2 file system that lies in a tree of version 1.
fn hybrid_cgroups(root: &Path) -> Option<Unsupported> {
    let controllers = fs::read_to_string(root.join("unified/cgroup.controllers")).ok()?;
    let controllers = controllers.trim().to_owned();
    (!controllers.is_empty()).then_some(Unsupported::HybridCgroups { controllers })
}

/// Holds `spec` against what a runtime says of itself; [`Value::Null`] knows nothing.
fn missing(features: &Value, spec: &Spec) -> Vec<Unsupported> {
    let mut out = Vec::new();
    let knows = features["ociVersionMax"].as_str().unwrap_or_default();
    let newest = Version::parse(knows).map(|version| (version.major, version.minor, version.patch));
    for (path, member, since) in MEMBERS {
        let since_numbers =
            Version::parse(since).map(|version| (version.major, version.minor, version.patch));
        if spec.get(path).is_some() && newest < since_numbers {
            out.push(Unsupported::Newer {
                member,
                since,
                knows: knows.to_owned(),
            });
        }
    }
    let listed = |pointer: &str, name: &str| {
        let list = features.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|entry| entry == name))
    };
    let mut need = |what, pointer: &str, name: &str| {
        let entry = Unsupported::NotListed {
            what,
            name: name.to_owned(),
        };
        if !listed(pointer, name) && !out.contains(&entry) {
            out.push(entry);
        }
    };
    let list = |path: &[&str]| {
        let list = spec.get(path).and_then(Value::as_array);
        list.map_or(&[][..], Vec::as_slice)
    };
    if list(&["linux", "namespaces"])
        .iter()
        .any(|entry| entry["type"] == "time")
    {
        need("namespace", "/linux/namespaces", "time");
    }
    for stage in HOOKS {
        if !list(&["hooks", stage]).is_empty() {
            need("hook", "/hooks", stage);
        }
    }
    let mut mapped = false;
    for mount in list(&["mounts"]) {
        mapped |= mount["uidMappings"].is_array();
        for option in mount["options"].as_array().into_iter().flatten() {
            let known = MOUNT_OPTIONS.into_iter().find(|known| option == known);
            if let Some(known) = known {
                need("mount option", "/mountOptions", known);
            }
        }
    }
    let maps = features.pointer("/linux/mountExtensions/idmap/enabled");
    if mapped && maps != Some(&Value::Bool(true)) {
        out.push(Unsupported::NotListed {
            what: "mount with",
            name: "uidMappings".to_owned(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_in_both_versions_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(hybrid_cgroups(dir.path()), None);
        fs::create_dir(dir.path().join("unified")).unwrap();
        let file = dir.path().join("unified/cgroup.controllers");
        fs::write(&file, "\n").unwrap();
        assert_eq!(hybrid_cgroups(dir.path()), None);
        fs::write(&file, "hugetlb rdma\n").unwrap();
        let hybrid = hybrid_cgroups(dir.path()).unwrap();
        assert!(hybrid.to_string().contains("(hugetlb rdma)"), "{hybrid}");
    }

    #[test]
    fn what_a_runtime_would_ignore_is_found() {
        let runc_1_1: Value = serde_json::from_str(
            r#"{"ociVersionMin":"1.0.0","ociVersionMax":"1.0.2-dev","hooks":["prestart","createRuntime","poststop"],
            "mountOptions":["rro","bind"],"linux":{"namespaces":["pid","uts"]}}"#,
        )
        .unwrap();
        let newer: Value = serde_json::from_str(
            r#"{"ociVersionMax":"1.3.0","hooks":["createContainer"],"mountOptions":["idmap"],
            "linux":{"namespaces":["time"],"mountExtensions":{"idmap":{"enabled":true}}}}"#,
        )
        .unwrap();
        let not_listed = |what, name: &str| Unsupported::NotListed {
            what,
            name: name.to_owned(),
        };
        for (spec, want) in [
            (
                r#"{"process":{"args":["x"]},"linux":{"namespaces":[{"type":"pid"}]}}"#,
                None,
            ),
            (
                r#"{"process":{"scheduler":{"policy":"SCHED_BATCH"}}}"#,
                Some(Unsupported::Newer {
                    member: "process.scheduler",
                    since: "1.1.0",
                    knows: "1.0.2-dev".to_owned(),
                }),
            ),
            (
                r#"{"linux":{"namespaces":[{"type":"time"}]}}"#,
                Some(not_listed("namespace", "time")),
            ),
            (
                r#"{"hooks":{"createRuntime":[{"path":"/x"}],"createContainer":[{"path":"/x"}]}}"#,
                Some(not_listed("hook", "createContainer")),
            ),
            (
                r#"{"mounts":[{"options":["rro","idmap"]},{"options":["idmap"]}]}"#,
                Some(not_listed("mount option", "idmap")),
            ),
            (
                r#"{"mounts":[{"uidMappings":[]}]}"#,
                Some(not_listed("mount with", "uidMappings")),
            ),
        ] {
            let parsed = Spec::parse(spec.as_bytes()).unwrap();
            let got = missing(&runc_1_1, &parsed);
            assert_eq!(got, want.into_iter().collect::<Vec<_>>(), "{spec}");
            if !spec.contains("rro") && !spec.contains("createRuntime") {
                assert_eq!(missing(&newer, &parsed), vec![], "{spec}");
            }
        }
    }
}
