//! A configuration held against the root file system that it is for.
//!
//! Runtimes have been led to the host by what an image has at the places that they mount on or
//! start in. What is found is true of this moment only; nothing else may write to the root
//! meanwhile.

use std::path::Path;

use runtime_spec::validate::SPEC_BASE;
use runtime_spec::{Finding, Severity, Spec};
use rustix::fs::FileType;
use serde_json::Value;

use crate::rootfs::{Followed, Rootfs, RootfsError, name_of};

/// Where `process.args[0]` is looked for when the environment does not say.
const PATH: &str = runtime_spec::defaults::PATH;

/// Returns what is wrong with `spec` for this root; of [`Severity::Must`] is what can lead out of it.
///
/// # Errors
/// The root can not be read.
pub fn inspect(root: &Rootfs, spec: &Spec) -> Result<Vec<Finding>, RootfsError> {
    let mut out = Vec::new();
    match root.check() {
        Ok(()) => {}
        Err(error @ RootfsError::NotADirectory { .. }) => {
            out.push(must("$.root.path", error.to_string(), "config.md#root"));
        }
        Err(error) => return Err(error),
    }
    let mounts = spec.get(&["mounts"]).and_then(Value::as_array);
    let mounts = mounts.map_or(&[][..], Vec::as_slice);
    self::mounts(root, mounts, &mut out)?;
    devices(root, spec, mounts, &mut out)?;
    working_directory(root, spec, mounts, &mut out)?;
    program(root, spec, mounts, &mut out)?;
    Ok(out)
}

fn finding(severity: Severity, path: &str, message: String, section: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        severity,
        message,
        reference: format!("{SPEC_BASE}{section}"),
    }
}

fn must(path: &str, message: String, section: &str) -> Finding {
    finding(Severity::Must, path, message, section)
}

/// Whether a mount hides the place, so that what the root has there does not count.
fn is_covered(path: &str, mounts: &[Value]) -> bool {
    mounts.iter().any(|mount| {
        let destination = mount["destination"]
            .as_str()
            .unwrap_or("/")
            .trim_end_matches('/');
        !destination.is_empty()
            && path
                .strip_prefix(destination)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn mounts(root: &Rootfs, mounts: &[Value], out: &mut Vec<Finding>) -> Result<(), RootfsError> {
    const SECTION: &str = "config.md#mounts";
    for (index, mount) in mounts.iter().enumerate() {
        let Some(destination) = mount["destination"].as_str() else {
            continue;
        };
        // What lies on an earlier mount is not looked up in the root.
        if !destination.starts_with('/') || is_covered(destination, &mounts[..index]) {
            continue;
        }
        let at = format!("$.mounts[{index}].destination");
        let Followed {
            path, links, found, ..
        } = root.follow(Path::new(destination))?;
        let kind = mount["type"].as_str().unwrap_or_default();
        let kernel = [
            "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "devtmpfs",
        ];
        let special = kernel.contains(&kind)
            || ["/dev", "/proc", "/sys"]
                .iter()
                .any(|dir| Path::new(destination).starts_with(dir) || path.starts_with(dir));
        let bind = mount["options"].as_array().is_some_and(|list| {
            list.iter()
                .any(|option| option == "bind" || option == "rbind")
        });
        if links > 0 && special {
            let message = format!(
                "{destination:?} leads through a symlink to {:?}; runtimes were led to the host by those (CVE-2023-27561)",
                path.display().to_string()
            );
            out.push(must(&at, message, SECTION));
        } else if links > 0 {
            let message = format!(
                "{destination:?} leads through a symlink to {:?}",
                path.display().to_string()
            );
            out.push(finding(Severity::May, &at, message, SECTION));
        } else if let Some(found) = found.filter(|found| *found != FileType::Directory && !bind) {
            let message = format!("{destination:?} is {} and no directory", name_of(found));
            out.push(must(&at, message, SECTION));
        }
    }
    Ok(())
}

/// `/dev/null` hides the masked paths and stands for streams that are closed, `/dev/console` becomes
/// the terminal: where `/dev` is not mounted, the image has put them there.
fn devices(
    root: &Rootfs,
    spec: &Spec,
    mounts: &[Value],
    out: &mut Vec<Finding>,
) -> Result<(), RootfsError> {
    for (device, wanted, attacks) in [
        ("/dev/null", true, "CVE-2025-31133, CVE-2026-88265"),
        (
            "/dev/console",
            spec.terminal(),
            "CVE-2025-52565, CVE-2026-88264",
        ),
    ] {
        if !wanted || is_covered(device, mounts) {
            continue;
        }
        let there = root.follow(Path::new(device))?;
        if there.links > 0 {
            let message = format!("{device} is a symlink, and no mount hides it ({attacks})");
            out.push(must(
                "$.root.path",
                message,
                "config-linux.md#default-devices",
            ));
        }
    }
    Ok(())
}

fn working_directory(
    root: &Rootfs,
    spec: &Spec,
    mounts: &[Value],
    out: &mut Vec<Finding>,
) -> Result<(), RootfsError> {
    const SECTION: &str = "config.md#process";
    const AT: &str = "$.process.cwd";
    let cwd = spec.get(&["process", "cwd"]).and_then(Value::as_str);
    let Some(cwd) = cwd.filter(|cwd| cwd.starts_with('/')) else {
        return Ok(());
    };
    let Followed {
        path, links, found, ..
    } = root.follow(Path::new(cwd))?;
    if path.starts_with("/proc") {
        let through = if links > 0 { " through a symlink" } else { "" };
        let message = format!(
            "{cwd:?} leads{through} to {:?}, where directories of the host can be open (CVE-2024-21626)",
            path.display().to_string()
        );
        out.push(must(AT, message, SECTION));
    } else if let Some(found) = found.filter(|found| *found != FileType::Directory)
        && !is_covered(cwd, mounts)
    {
        let message = format!("{cwd:?} is {} and no directory", name_of(found));
        out.push(finding(Severity::Should, AT, message, SECTION));
    }
    Ok(())
}

fn program(
    root: &Rootfs,
    spec: &Spec,
    mounts: &[Value],
    out: &mut Vec<Finding>,
) -> Result<(), RootfsError> {
    let args = spec.get(&["process", "args"]).and_then(Value::as_array);
    let Some(name) = args.and_then(|args| args.first()?.as_str()) else {
        return Ok(());
    };
    let env = spec.get(&["process", "env"]).and_then(Value::as_array);
    let path = env
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str()?.strip_prefix("PATH="))
        .next_back()
        .unwrap_or(PATH);
    let cwd = spec.get(&["process", "cwd"]).and_then(Value::as_str);
    let places: Vec<String> = if name.starts_with('/') {
        vec![name.to_owned()]
    } else if name.contains('/') {
        vec![format!("{}/{name}", cwd.unwrap_or("/"))]
    } else {
        path.split(':')
            .take(100)
            .map(|dir| format!("{dir}/{name}"))
            .collect()
    };
    let mut message = format!("{name:?} is not in the root file system");
    for place in &places {
        if is_covered(place, mounts) {
            return Ok(());
        }
        let there = root.follow(Path::new(place))?;
        match there.found {
            Some(FileType::RegularFile) if there.mode & 0o111 != 0 => return Ok(()),
            Some(found) => {
                message = format!("{place:?} is {} that can not be executed", name_of(found));
            }
            None => {}
        }
    }
    out.push(finding(
        Severity::Should,
        "$.process.args[0]",
        message,
        "config.md#process",
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A root with `/bin/sh`, changed by `change`, and the findings of `spec` for it.
    fn findings(change: &dyn Fn(&Path), spec: &str) -> Vec<(Severity, String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["bin", "dev", "proc", "sys", "data"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("bin/sh"), "").unwrap();
        fs::set_permissions(root.join("bin/sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("bin/text"), "").unwrap();
        change(root);
        let root = Rootfs::open(root).unwrap();
        let spec = Spec::parse(spec.as_bytes()).unwrap();
        let found = inspect(&root, &spec).unwrap();
        let parts = |finding: Finding| (finding.severity, finding.path, finding.message);
        found.into_iter().map(parts).collect()
    }

    #[test]
    fn what_leads_out_of_the_root_is_found() {
        use Severity::{May, Must, Should};
        let link = |target: &'static str, name: &'static str| {
            move |root: &Path| {
                let path = root.join(name);
                let _ = fs::remove_dir_all(&path);
                symlink(target, path).unwrap();
            }
        };
        type Change = Box<dyn Fn(&Path)>;
        type Found = Option<(Severity, &'static str, &'static str)>;
        let nothing = || -> Change { Box::new(|_: &Path| ()) };
        let table: Vec<(Change, &str, Found)> = vec![
            (
                nothing(),
                r#"{"process":{"args":["sh"],"cwd":"/data"}}"#,
                None,
            ),
            (
                nothing(),
                r#"{"process":{"args":["/bin/sh"],"cwd":"/not/there"}}"#,
                None,
            ),
            (
                nothing(),
                r#"{"process":{"args":["bin/sh"],"cwd":"/"}}"#,
                None,
            ),
            (
                nothing(),
                r#"{"process":{"args":["nope"],"cwd":"/"}}"#,
                Some((Should, "$.process.args[0]", "not in the root")),
            ),
            (
                nothing(),
                r#"{"process":{"args":["nope"],"env":["PATH=/mnt"],"cwd":"/"},"mounts":[{"destination":"/mnt","type":"tmpfs"}]}"#,
                None,
            ),
            (
                nothing(),
                r#"{"process":{"args":["text"],"cwd":"/"}}"#,
                Some((Should, "$.process.args[0]", "can not be executed")),
            ),
            (
                Box::new(link("/proc", "proc")),
                "{}",
                Some((Must, "$.root.path", "a symlink where only a directory")),
            ),
            (
                Box::new(link("/proc/self/fd/7", "start")),
                r#"{"process":{"args":["sh"],"cwd":"/start"}}"#,
                Some((Must, "$.process.cwd", "CVE-2024-21626")),
            ),
            (
                Box::new(link("../../proc/self", "start")),
                r#"{"process":{"args":["sh"],"cwd":"/start/fd/../fd/7"}}"#,
                Some((
                    Must,
                    "$.process.cwd",
                    "through a symlink to \"/proc/self/fd/7\"",
                )),
            ),
            (
                Box::new(link("/data", "start")),
                r#"{"process":{"args":["sh"],"cwd":"/start"}}"#,
                None,
            ),
            (
                nothing(),
                r#"{"process":{"args":["sh"],"cwd":"/bin/sh"}}"#,
                Some((Should, "$.process.cwd", "a file and no directory")),
            ),
            (
                Box::new(link("/sys", "data")),
                r#"{"mounts":[{"destination":"/data/x","type":"tmpfs"}]}"#,
                Some((Must, "$.mounts[0].destination", "CVE-2023-27561")),
            ),
            (
                Box::new(link("/bin", "data")),
                r#"{"mounts":[{"destination":"/data","type":"proc"}]}"#,
                Some((Must, "$.mounts[0].destination", "to \"/bin\"")),
            ),
            (
                Box::new(link("/bin", "data")),
                r#"{"mounts":[{"destination":"/data","type":"tmpfs"}]}"#,
                Some((May, "$.mounts[0].destination", "to \"/bin\"")),
            ),
            (
                Box::new(link("/", "dev/pts")),
                r#"{"mounts":[{"destination":"/dev","type":"tmpfs"},{"destination":"/dev/pts","type":"devpts"}]}"#,
                None,
            ),
            (
                nothing(),
                r#"{"mounts":[{"destination":"/bin/sh","type":"tmpfs"}]}"#,
                Some((Must, "$.mounts[0].destination", "a file and no directory")),
            ),
            (
                nothing(),
                r#"{"mounts":[{"destination":"/bin/sh","options":["bind"]}]}"#,
                None,
            ),
            (
                Box::new(link("/proc/sys", "dev/null")),
                r#"{"linux":{"maskedPaths":["/proc/kcore"]}}"#,
                Some((Must, "$.root.path", "CVE-2025-31133")),
            ),
            (
                Box::new(link("/proc/sys", "dev/null")),
                r#"{"linux":{"maskedPaths":["/proc/kcore"]},"mounts":[{"destination":"/dev","type":"tmpfs"}]}"#,
                None,
            ),
            (
                Box::new(link("/bin/sh", "dev/null")),
                "{}",
                Some((Must, "$.root.path", "CVE-2026-88265")),
            ),
            (
                Box::new(link("/proc/x", "dev/console")),
                r#"{"process":{"terminal":true}}"#,
                Some((Must, "$.root.path", "CVE-2025-52565")),
            ),
        ];
        for (change, spec, want) in table {
            let found = findings(&*change, spec);
            match want {
                None => assert_eq!(found, vec![], "{spec}"),
                Some((severity, path, message)) => assert!(
                    matches!(&found[..], [(s, p, m)] if *s == severity && p == path && m.contains(message)),
                    "{spec}: {found:?}"
                ),
            }
        }
    }
}
