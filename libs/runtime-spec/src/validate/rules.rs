//! The rules of config.md beside those of the process: version, root, mounts, hooks, annotations.

use serde_json::Value;

use super::{Report, dig, list, shorten, step};
use crate::defaults::HOSTNAME_BYTES;

pub(super) fn check(document: &Value, report: &mut Report) {
    version(document, report);
    root(document, report);
    mounts(document, report);
    hostname(document, report);
    hooks(document, report);
    annotations(document, report);
}

fn version(document: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#specification-version";
    let Some(version) = dig(document, &["ociVersion"]).and_then(Value::as_str) else {
        return;
    };
    match major(version) {
        None => report.must(
            "$.ociVersion",
            format!("{:?} is no version after SemVer 2.0.0", shorten(version)),
            SECTION,
        ),
        Some("1") => {}
        Some(_) => report.should(
            "$.ociVersion",
            format!(
                "{:?} is another major version than runtimes support (1)",
                shorten(version)
            ),
            SECTION,
        ),
    }
}

/// The major version of `text`, when it is a version after SemVer 2.0.0.
fn major(text: &str) -> Option<&str> {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let good = core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| {
            pre.split('.')
                .all(|p| word(p) && (!numeric(p) || number(p)))
        })
        && build.is_none_or(|build| build.split('.').all(word));
    good.then(|| core.split('.').next()).flatten()
}

fn root(document: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#root";
    let windows = document.get("windows").is_some();
    if document.get("root").is_none() && !windows {
        report.must("$.root", "this has to be there", SECTION);
    }
    let Some(path) = dig(document, &["root", "path"]).and_then(Value::as_str) else {
        return;
    };
    if path.is_empty() {
        report.must("$.root.path", "the path is empty", SECTION);
    } else if path.contains('\0') {
        report.must("$.root.path", "the path has a NUL byte", SECTION);
    } else if path == "/" {
        report.should(
            "$.root.path",
            "the host's own root is no root for a container",
            SECTION,
        );
    } else if path != "rootfs" {
        report.may("$.root.path", "by convention this is \"rootfs\"", SECTION);
    }
}

/// Where runc and crun do mount below `/proc`.
const BELOW_PROC: [&str; 12] = [
    "/cpuinfo",
    "/diskstats",
    "/loadavg",
    "/meminfo",
    "/net/dev",
    "/slabinfo",
    "/stat",
    "/swaps",
    "/sys/crypto/fips_enabled",
    "/sys/fs/binfmt_misc",
    "/sys/kernel/ns_last_pid",
    "/uptime",
];

fn mounts(document: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#mounts";
    let mut seen: Vec<&str> = Vec::new();
    for (index, mount) in list(document, &["mounts"]).iter().enumerate() {
        let at = format!("$.mounts[{index}]");
        if let Some(destination) = mount.get("destination").and_then(Value::as_str) {
            let at = format!("{at}.destination");
            if !destination.starts_with('/') {
                report.must(
                    &at,
                    format!("{:?} is not an absolute path", shorten(destination)),
                    SECTION,
                );
            }
            if destination.chars().any(char::is_control) {
                report.must(&at, "the path has control characters", SECTION);
            }
            if destination.split('/').any(|part| part == "..") {
                report.should(&at, "the path climbs (..)", SECTION);
            }
            let below = destination.trim_end_matches('/').strip_prefix("/proc");
            let kind = mount.get("type").and_then(Value::as_str);
            if below == Some("") && kind != Some("proc") {
                report.should(
                    &at,
                    "this is no proc file system; runtimes confine the process by writing there (CVE-2019-16884)",
                    SECTION,
                );
            } else if below.is_some_and(|rest| rest.starts_with('/') && !BELOW_PROC.contains(&rest))
            {
                report.should(&at, "runtimes refuse mounts below /proc", SECTION);
            }
            if seen.contains(&destination) {
                report.may(
                    &at,
                    "an earlier mount has this place and is hidden",
                    SECTION,
                );
            }
            seen.push(destination);
        }
        let kind = mount.get("type").and_then(Value::as_str);
        let bind = list(mount, &["options"])
            .iter()
            .any(|o| o == "bind" || o == "rbind");
        if kind.is_none() && !bind {
            report.must(
                format!("{at}.type"),
                "a mount that is no bind needs a type",
                SECTION,
            );
        }
        if bind
            && mount
                .get("source")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
        {
            report.must(
                format!("{at}.source"),
                "a bind mount needs a source",
                SECTION,
            );
        }
        for key in ["uidMappings", "gidMappings"] {
            let other = if key == "uidMappings" {
                "gidMappings"
            } else {
                "uidMappings"
            };
            if mount.get(key).is_some() && mount.get(other).is_none() {
                report.must(
                    format!("{at}.{other}"),
                    format!("this has to be there where {key} is"),
                    SECTION,
                );
            }
        }
    }
}

fn hostname(document: &Value, report: &mut Report) {
    for (key, section) in [
        ("hostname", "config.md#hostname"),
        ("domainname", "config.md#domainname"),
    ] {
        let Some(name) = dig(document, &[key]).and_then(Value::as_str) else {
            continue;
        };
        if name.len() > HOSTNAME_BYTES || name.chars().any(char::is_control) {
            report.must(
                format!("$.{key}"),
                "a name has at most 64 bytes and no control characters",
                section,
            );
        }
    }
}

fn hooks(document: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#posix-platform-hooks";
    let Some(stages) = dig(document, &["hooks"]).and_then(Value::as_object) else {
        return;
    };
    for (stage, hooks) in stages {
        if stage == "prestart" && hooks.as_array().is_some_and(|list| !list.is_empty()) {
            report.should("$.hooks.prestart", "deprecated: use createRuntime", SECTION);
        }
        for (index, hook) in hooks.as_array().into_iter().flatten().enumerate() {
            let at = format!("$.hooks{}[{index}]", step(stage));
            if let Some(path) = hook.get("path").and_then(Value::as_str)
                && !path.starts_with('/')
            {
                report.must(
                    format!("{at}.path"),
                    format!("{:?} is not an absolute path", shorten(path)),
                    SECTION,
                );
            }
            environment(list(hook, &["env"]), &format!("{at}.env"), SECTION, report);
        }
    }
}

/// Holds entries to `NAME=VALUE`.
pub(super) fn environment(entries: &[Value], at: &str, section: &str, report: &mut Report) {
    for (index, entry) in entries.iter().enumerate() {
        let Some(text) = entry.as_str() else { continue };
        let name = text.split_once('=').map(|(name, _)| name);
        if name.is_none_or(str::is_empty) {
            report.must(
                format!("{at}[{index}]"),
                format!("{:?} is not NAME=VALUE", shorten(text)),
                section,
            );
        } else if text.contains('\0') {
            report.must(
                format!("{at}[{index}]"),
                "the entry has a NUL byte",
                section,
            );
        }
    }
}

fn annotations(document: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#annotations";
    let Some(annotations) = dig(document, &["annotations"]).and_then(Value::as_object) else {
        return;
    };
    for (key, value) in annotations {
        let at = format!("$.annotations{}", step(key));
        if key.is_empty() {
            report.must(&at, "a key is not empty", SECTION);
        } else if key.chars().any(char::is_control) {
            report.should(&at, "the key has control characters", SECTION);
        } else if !is_reverse_domain(key) {
            report.should(
                &at,
                "keys are named after a reversed domain (com.example.key)",
                SECTION,
            );
        }
        if value
            .as_str()
            .is_some_and(|value| value.chars().any(char::is_control))
        {
            report.should(&at, "the value has control characters", SECTION);
        }
        let reserved = key.starts_with("org.opencontainers.");
        if reserved && !key.starts_with("org.opencontainers.image.") && key.matches('.').count() > 1
        {
            report.may(&at, "keys below org.opencontainers are reserved", SECTION);
        }
    }
}

fn is_reverse_domain(key: &str) -> bool {
    let domain = key.split('/').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions() {
        for (text, want) in [
            ("1.0.2", Some("1")),
            ("1.0.2-dev", Some("1")),
            ("1.0.0-rc.1+b.01", Some("1")),
            ("2.0.0", Some("2")),
            ("1.0", None),
            ("01.0.0", None),
            ("1.0.0-", None),
            ("1.0.0-01", None),
            ("v1.0.0", None),
            ("1.0.0.0", None),
            ("", None),
        ] {
            assert_eq!(major(text), want, "{text:?}");
        }
    }
}
