//! Seccomp profiles in docker's format, translated to the runtime-spec's `linux.seccomp`.
//!
//! A profile names rules for many machines at once; a rule counts where its `includes` hold and
//! its `excludes` do not: architecture (Go's name), capabilities of the process, least kernel.
//! The default is containers/common's profile, which podman uses (see `data/README.md`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::capability::{Capability, CapabilitySet};

/// The default profile.
const DEFAULT_PROFILE: &[u8] = include_bytes!("../data/seccomp.json");
/// Most bytes of a profile file.
pub const PROFILE_BYTES: u64 = 1 << 20;

/// Why a profile is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeccompError {
    /// The file is no JSON of the right shape.
    #[error("seccomp profile is not of docker's format")]
    Json(#[from] oci::json::JsonError),
    /// A profile gives both `architectures` and `archMap`.
    #[error("seccomp profile has both architectures and archMap")]
    TwoArchitectures,
    /// A rule gives both `name` and `names`.
    #[error("seccomp rule {index} has both name and names")]
    TwoNames {
        /// Which rule, from 0.
        index: usize,
    },
    /// `minKernel` is not `MAJOR.MINOR`.
    #[error("seccomp rule {index}: {text:?} is no kernel version (MAJOR.MINOR)")]
    BadKernel {
        /// Which rule, from 0.
        index: usize,
        /// The text.
        text: String,
    },
}

/// The machine and process that a profile is translated for.
#[derive(Clone, Debug)]
pub struct SeccompTarget<'a> {
    /// The architecture by Go's name (`amd64`).
    pub architecture: &'a str,
    /// What the process is given.
    pub capabilities: &'a CapabilitySet,
    /// The kernel's version. Unknown means new: the rules that ask for one are taken.
    pub kernel: Option<(u32, u32)>,
}

/// A profile in docker's format.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchMap>>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: Option<String>,
    #[serde(default)]
    listener_metadata: Option<String>,
    #[serde(default)]
    syscalls: Option<Vec<Rule>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    names: Option<Vec<String>>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    arches: Option<Vec<String>>,
    #[serde(default)]
    caps: Option<Vec<String>>,
    #[serde(default)]
    min_kernel: Option<String>,
}

impl SeccompProfile {
    /// Parses a profile.
    ///
    /// # Errors
    /// Bytes that are not JSON of docker's format, or more than [`PROFILE_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SeccompError> {
        let profile: Self = oci::json::from_slice(bytes, PROFILE_BYTES)?;
        if profile
            .architectures
            .as_ref()
            .is_some_and(|list| !list.is_empty())
            && profile
                .arch_map
                .as_ref()
                .is_some_and(|list| !list.is_empty())
        {
            return Err(SeccompError::TwoArchitectures);
        }
        Ok(profile)
    }

    /// Returns podman's default profile.
    ///
    /// # Errors
    /// Never with the profile that this crate carries; a test holds that.
    pub fn container_default() -> Result<Self, SeccompError> {
        Self::parse(DEFAULT_PROFILE)
    }

    /// Translates the profile into `linux.seccomp` of config.json.
    ///
    /// # Errors
    /// A rule that contradicts itself.
    pub fn translate(&self, target: &SeccompTarget<'_>) -> Result<Value, SeccompError> {
        let mut out = Map::new();
        out.insert("defaultAction".into(), json!(self.default_action));
        if let Some(errno) = self.default_errno_ret {
            out.insert("defaultErrnoRet".into(), json!(errno));
        }
        let architectures = self.architectures_for(target.architecture);
        if !architectures.is_empty() {
            out.insert("architectures".into(), json!(architectures));
        }
        for (key, value) in [
            ("listenerPath", &self.listener_path),
            ("listenerMetadata", &self.listener_metadata),
        ] {
            if let Some(text) = value {
                out.insert(key.into(), json!(text));
            }
        }
        if let Some(flags) = &self.flags {
            out.insert("flags".into(), json!(flags));
        }
        let mut syscalls = Vec::new();
        for (index, rule) in self.syscalls.iter().flatten().enumerate() {
            if rule.includes.allows(index, target)? && !rule.excludes.forbids(index, target)? {
                syscalls.push(rule.to_json(index)?);
            }
        }
        out.insert("syscalls".into(), Value::Array(syscalls));
        Ok(Value::Object(out))
    }

    /// The native architecture and those that run beside it.
    fn architectures_for(&self, architecture: &str) -> Vec<&str> {
        if let Some(list) = self.architectures.as_ref().filter(|list| !list.is_empty()) {
            return list.iter().map(String::as_str).collect();
        }
        let native = native_name(architecture);
        let entry = self
            .arch_map
            .iter()
            .flatten()
            .find(|entry| Some(&*entry.architecture) == native);
        entry.map_or_else(Vec::new, |entry| {
            let subs = entry.sub_architectures.iter().flatten().map(String::as_str);
            std::iter::once(entry.architecture.as_str())
                .chain(subs)
                .collect()
        })
    }
}

impl Rule {
    fn to_json(&self, index: usize) -> Result<Value, SeccompError> {
        let names: Vec<&str> = match (&self.name, &self.names) {
            (Some(name), None) => vec![name],
            (None, names) => names.iter().flatten().map(String::as_str).collect(),
            (Some(_), Some(_)) => return Err(SeccompError::TwoNames { index }),
        };
        let mut out = Map::new();
        out.insert("names".into(), json!(names));
        out.insert("action".into(), json!(self.action));
        if let Some(errno) = self.errno_ret {
            out.insert("errnoRet".into(), json!(errno));
        }
        let args: Vec<Value> = self.args.iter().flatten().map(Argument::to_json).collect();
        if !args.is_empty() {
            out.insert("args".into(), Value::Array(args));
        }
        Ok(Value::Object(out))
    }
}

impl Argument {
    fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("index".into(), json!(self.index));
        out.insert("value".into(), json!(self.value));
        if self.value_two != 0 {
            out.insert("valueTwo".into(), json!(self.value_two));
        }
        out.insert("op".into(), json!(self.op));
        Value::Object(out)
    }
}

impl Filter {
    /// As `includes`: every condition has to hold.
    fn allows(&self, index: usize, target: &SeccompTarget<'_>) -> Result<bool, SeccompError> {
        let arch = self.arches.as_ref().filter(|list| !list.is_empty());
        let caps = self.caps.as_ref().filter(|list| !list.is_empty());
        Ok(
            arch.is_none_or(|list| list.iter().any(|name| name == target.architecture))
                && caps.is_none_or(|list| list.iter().all(|name| has(target, name)))
                && self.kernel(index, target)?.unwrap_or(true),
        )
    }

    /// As `excludes`: one condition is enough.
    fn forbids(&self, index: usize, target: &SeccompTarget<'_>) -> Result<bool, SeccompError> {
        Ok(self
            .arches
            .iter()
            .flatten()
            .any(|name| name == target.architecture)
            || self.caps.iter().flatten().any(|name| has(target, name))
            || self.kernel(index, target)?.unwrap_or(false))
    }

    /// Whether the kernel is new enough; `None` when nothing is asked.
    fn kernel(
        &self,
        index: usize,
        target: &SeccompTarget<'_>,
    ) -> Result<Option<bool>, SeccompError> {
        let Some(text) = self.min_kernel.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let bad = || SeccompError::BadKernel {
            index,
            text: text.chars().take(64).collect(),
        };
        let (major, minor) = text.split_once('.').ok_or_else(bad)?;
        let least: (u32, u32) = (
            major.parse().map_err(|_| bad())?,
            minor.parse().map_err(|_| bad())?,
        );
        Ok(Some(target.kernel.is_none_or(|kernel| kernel >= least)))
    }
}

fn has(target: &SeccompTarget<'_>, name: &str) -> bool {
    Capability::parse(name).is_ok_and(|capability| target.capabilities.contains(capability))
}

/// libseccomp's name of an architecture of Go.
fn native_name(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "386" => "SCMP_ARCH_X86",
        "amd64" => "SCMP_ARCH_X86_64",
        "arm" => "SCMP_ARCH_ARM",
        "arm64" => "SCMP_ARCH_AARCH64",
        "mips64" => "SCMP_ARCH_MIPS64",
        "mips64le" => "SCMP_ARCH_MIPSEL64",
        "ppc64le" => "SCMP_ARCH_PPC64LE",
        "riscv64" => "SCMP_ARCH_RISCV64",
        "s390x" => "SCMP_ARCH_S390X",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(capabilities: &CapabilitySet, architecture: &str) -> Value {
        let target = SeccompTarget {
            architecture,
            capabilities,
            kernel: Some((6, 1)),
        };
        SeccompProfile::container_default()
            .unwrap()
            .translate(&target)
            .unwrap()
    }

    /// The action of the first rule without arguments that names `syscall`.
    fn action<'a>(seccomp: &'a Value, syscall: &str) -> Option<&'a str> {
        seccomp["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|rule| {
                let names = rule["names"].as_array().unwrap();
                (names.iter().any(|name| name == syscall) && rule.get("args").is_none())
                    .then(|| rule["action"].as_str().unwrap())
            })
    }

    #[test]
    fn capabilities_open_their_calls() {
        let default = translate(&CapabilitySet::container_default(), "amd64");
        let all = translate(&CapabilitySet::all(), "amd64");
        for (syscall, by_default, with_all) in [
            ("read", "SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW"),
            ("chroot", "SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW"),
            ("bpf", "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"),
            ("perf_event_open", "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"),
            ("init_module", "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"),
            ("kexec_load", "SCMP_ACT_ERRNO", "SCMP_ACT_ERRNO"),
        ] {
            assert_eq!(action(&default, syscall), Some(by_default), "{syscall}");
            assert_eq!(action(&all, syscall), Some(with_all), "{syscall}");
        }
        assert_eq!(default["defaultAction"], "SCMP_ACT_ERRNO");
        assert_eq!(default["defaultErrnoRet"], 38);
    }

    #[test]
    fn architectures_open_their_calls() {
        let set = CapabilitySet::container_default();
        let amd64 = translate(&set, "amd64");
        assert_eq!(
            amd64["architectures"],
            json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
        );
        assert_eq!(action(&amd64, "arch_prctl"), Some("SCMP_ACT_ALLOW"));
        let arm64 = translate(&set, "arm64");
        assert_eq!(
            arm64["architectures"],
            json!(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
        );
        assert_eq!(action(&arm64, "arch_prctl"), None);
        assert_eq!(action(&arm64, "cacheflush"), Some("SCMP_ACT_ALLOW"));
    }

    #[test]
    fn kernels_open_their_calls() {
        let profile = SeccompProfile::parse(
            br#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
                {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
                {"name":"old","action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"4.8"}}]}"#,
        )
        .unwrap();
        let set = CapabilitySet::default();
        for (kernel, want) in [
            (None, "ptrace"),
            (Some((4, 7)), "old"),
            (Some((4, 10)), "ptrace"),
        ] {
            let target = SeccompTarget {
                architecture: "amd64",
                capabilities: &set,
                kernel,
            };
            let out = profile.translate(&target).unwrap();
            let first = if kernel.is_none() {
                &out["syscalls"][0]["names"][0]
            } else {
                assert_eq!(out["syscalls"].as_array().unwrap().len(), 1, "{kernel:?}");
                &out["syscalls"][0]["names"][0]
            };
            assert_eq!(first, want, "{kernel:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let set = CapabilitySet::default();
        let target = SeccompTarget {
            architecture: "amd64",
            capabilities: &set,
            kernel: None,
        };
        for text in [
            r#"{"defaultAction":"A","architectures":["x"],"archMap":[{"architecture":"y"}]}"#,
            r#"{"defaultAction":"A","syscalls":[{"name":"a","names":["b"],"action":"A"}]}"#,
            r#"{"defaultAction":"A","syscalls":[{"names":["b"],"action":"A","includes":{"minKernel":"4"}}]}"#,
            r#"{"syscalls":[]}"#,
            r#"{"defaultAction":"A","defaultAction":"B"}"#,
        ] {
            let result = SeccompProfile::parse(text.as_bytes()).and_then(|p| p.translate(&target));
            assert!(result.is_err(), "{text}");
        }
    }
}
