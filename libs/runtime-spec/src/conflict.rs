//! Options that contradict each other.
//!
//! What is asked for is done or refused, never dropped in silence: of two options that exclude
//! each other none wins.

use serde_json::Value;

use crate::capability::Capability;
use crate::options::{CapabilityChoice, GenerateOptions, IdMap, Mount, Placement};
use crate::spec::Spec;

/// Why options can not be honoured together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// A namespace is asked for in two places.
    #[error("the {kind} namespace is asked for twice, and differently")]
    Namespace {
        /// Its type.
        kind: &'static str,
    },
    /// Mappings belong to the namespace that is made with them.
    #[error(
        "mappings of user and group numbers need a new user namespace, and {asked} is asked for"
    )]
    MappedElsewhere {
        /// Which one instead.
        asked: &'static str,
    },
    /// A user namespace without mappings has no users.
    #[error(
        "a new user namespace needs mappings of user and of group numbers; there are none of {missing} numbers"
    )]
    Unmapped {
        /// Which are missing.
        missing: &'static str,
    },
    /// A number is in two ranges of a mapping.
    #[error("mappings of {what} numbers overlap at {number} {side} the container")]
    Overlap {
        /// `user` or `group`.
        what: &'static str,
        /// `inside` or `outside`.
        side: &'static str,
        /// The first number that is in two ranges.
        number: u32,
    },
    /// The process would run under a number that its namespace does not have.
    #[error("{what} {number} of the process is in no mapping of its user namespace")]
    UnmappedProcess {
        /// `user` or `group`.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// A capability is added and taken away.
    #[error("capability {name} is both added and taken away")]
    Capability {
        /// Its name, or `ALL`.
        name: &'static str,
    },
    /// Two mounts are asked for at one place.
    #[error("two mounts are asked for at {destination:?}")]
    Mount {
        /// The place.
        destination: String,
    },
    /// A kernel setting would be the host's.
    #[error(
        "kernel setting {key} needs a {kind} namespace of the container, and the host's is asked for"
    )]
    Sysctl {
        /// The setting.
        key: String,
        /// The namespace that keeps it.
        kind: &'static str,
    },
    /// A host name was asked for, but the container shares the host's.
    #[error("a host name needs a uts namespace of the container, and the host's is asked for")]
    Hostname,
}

/// Holds the options against each other, before anything is made from them.
pub(crate) fn check_options(options: &GenerateOptions) -> Result<(), Conflict> {
    for (index, one) in options.namespaces.iter().enumerate() {
        if options.namespaces[..index]
            .iter()
            .any(|other| other.kind == one.kind && other.placement != one.placement)
        {
            return Err(Conflict::Namespace { kind: one.kind });
        }
    }
    mappings(options)?;
    capabilities(options)?;
    for (index, mount) in options.mounts.iter().enumerate() {
        let there = Mount::destination;
        if options.mounts[..index]
            .iter()
            .any(|other| there(other) == there(mount))
        {
            let destination = mount.destination().to_owned();
            return Err(Conflict::Mount { destination });
        }
    }
    Ok(())
}

fn mappings(options: &GenerateOptions) -> Result<(), Conflict> {
    let mapped = !options.uid_maps.is_empty() || !options.gid_maps.is_empty();
    let user = options.namespaces.iter().find(|one| one.kind == "user");
    let asked = match user.map(|one| &one.placement) {
        Some(Placement::Host) => Some("the host's"),
        Some(Placement::Path(_)) => Some("one that is there"),
        Some(Placement::New) | None => None,
    };
    if let Some(asked) = asked.filter(|_| mapped) {
        return Err(Conflict::MappedElsewhere { asked });
    }
    for (what, maps) in [("user", &options.uid_maps), ("group", &options.gid_maps)] {
        let inside = |map: &IdMap| map.container_id;
        let outside = |map: &IdMap| map.host_id;
        let overlap = |side, first: fn(&IdMap) -> u32| {
            let mut ranges: Vec<(u32, u32)> =
                maps.iter().map(|map| (first(map), map.size)).collect();
            ranges.sort_unstable();
            let pair = ranges
                .windows(2)
                .find(|pair| pair[1].0 < pair[0].0.saturating_add(pair[0].1))?;
            let number = pair[1].0;
            Some(Conflict::Overlap { what, side, number })
        };
        if let Some(conflict) = overlap("inside", inside).or_else(|| overlap("outside", outside)) {
            return Err(conflict);
        }
    }
    Ok(())
}

/// podman's rule: neither one capability nor `ALL` can be both added and taken away. `ALL` beside
/// single ones is the usual way to say "all but" and "only".
fn capabilities(options: &GenerateOptions) -> Result<(), Conflict> {
    let name = |choice: &CapabilityChoice| match choice {
        CapabilityChoice::All => "ALL",
        CapabilityChoice::One(capability) => capability.name(),
    };
    let ambient = options
        .cap_add_ambient
        .iter()
        .copied()
        .map(Capability::name);
    let added: Vec<&str> = options.cap_add.iter().map(name).chain(ambient).collect();
    match options
        .cap_drop
        .iter()
        .map(name)
        .find(|name| added.contains(name))
    {
        Some(name) => Err(Conflict::Capability { name }),
        None => Ok(()),
    }
}

/// Holds what options ask for against the namespaces that came out, those of a template included.
pub(crate) fn check_made(options: &GenerateOptions, spec: &Spec) -> Result<(), Conflict> {
    let namespace = |kind: &str| {
        let list = spec.get(&["linux", "namespaces"]).and_then(Value::as_array);
        list?.iter().find(|entry| entry["type"] == kind)
    };
    for sysctl in &options.sysctls {
        let kind = match sysctl.key.as_str() {
            "kernel.domainname" => "uts",
            key if key.starts_with("net.") => "network",
            _ => "ipc",
        };
        if namespace(kind).is_none() {
            let key = sysctl.key.clone();
            return Err(Conflict::Sysctl { key, kind });
        }
    }
    let asked = !options.uid_maps.is_empty()
        || !options.gid_maps.is_empty()
        || options.namespaces.iter().any(|one| one.kind == "user");
    let new_user = namespace("user").is_some_and(|entry| entry["path"].is_null());
    if !(asked && new_user) {
        return Ok(());
    }
    let maps = |key: &str| {
        let list = spec.get(&["linux", key]).and_then(Value::as_array);
        list.map_or(&[][..], Vec::as_slice)
    };
    let (users, groups) = (maps("uidMappings"), maps("gidMappings"));
    let missing = match (users.is_empty(), groups.is_empty()) {
        (true, true) => Some("user and group"),
        (true, false) => Some("user"),
        (false, true) => Some("group"),
        (false, false) => None,
    };
    if let Some(missing) = missing {
        return Err(Conflict::Unmapped { missing });
    }
    for (what, member, maps) in [("user", "uid", users), ("group", "gid", groups)] {
        let process = spec
            .get(&["process", "user", member])
            .and_then(Value::as_u64);
        let number = process.unwrap_or(0);
        let holds = |map: &Value| {
            let first = map["containerID"].as_u64()?;
            let size = map["size"].as_u64()?;
            Some((first..first.saturating_add(size)).contains(&number))
        };
        if !maps.iter().any(|map| holds(map).unwrap_or(false)) {
            return Err(Conflict::UnmappedProcess { what, number });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Namespace, Sysctl};

    fn namespaces(texts: &[&str]) -> Vec<Namespace> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn maps(texts: &[&str]) -> Vec<IdMap> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn choices(texts: &[&str]) -> Vec<CapabilityChoice> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        let default = GenerateOptions::default;
        let table = [
            (
                GenerateOptions {
                    namespaces: namespaces(&["pid=host", "pid"]),
                    ..default()
                },
                Some(Conflict::Namespace { kind: "pid" }),
            ),
            (
                GenerateOptions {
                    namespaces: namespaces(&["pid", "pid=new"]),
                    ..default()
                },
                None,
            ),
            (
                GenerateOptions {
                    namespaces: namespaces(&["user=host"]),
                    uid_maps: maps(&["0:1:2"]),
                    ..default()
                },
                Some(Conflict::MappedElsewhere {
                    asked: "the host's",
                }),
            ),
            (
                GenerateOptions {
                    namespaces: namespaces(&["user=/proc/1/ns/user"]),
                    gid_maps: maps(&["0:1:2"]),
                    ..default()
                },
                Some(Conflict::MappedElsewhere {
                    asked: "one that is there",
                }),
            ),
            (
                GenerateOptions {
                    uid_maps: maps(&["9:100:2", "0:1:10"]),
                    ..default()
                },
                Some(Conflict::Overlap {
                    what: "user",
                    side: "inside",
                    number: 9,
                }),
            ),
            (
                GenerateOptions {
                    gid_maps: maps(&["0:1:10", "10:10:1"]),
                    ..default()
                },
                Some(Conflict::Overlap {
                    what: "group",
                    side: "outside",
                    number: 10,
                }),
            ),
            (
                GenerateOptions {
                    gid_maps: maps(&["0:1:10", "10:11:1"]),
                    ..default()
                },
                None,
            ),
            (
                GenerateOptions {
                    cap_add: choices(&["kill"]),
                    cap_drop: choices(&["CAP_KILL"]),
                    ..default()
                },
                Some(Conflict::Capability { name: "CAP_KILL" }),
            ),
            (
                GenerateOptions {
                    cap_add: choices(&["all"]),
                    cap_drop: choices(&["ALL"]),
                    ..default()
                },
                Some(Conflict::Capability { name: "ALL" }),
            ),
            (
                GenerateOptions {
                    cap_add_ambient: vec![Capability::parse("kill").unwrap()],
                    cap_drop: choices(&["kill"]),
                    ..default()
                },
                Some(Conflict::Capability { name: "CAP_KILL" }),
            ),
            (
                GenerateOptions {
                    cap_add: choices(&["kill"]),
                    cap_drop: choices(&["ALL"]),
                    ..default()
                },
                None,
            ),
            (
                GenerateOptions {
                    mounts: vec![
                        Mount::tmpfs("/x").unwrap(),
                        Mount::bind("/tmp:/x/").unwrap(),
                    ],
                    ..default()
                },
                Some(Conflict::Mount {
                    destination: "/x".to_owned(),
                }),
            ),
        ];
        for (options, want) in table {
            assert_eq!(check_options(&options).err(), want, "{options:?}");
        }
    }

    #[test]
    fn options_have_to_fit_the_namespaces() {
        let spec = |text: &str| Spec::parse(text.as_bytes()).unwrap();
        let sysctl = |text: &str| GenerateOptions {
            sysctls: vec![text.parse::<Sysctl>().unwrap()],
            ..GenerateOptions::default()
        };
        let net =
            spec(r#"{"linux":{"namespaces":[{"type":"network"},{"type":"ipc","path":"/p"}]}}"#);
        for (text, kind) in [
            ("net.ipv4.ip_forward=1", None),
            ("kernel.shmmax=1", None),
            ("fs.mqueue.msg_max=1", None),
            ("kernel.domainname=x", Some("uts")),
        ] {
            let got = check_made(&sysctl(text), &net).err();
            let key = text.split('=').next().unwrap_or_default().to_owned();
            assert_eq!(
                got,
                kind.map(|kind| Conflict::Sysctl { key, kind }),
                "{text}"
            );
        }
        let user = GenerateOptions {
            namespaces: namespaces(&["user"]),
            ..GenerateOptions::default()
        };
        let one = r#"[{"containerID":0,"hostID":1,"size":5}]"#;
        for (members, want) in [
            (
                "".to_owned(),
                Some(Conflict::Unmapped {
                    missing: "user and group",
                }),
            ),
            (
                format!(r#","uidMappings":{one}"#),
                Some(Conflict::Unmapped { missing: "group" }),
            ),
            (
                format!(r#","gidMappings":{one}"#),
                Some(Conflict::Unmapped { missing: "user" }),
            ),
            (
                format!(r#","uidMappings":{one},"gidMappings":{one}"#),
                Some(Conflict::UnmappedProcess {
                    what: "group",
                    number: 5,
                }),
            ),
        ] {
            let text = format!(
                r#"{{"process":{{"user":{{"uid":4,"gid":5}}}},"linux":{{"namespaces":[{{"type":"user"}}]{members}}}}}"#
            );
            assert_eq!(check_made(&user, &spec(&text)).err(), want, "{text}");
            // Nobody asked for a change, and joined namespaces have their own mappings.
            assert_eq!(
                check_made(&GenerateOptions::default(), &spec(&text)),
                Ok(())
            );
            let joined = text.replace(r#"{"type":"user"}"#, r#"{"type":"user","path":"/p"}"#);
            assert_eq!(check_made(&user, &spec(&joined)), Ok(()));
        }
    }
}
