//! Facts about this machine and process that a configuration has to fit.

use std::fs;
use std::path::Path;

use runtime_spec::{CapabilitySet, Host};

/// Reads the facts. What can not be read counts as unknown.
pub fn facts() -> Host {
    Host {
        architecture: architecture().to_owned(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .ok()
            .as_deref()
            .and_then(kernel),
        capabilities: fs::read_to_string("/proc/self/status")
            .ok()
            .as_deref()
            .and_then(bounding),
        nofile_hard: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        absent: ["/dev/mqueue", "/dev/shm"]
            .into_iter()
            .filter(|dir| !Path::new(dir).is_dir())
            .collect(),
    }
}

/// Go's name of the architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "386",
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn bounding(status: &str) -> Option<CapabilitySet> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(line.trim(), 16)
        .ok()
        .map(CapabilitySet::from_mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_proc_are_read() {
        assert_eq!(kernel("6.18.44-fc-v657\n"), Some((6, 18)));
        assert_eq!(kernel("5.10+rt\n"), Some((5, 10)));
        assert_eq!(kernel("odd"), None);
        let set = bounding("Name:\tx\nCapBnd:\t0000000000000021\n").unwrap();
        assert_eq!(set.names(), ["CAP_CHOWN", "CAP_KILL"]);
        assert_eq!(bounding("CapBnd:\tzz\n"), None);
        assert!(facts().kernel.is_some());
    }
}
