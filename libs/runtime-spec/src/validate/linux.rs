//! The rules of `linux`: namespaces, mappings, devices, resources, kernel settings, paths.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Report, dig, list, shorten, step};
use crate::options::PROPAGATION;

const NAMESPACES: &str = "config-linux.md#namespaces";
const MAPPINGS: &str = "config-linux.md#user-namespace-mappings";
const CGROUPS: &str = "config-linux.md#control-groups";

/// Most ranges of one mapping that the kernel takes (since 4.15).
const MAPPING_RANGES: usize = 340;

pub(super) fn check(document: &Value, report: &mut Report) {
    let empty = Value::Object(serde_json::Map::new());
    let linux = document.get("linux").unwrap_or(&empty);
    let namespaces = namespaces(linux, report);
    let own = |kind: &str| namespaces.contains_key(kind);
    let elsewhere = ["freebsd", "solaris", "vm", "windows", "zos"];
    let on_linux = document.get("linux").is_some()
        || !elsewhere
            .iter()
            .any(|platform| document.get(platform).is_some());
    for key in ["hostname", "domainname"].iter().filter(|_| on_linux) {
        let set = document
            .get(*key)
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty());
        if set && !own("uts") {
            report.must(
                format!("$.{key}"),
                "a name of its own needs a uts namespace of its own",
                NAMESPACES,
            );
        }
    }
    mappings(linux, &namespaces, report);
    if linux.get("timeOffsets").is_some() && !own("time") {
        report.must(
            "$.linux.timeOffsets",
            "offsets need a time namespace",
            NAMESPACES,
        );
    }
    devices(linux, report);
    resources(linux, report);
    sysctls(linux, &namespaces, report);
    paths(linux, report);
}

/// Returns the namespaces that are there: type, whether it is a new one.
fn namespaces<'a>(linux: &'a Value, report: &mut Report) -> BTreeMap<&'a str, bool> {
    const KNOWN: [&str; 8] = [
        "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time",
    ];
    let mut seen = BTreeMap::new();
    for (index, namespace) in list(linux, &["namespaces"]).iter().enumerate() {
        let at = format!("$.linux.namespaces[{index}]");
        let path = namespace
            .get("path")
            .and_then(Value::as_str)
            .filter(|path| !path.is_empty());
        if let Some(kind) = namespace.get("type").and_then(Value::as_str) {
            if !KNOWN.contains(&kind) {
                let message = format!("{:?} is none of {}", shorten(kind), KNOWN.join(", "));
                report.must(format!("{at}.type"), message, NAMESPACES);
            }
            if seen.insert(kind, path.is_none()).is_some() {
                let message = format!("{:?} is there twice", shorten(kind));
                report.must(format!("{at}.type"), message, NAMESPACES);
            }
        }
        if let Some(path) = path
            && !path.starts_with('/')
        {
            let message = format!("{:?} is not an absolute path", shorten(path));
            report.must(format!("{at}.path"), message, NAMESPACES);
        }
    }
    if !seen.contains_key("mount") && linux.get("namespaces").is_some() {
        report.should(
            "$.linux.namespaces",
            "without a mount namespace the container's mounts are the host's",
            NAMESPACES,
        );
    }
    seen
}

fn mappings(linux: &Value, namespaces: &BTreeMap<&str, bool>, report: &mut Report) {
    let user = namespaces.get("user").copied();
    for key in ["uidMappings", "gidMappings"] {
        let maps = list(linux, &[key]);
        let at = format!("$.linux.{key}");
        match user {
            None if !maps.is_empty() => {
                report.must(&at, "mappings need a user namespace", MAPPINGS);
            }
            Some(false) if !maps.is_empty() => report.should(
                &at,
                "a namespace that is joined keeps its own mappings; runtimes ignore or refuse these",
                MAPPINGS,
            ),
            Some(true) if maps.is_empty() => report.should(
                &at,
                "a new user namespace without mappings has no users; runtimes refuse it",
                MAPPINGS,
            ),
            _ => {}
        }
        if maps.len() > MAPPING_RANGES {
            report.must(
                &at,
                format!("the kernel takes {MAPPING_RANGES} ranges"),
                MAPPINGS,
            );
        }
        let mut ranges: [Vec<(u64, u64, usize)>; 2] = [Vec::new(), Vec::new()];
        for (index, map) in maps.iter().enumerate() {
            let number = |key: &str| map.get(key).and_then(Value::as_u64);
            let (Some(inside), Some(outside), Some(size)) =
                (number("containerID"), number("hostID"), number("size"))
            else {
                continue;
            };
            let last = u64::from(u32::MAX);
            let (inside_end, outside_end) =
                (inside.saturating_add(size), outside.saturating_add(size));
            if size == 0 || inside_end > last || outside_end > last {
                let message = "the range is empty or ends beyond the last number";
                report.must(format!("{at}[{index}]"), message, MAPPINGS);
            }
            ranges[0].push((inside, inside_end, index));
            ranges[1].push((outside, outside_end, index));
        }
        for (mut ranges, side) in ranges.into_iter().zip(["inside", "outside"]) {
            ranges.sort_unstable();
            for pair in ranges.windows(2).filter(|pair| pair[1].0 < pair[0].1) {
                let message = format!("the range overlaps with range {} {side}", pair[0].2);
                report.must(format!("{at}[{}]", pair[1].2), message, MAPPINGS);
            }
        }
    }
}

fn devices(linux: &Value, report: &mut Report) {
    const SECTION: &str = "config-linux.md#devices";
    let mut seen: Vec<&str> = Vec::new();
    let mut numbers: Vec<(bool, i64, i64)> = Vec::new();
    for (index, device) in list(linux, &["devices"]).iter().enumerate() {
        let at = format!("$.linux.devices[{index}]");
        if let Some(path) = device.get("path").and_then(Value::as_str) {
            if !path.starts_with('/') {
                let message = format!("{:?} is not an absolute path", shorten(path));
                report.must(format!("{at}.path"), message, SECTION);
            }
            if seen.contains(&path) {
                report.must(
                    format!("{at}.path"),
                    "an earlier device has this path",
                    SECTION,
                );
            }
            seen.push(path);
        }
        match device.get("type").and_then(Value::as_str) {
            Some(kind @ ("c" | "u" | "b")) => {
                let number = |key: &str| device.get(key).and_then(Value::as_i64);
                if let (Some(major), Some(minor)) = (number("major"), number("minor")) {
                    // u is another name of c.
                    let device = (kind == "b", major, minor);
                    if numbers.contains(&device) {
                        report.should(&at, "an earlier device is the same one", SECTION);
                    }
                    numbers.push(device);
                }
                for key in ["major", "minor"] {
                    let number = device.get(key).and_then(Value::as_i64);
                    if number.is_none_or(|number| number < 0) {
                        report.must(
                            format!("{at}.{key}"),
                            "a character or block device has a number here",
                            SECTION,
                        );
                    }
                }
            }
            Some("p") | None => {}
            Some(kind) => {
                let message = format!("{:?} is none of c, b, u, p", shorten(kind));
                report.must(format!("{at}.type"), message, SECTION);
            }
        }
    }
}

fn resources(linux: &Value, report: &mut Report) {
    const DEVICES: &str = "config-linux.md#allowed-device-list";
    for (index, rule) in list(linux, &["resources", "devices"]).iter().enumerate() {
        let at = format!("$.linux.resources.devices[{index}]");
        let text = |key: &str| rule.get(key).and_then(Value::as_str);
        if text("type").is_some_and(|kind| !["", "a", "b", "c"].contains(&kind)) {
            report.must(format!("{at}.type"), "this is none of a, b, c", DEVICES);
        }
        if text("access").is_some_and(|access| !access.chars().all(|c| "rwm".contains(c))) {
            report.must(
                format!("{at}.access"),
                "this is not made of r, w and m",
                DEVICES,
            );
        }
    }
    for (index, device) in list(linux, &["resources", "blockIO", "weightDevice"])
        .iter()
        .enumerate()
    {
        if device.get("weight").is_none() && device.get("leafWeight").is_none() {
            report.must(
                format!("$.linux.resources.blockIO.weightDevice[{index}]"),
                "there is neither weight nor leafWeight",
                "config-linux.md#block-io",
            );
        }
    }
    let memory = |key: &str| dig(linux, &["resources", "memory", key]).and_then(Value::as_i64);
    // Negative means unlimited.
    let limit = memory("limit").filter(|limit| *limit >= 0);
    if let (Some(limit), Some(swap)) = (limit, memory("swap").filter(|swap| *swap >= 0))
        && swap < limit
    {
        report.must(
            "$.linux.resources.memory.swap",
            "memory and swap together are less than memory alone",
            CGROUPS,
        );
    }
    if let (Some(limit), Some(reservation)) = (limit, memory("reservation"))
        && reservation > limit
    {
        report.must(
            "$.linux.resources.memory.reservation",
            "the soft limit is above the limit",
            CGROUPS,
        );
    }
    if memory("swappiness").is_some_and(|value| !(0..=200).contains(&value)) {
        report.must(
            "$.linux.resources.memory.swappiness",
            "this is from 0 to 200",
            CGROUPS,
        );
    }
    if let Some(unified) = dig(linux, &["resources", "unified"]).and_then(Value::as_object) {
        for (file, value) in unified {
            let at = format!("$.linux.resources.unified{}", step(file));
            if file.contains('/') || !file.contains('.') {
                report.must(
                    &at,
                    "this is no file of a cgroup",
                    "config-linux.md#unified",
                );
            }
            if value.as_str().is_some_and(|value| value.contains('\0')) {
                report.must(&at, "the value has a NUL byte", "config-linux.md#unified");
            }
        }
    }
}

fn sysctls(linux: &Value, namespaces: &BTreeMap<&str, bool>, report: &mut Report) {
    const SECTION: &str = "config-linux.md#sysctl";
    let Some(sysctls) = linux.get("sysctl").and_then(Value::as_object) else {
        return;
    };
    for (key, value) in sysctls {
        let at = format!("$.linux.sysctl{}", step(key));
        let needs = if key.starts_with("net.") || key.starts_with("net/") {
            Some("network")
        } else if key.starts_with("fs.mqueue.")
            || ["kernel.msg", "kernel.sem", "kernel.shm"]
                .iter()
                .any(|p| key.starts_with(p))
        {
            Some("ipc")
        } else if key == "kernel.domainname" || key == "kernel.hostname" {
            Some("uts")
        } else {
            None
        };
        match needs {
            Some(kind) if !namespaces.contains_key(kind) => {
                report.must(
                    &at,
                    format!("this setting needs a {kind} namespace"),
                    SECTION,
                );
            }
            Some(_) => {}
            None => report.should(&at, "no namespace keeps this: it changes the host", SECTION),
        }
        if key
            .split(['.', '/'])
            .any(|part| part.is_empty() || part == "..")
            || value
                .as_str()
                .is_some_and(|value| value.chars().any(|c| c.is_control() && c != '\t'))
        {
            report.must(&at, "key or value could set another key", SECTION);
        }
    }
}

fn paths(linux: &Value, report: &mut Report) {
    for (key, section) in [
        ("maskedPaths", "config-linux.md#masked-paths"),
        ("readonlyPaths", "config-linux.md#readonly-paths"),
    ] {
        for (index, path) in list(linux, &[key]).iter().enumerate() {
            if let Some(path) = path.as_str()
                && !path.starts_with('/')
            {
                let message = format!("{:?} is not an absolute path", shorten(path));
                report.must(format!("$.linux.{key}[{index}]"), message, section);
            }
        }
    }
    if let Some(word) = linux.get("rootfsPropagation").and_then(Value::as_str)
        && !word.is_empty()
        && !PROPAGATION.contains(&word)
    {
        report.must(
            "$.linux.rootfsPropagation",
            format!(
                "{:?} is none of shared, slave, private, unbindable",
                shorten(word)
            ),
            "config-linux.md#rootfs-mount-propagation",
        );
    }
    if let Some(path) = linux.get("cgroupsPath").and_then(Value::as_str)
        && (path.chars().any(char::is_control) || path.split('/').any(|part| part == ".."))
    {
        report.should(
            "$.linux.cgroupsPath",
            "the path climbs (..) or has control characters",
            "config-linux.md#cgroups-path",
        );
    }
}
