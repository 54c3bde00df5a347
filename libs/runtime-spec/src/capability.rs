//! Linux capabilities by name: which exist, which a container gets, how they are added and dropped.

use std::collections::BTreeSet;
use std::fmt;

/// The capabilities of Linux 6.x in the order of their numbers (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// What a container has when nobody asks for more or less: `default_capabilities` of
/// containers.conf, so the same as podman's.
const DEFAULT: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A name that is no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no capability (see capabilities(7); the prefix CAP_ and the case do not matter)")]
pub struct UnknownCapability(pub String);

/// One capability.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// Parses a name in any case, with or without `CAP_`.
    ///
    /// # Errors
    /// The name of no capability.
    pub fn parse(text: &str) -> Result<Self, UnknownCapability> {
        let upper = text.to_ascii_uppercase();
        let wanted = upper.strip_prefix("CAP_").unwrap_or(&upper);
        (0u8..)
            .zip(NAMES)
            .find(|(_, name)| name.strip_prefix("CAP_") == Some(wanted))
            .map(|(number, _)| Self(number))
            .ok_or_else(|| UnknownCapability(text.chars().take(64).collect()))
    }

    /// Returns the name as config.json spells it.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of capabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(BTreeSet<Capability>);

impl CapabilitySet {
    /// Returns what a container has by default.
    pub fn container_default() -> Self {
        Self(
            DEFAULT
                .iter()
                .filter_map(|name| Capability::parse(name).ok())
                .collect(),
        )
    }

    /// Returns every capability that this crate knows.
    pub fn all() -> Self {
        Self(
            (0u8..)
                .zip(NAMES)
                .map(|(number, _)| Capability(number))
                .collect(),
        )
    }

    /// Reads a mask as `/proc/PID/status` shows it; bits beyond the known ones are ignored.
    pub fn from_mask(mask: u64) -> Self {
        Self(
            Self::all()
                .0
                .into_iter()
                .filter(|c| mask >> c.0 & 1 == 1)
                .collect(),
        )
    }

    /// Tells whether `capability` is in the set.
    pub fn contains(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }

    /// Adds one.
    pub fn insert(&mut self, capability: Capability) {
        self.0.insert(capability);
    }

    /// Takes one away.
    pub fn remove(&mut self, capability: Capability) {
        self.0.remove(&capability);
    }

    /// Takes all away that are not in `bound`, and returns what was taken.
    pub fn clamp(&mut self, bound: &Self) -> Vec<Capability> {
        let gone: Vec<_> = self.0.difference(&bound.0).copied().collect();
        self.0.retain(|capability| bound.0.contains(capability));
        gone
    }

    /// Returns the names in alphabetical order.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.iter().map(|capability| capability.name()).collect();
        names.sort_unstable();
        names
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_with_and_without_prefix() {
        for (text, want) in [
            ("CAP_KILL", Some("CAP_KILL")),
            ("kill", Some("CAP_KILL")),
            ("Cap_Checkpoint_Restore", Some("CAP_CHECKPOINT_RESTORE")),
            ("CAP_", None),
            ("CAP_CAP_KILL", None),
            ("", None),
            ("ALL", None),
            ("KILL\n", None),
        ] {
            assert_eq!(
                Capability::parse(text).ok().map(Capability::name),
                want,
                "{text:?}"
            );
        }
    }

    #[test]
    fn default_is_what_containers_conf_says() {
        let Ok(text) = std::fs::read_to_string("/usr/share/containers/containers.conf") else {
            println!("skipped: no /usr/share/containers/containers.conf");
            return;
        };
        // Newer releases show the default in a comment.
        let text = text.replace("\n#", "\n");
        let list = text.split("\ndefault_capabilities = [").nth(1).unwrap();
        let list = list.split(']').next().unwrap();
        let theirs: CapabilitySet = list
            .split(',')
            .map(|item| item.trim().trim_matches('"'))
            .filter(|item| !item.is_empty())
            .map(|item| Capability::parse(item).unwrap())
            .collect();
        assert_eq!(theirs, CapabilitySet::container_default());
    }

    #[test]
    fn clamping_reports_what_is_gone() {
        let mut set = CapabilitySet::all();
        let bound = CapabilitySet::from_mask(0x1ff_feff_ffff);
        assert_eq!(
            set.clamp(&bound),
            vec![Capability::parse("SYS_RESOURCE").unwrap()]
        );
        assert_eq!(set, bound);
    }
}
