//! The rules of `process`: what is started, as whom, with what.

use serde_json::Value;

use super::rules::environment;
use super::{Report, dig, list, shorten};
use crate::capability::Capability;
use crate::options::RLIMITS;

const PROCESS: &str = "config.md#process";
const LINUX_PROCESS: &str = "config.md#linux-process";

pub(super) fn check(document: &Value, report: &mut Report) {
    let Some(process) = document.get("process") else {
        report.should(
            "$.process",
            "without a process the container can not be started",
            PROCESS,
        );
        return;
    };
    if let Some(cwd) = process.get("cwd").and_then(Value::as_str) {
        if !cwd.starts_with('/') {
            let message = format!("{:?} is not an absolute path", shorten(cwd));
            report.must("$.process.cwd", message, PROCESS);
        } else if cwd == "/proc" || cwd.starts_with("/proc/") {
            let message = "a directory below /proc may lie outside of the container";
            report.should("$.process.cwd", message, PROCESS);
        }
    }
    args(process, report);
    environment(list(process, &["env"]), "$.process.env", PROCESS, report);
    if process.get("consoleSize").is_some() && process.get("terminal") != Some(&Value::Bool(true)) {
        report.may(
            "$.process.consoleSize",
            "this is ignored without a terminal",
            PROCESS,
        );
    }
    capabilities(process, report);
    rlimits(process, report);
    user(process, report);
    enumerations(process, report);
}

fn args(process: &Value, report: &mut Report) {
    let args = list(process, &["args"]);
    let windows = process.get("commandLine").is_some();
    if args
        .first()
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
        && !windows
    {
        report.must("$.process.args", "there is no program to start", PROCESS);
    }
    for (index, arg) in args.iter().enumerate() {
        if arg.as_str().is_some_and(|arg| arg.contains('\0')) {
            report.must(
                format!("$.process.args[{index}]"),
                "there is a NUL byte",
                PROCESS,
            );
        }
    }
}

fn capabilities(process: &Value, report: &mut Report) {
    let Some(sets) = process.get("capabilities").and_then(Value::as_object) else {
        return;
    };
    let names = |set: &str| -> Vec<&str> {
        let list = sets.get(set).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    for set in sets.keys() {
        let mut seen: Vec<&str> = Vec::new();
        for name in names(set) {
            let at = format!("$.process.capabilities.{set}");
            // Runtimes compare with the exact name.
            if Capability::parse(name).map(Capability::name) != Ok(name) {
                let message = format!("{:?} is no capability of Linux", shorten(name));
                report.must(&at, message, LINUX_PROCESS);
            }
            if seen.contains(&name) {
                report.should(
                    &at,
                    format!("{:?} is there twice", shorten(name)),
                    LINUX_PROCESS,
                );
            }
            seen.push(name);
        }
    }
    let (permitted, inheritable) = (names("permitted"), names("inheritable"));
    for name in names("effective")
        .iter()
        .filter(|name| !permitted.contains(name))
    {
        report.must(
            "$.process.capabilities.effective",
            format!("{} is not in the permitted set", shorten(name)),
            LINUX_PROCESS,
        );
    }
    for name in names("ambient") {
        if !permitted.contains(&name) || !inheritable.contains(&name) {
            // runc spec writes such sets; runtimes leave out what the kernel refuses.
            report.should(
                "$.process.capabilities.ambient",
                format!(
                    "{} is not in the permitted and inheritable sets",
                    shorten(name)
                ),
                LINUX_PROCESS,
            );
        }
    }
    if !inheritable.is_empty() && names("ambient").is_empty() {
        report.should(
            "$.process.capabilities.inheritable",
            "inheritable capabilities let files raise privilege (CVE-2022-29162); leave this empty",
            LINUX_PROCESS,
        );
    }
}

fn rlimits(process: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#posix-process";
    let mut seen: Vec<&str> = Vec::new();
    for (index, limit) in list(process, &["rlimits"]).iter().enumerate() {
        let at = format!("$.process.rlimits[{index}]");
        if let Some(kind) = limit.get("type").and_then(Value::as_str) {
            if !RLIMITS.contains(&kind) {
                let message = format!("{:?} is no limit of Linux", shorten(kind));
                report.must(format!("{at}.type"), message, SECTION);
            }
            if seen.contains(&kind) {
                report.must(
                    format!("{at}.type"),
                    format!("{kind} is there twice"),
                    SECTION,
                );
            }
            seen.push(kind);
        }
        let number = |key: &str| limit.get(key).and_then(Value::as_u64);
        if let (Some(soft), Some(hard)) = (number("soft"), number("hard"))
            && soft > hard
        {
            report.must(
                format!("{at}.soft"),
                "the soft limit is above the hard one",
                SECTION,
            );
        }
    }
}

fn user(process: &Value, report: &mut Report) {
    const SECTION: &str = "config.md#posix-platform-user";
    if process.get("user").is_none() {
        report.may(
            "$.process.user",
            "without a user the process is root",
            SECTION,
        );
    }
    for key in ["uid", "gid"] {
        if dig(process, &["user", key]).and_then(Value::as_u64) == Some(u64::from(u32::MAX)) {
            report.must(
                format!("$.process.user.{key}"),
                "4294967295 means \"leave as it is\" to the kernel and is no number to run as",
                SECTION,
            );
        }
    }
    if dig(process, &["user", "umask"])
        .and_then(Value::as_u64)
        .is_some_and(|mask| mask > 0o777)
    {
        report.must("$.process.user.umask", "a mask has nine bits", SECTION);
    }
}

fn enumerations(process: &Value, report: &mut Report) {
    for (keys, at, known) in [
        (
            ["ioPriority", "class"],
            "$.process.ioPriority.class",
            &["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"][..],
        ),
        (
            ["scheduler", "policy"],
            "$.process.scheduler.policy",
            &[
                "SCHED_OTHER",
                "SCHED_FIFO",
                "SCHED_RR",
                "SCHED_BATCH",
                "SCHED_ISO",
                "SCHED_IDLE",
                "SCHED_DEADLINE",
            ][..],
        ),
    ] {
        if let Some(word) = dig(process, &keys).and_then(Value::as_str)
            && !known.contains(&word)
        {
            let message = format!("{:?} is none of {}", shorten(word), known.join(", "));
            report.must(at, message, LINUX_PROCESS);
        }
    }
}
