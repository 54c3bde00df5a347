//! The rules of `linux.seccomp`.

use serde_json::Value;

use super::{Report, dig, list, shorten};

const SECTION: &str = "config-linux.md#seccomp";

const ACTIONS: [&str; 9] = [
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
];

const OPERATORS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];

const ARCHITECTURES: [&str; 23] = [
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
];

const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

pub(super) fn check(document: &Value, report: &mut Report) {
    let Some(seccomp) = dig(document, &["linux", "seccomp"]) else {
        let privileged = document.get("linux").is_some();
        if privileged {
            report.may("$.linux.seccomp", "there is no system call filter", SECTION);
        }
        return;
    };
    word(
        seccomp.get("defaultAction"),
        "$.linux.seccomp.defaultAction",
        &ACTIONS,
        report,
    );
    for (key, known) in [("architectures", &ARCHITECTURES[..]), ("flags", &FLAGS[..])] {
        for (index, name) in list(seccomp, &[key]).iter().enumerate() {
            word(
                Some(name),
                &format!("$.linux.seccomp.{key}[{index}]"),
                known,
                report,
            );
        }
    }
    let mut notify = seccomp
        .get("defaultAction")
        .is_some_and(|a| a == "SCMP_ACT_NOTIFY");
    for (index, rule) in list(seccomp, &["syscalls"]).iter().enumerate() {
        let at = format!("$.linux.seccomp.syscalls[{index}]");
        if rule
            .get("names")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
        {
            report.must(
                format!("{at}.names"),
                "a rule names at least one call",
                SECTION,
            );
        }
        word(
            rule.get("action"),
            &format!("{at}.action"),
            &ACTIONS,
            report,
        );
        notify |= rule
            .get("action")
            .is_some_and(|action| action == "SCMP_ACT_NOTIFY");
        for (arg, test) in list(rule, &["args"]).iter().enumerate() {
            word(
                test.get("op"),
                &format!("{at}.args[{arg}].op"),
                &OPERATORS,
                report,
            );
        }
    }
    let listener = seccomp
        .get("listenerPath")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if notify && listener.is_empty() {
        report.must(
            "$.linux.seccomp.listenerPath",
            "SCMP_ACT_NOTIFY needs somebody who listens",
            SECTION,
        );
    }
    if !listener.is_empty() && !listener.starts_with('/') {
        report.must(
            "$.linux.seccomp.listenerPath",
            "this is not an absolute path",
            SECTION,
        );
    }
}

fn word(value: Option<&Value>, at: &str, known: &[&str], report: &mut Report) {
    if let Some(text) = value.and_then(Value::as_str)
        && !known.contains(&text)
    {
        let message = format!("{:?} is not a value of the specification", shorten(text));
        report.must(at, message, SECTION);
    }
}
