//! What may be asked of [`crate::generate`], parsed from the texts that people type.

use std::str::FromStr;

use serde_json::{Value, json};

use crate::annotations::LabelPolicy;
use crate::capability::{Capability, CapabilitySet};
use crate::seccomp::SeccompProfile;
use crate::spec::Spec;

/// A text that is not of the form that an option wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not of the form {form}{}{why}", if why.is_empty() { "" } else { ": " })]
pub struct OptionError {
    /// The text, shortened.
    pub text: String,
    /// How it should look.
    pub form: &'static str,
    /// What is wrong with it, where that is not plain.
    pub why: &'static str,
}

impl OptionError {
    fn new(text: &str, form: &'static str, why: &'static str) -> Self {
        Self {
            text: text.chars().take(160).collect(),
            form,
            why,
        }
    }
}

/// Everything that may be asked for; the default asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct GenerateOptions {
    /// The document to start from instead of the defaults; what it has stays unless asked for.
    pub template: Option<Spec>,
    /// `root.path`; `rootfs` by default.
    pub root_path: Option<String>,
    /// Whether the root file system is read-only.
    pub root_readonly: Option<bool>,
    /// Replaces the image's `Entrypoint`; its `Cmd` is then dropped, as with docker.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's `Cmd`.
    pub args: Option<Vec<String>>,
    /// Environment, added to or replacing that of the image: name, value.
    pub env: Vec<(String, String)>,
    /// The directory to start in.
    pub cwd: Option<String>,
    /// `USER[:GROUP]`.
    pub user: Option<String>,
    /// Groups besides those of the user.
    pub additional_gids: Vec<u32>,
    /// The mask of new files.
    pub umask: Option<u32>,
    /// The host name.
    pub hostname: Option<String>,
    /// Whether the process gets a terminal.
    pub terminal: Option<bool>,
    /// Whether setuid programs and file capabilities are without effect.
    pub no_new_privileges: Option<bool>,
    /// Mounts; one with the destination of a mount that is there replaces it.
    pub mounts: Vec<Mount>,
    /// Destinations of mounts that are to go; done before mounts are added.
    pub mounts_removed: Vec<String>,
    /// What becomes of the image's volumes.
    pub volumes: VolumePolicy,
    /// Capabilities to add.
    pub cap_add: Vec<CapabilityChoice>,
    /// Capabilities to take away; done before adding when it is all of them.
    pub cap_drop: Vec<CapabilityChoice>,
    /// Capabilities that also survive the start of a program by a user who is not root.
    pub cap_add_ambient: Vec<Capability>,
    /// Everything allowed: all capabilities and devices, no seccomp, nothing masked.
    pub privileged: bool,
    /// Namespaces that differ from the default.
    pub namespaces: Vec<Namespace>,
    /// `linux.cgroupsPath`.
    pub cgroups_path: Option<String>,
    /// Most memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Most processes; 0 or less is no limit.
    pub pids_limit: Option<i64>,
    /// Most CPU time, in thousandths of a CPU.
    pub cpu_millis: Option<u64>,
    /// Weight of CPU time (cgroup v1's shares).
    pub cpu_shares: Option<u64>,
    /// The CPUs to run on, as `0-3,7`.
    pub cpuset: Option<String>,
    /// `process.oomScoreAdj`.
    pub oom_score_adj: Option<i32>,
    /// Limits of the process; one of the same type is replaced.
    pub rlimits: Vec<Rlimit>,
    /// Annotations of the caller: key, value. They win over the image's.
    pub annotations: Vec<(String, String)>,
    /// Which of the image's labels become annotations.
    pub labels: LabelPolicy,
    /// More paths that the container sees as empty.
    pub masked_paths: Vec<String>,
    /// More paths that the container can not write to.
    pub readonly_paths: Vec<String>,
    /// The seccomp filter; the default one unless the template has its own.
    pub seccomp: Option<SeccompChoice>,
    /// User number mappings; they bring a user namespace.
    pub uid_maps: Vec<IdMap>,
    /// Group number mappings; they bring a user namespace.
    pub gid_maps: Vec<IdMap>,
    /// Kernel settings: key, value.
    pub sysctls: Vec<Sysctl>,
    /// The AppArmor profile of the process.
    pub apparmor: Option<String>,
    /// The SELinux label of the process.
    pub selinux_label: Option<String>,
    /// The SELinux label of the mounts.
    pub mount_label: Option<String>,
    /// `linux.rootfsPropagation`.
    pub rootfs_propagation: Option<String>,
    /// Programs that the runtime starts on the host: stage, arguments (the path first).
    pub hooks: Vec<(HookStage, Vec<String>)>,
}

/// What becomes of the image's `Volumes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VolumePolicy {
    /// A tmpfs each, with a copy of what the image has there; gone with the container.
    #[default]
    Tmpfs,
    /// Nothing: data is written to the root file system.
    Ignore,
}

/// A seccomp filter.
#[derive(Clone, Debug)]
pub enum SeccompChoice {
    /// podman's default.
    Default,
    /// None.
    Unconfined,
    /// A profile in docker's format.
    Profile(Box<SeccompProfile>),
}

/// `ALL` or one capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapabilityChoice {
    /// All of them.
    All,
    /// One.
    One(Capability),
}

impl FromStr for CapabilityChoice {
    type Err = crate::capability::UnknownCapability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        Capability::parse(text).map(Self::One)
    }
}

impl CapabilityChoice {
    pub(crate) fn is_all(self) -> bool {
        self == Self::All
    }

    pub(crate) fn apply(self, mut act: impl FnMut(Capability)) {
        match self {
            Self::All => {}
            Self::One(capability) => act(capability),
        }
    }
}

/// Adds and drops as podman does: `ALL` first, single ones after.
pub(crate) fn change_capabilities(
    base: CapabilitySet,
    add: &[CapabilityChoice],
    drop: &[CapabilityChoice],
) -> CapabilitySet {
    let mut set = if drop.iter().any(|choice| choice.is_all()) {
        CapabilitySet::default()
    } else if add.iter().any(|choice| choice.is_all()) {
        CapabilitySet::all()
    } else {
        base
    };
    for choice in drop {
        choice.apply(|capability| set.remove(capability));
    }
    for choice in add {
        choice.apply(|capability| set.insert(capability));
    }
    set
}

/// How mounts spread between mount namespaces.
pub(crate) const PROPAGATION: [&str; 8] = [
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "unbindable",
    "runbindable",
];

/// A mount of config.json.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    destination: String,
    members: Value,
}

impl Mount {
    /// Parses `SOURCE:DESTINATION[:OPTION,…]`, a bind mount: recursive and private unless the
    /// options say otherwise.
    ///
    /// # Errors
    /// Paths that are empty, relative (destination), climb, or have control characters.
    pub fn bind(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = "SOURCE:DESTINATION[:OPTION,...]";
        let mut parts = text.splitn(3, ':');
        let (Some(source), Some(destination)) = (parts.next(), parts.next()) else {
            return Err(OptionError::new(text, FORM, ""));
        };
        if source.is_empty() || source.chars().any(char::is_control) {
            return Err(OptionError::new(text, FORM, "the source is no path"));
        }
        let mut options = option_list(text, FORM, parts.next())?;
        if !options
            .iter()
            .any(|option| option == "bind" || option == "rbind")
        {
            options.insert(0, "rbind".to_owned());
        }
        if !options
            .iter()
            .any(|option| PROPAGATION.contains(&option.as_str()))
        {
            options.push("rprivate".to_owned());
        }
        let destination = checked_destination(text, FORM, destination)?;
        let members = json!({
            "destination": destination, "type": "bind", "source": source, "options": options,
        });
        Ok(Self {
            destination,
            members,
        })
    }

    /// Parses `DESTINATION[:OPTION,…]`, a tmpfs: nosuid and nodev always.
    ///
    /// # Errors
    /// As [`Mount::bind`].
    pub fn tmpfs(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = "DESTINATION[:OPTION,...]";
        let (destination, rest) = match text.split_once(':') {
            None => (text, None),
            Some((destination, rest)) => (destination, Some(rest)),
        };
        let mut options = vec!["nosuid".to_owned(), "nodev".to_owned()];
        options.extend(option_list(text, FORM, rest)?);
        let destination = checked_destination(text, FORM, destination)?;
        let members = json!({
            "destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options,
        });
        Ok(Self {
            destination,
            members,
        })
    }

    /// Parses one mount as JSON, in the words of config.json.
    ///
    /// # Errors
    /// No JSON object, or one without a usable `destination` or a type.
    pub fn json(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = r#"{"destination":PATH,"type":TYPE,"source":SOURCE,"options":[...]}"#;
        let members = oci::json::parse(text.as_bytes(), 64 << 10)
            .map_err(|_| OptionError::new(text, FORM, "no JSON"))?;
        let destination = members
            .get("destination")
            .and_then(Value::as_str)
            .ok_or_else(|| OptionError::new(text, FORM, "no destination"))?;
        let bind = |option: &Value| option == "bind" || option == "rbind";
        let binds = members["options"]
            .as_array()
            .is_some_and(|list| list.iter().any(bind));
        if members["type"].as_str().is_none_or(str::is_empty) && !binds {
            return Err(OptionError::new(text, FORM, "no type, and no option bind"));
        }
        let destination = checked_destination(text, FORM, destination)?;
        Ok(Self {
            destination,
            members,
        })
    }

    /// Makes the tmpfs of a volume: what the image has there is copied into it.
    pub(crate) fn volume(destination: &str) -> Self {
        let members = json!({
            "destination": destination, "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "nodev", "tmpcopyup"],
        });
        Self {
            destination: destination.to_owned(),
            members,
        }
    }

    /// Returns where it is mounted.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    pub(crate) fn to_json(&self) -> Value {
        self.members.clone()
    }
}

fn option_list(
    text: &str,
    form: &'static str,
    list: Option<&str>,
) -> Result<Vec<String>, OptionError> {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Ok(Vec::new());
    };
    list.split(',')
        .map(|option| {
            let plain = !option.is_empty() && option.bytes().all(|b| b.is_ascii_graphic());
            plain
                .then(|| option.to_owned())
                .ok_or_else(|| OptionError::new(text, form, "an option is empty or not plain text"))
        })
        .collect()
}

fn checked_destination(
    text: &str,
    form: &'static str,
    destination: &str,
) -> Result<String, OptionError> {
    match clean_absolute(destination) {
        Some(path) if path != "/" => Ok(path),
        _ => Err(OptionError::new(
            text,
            form,
            "the destination has to be an absolute path below / without .. in it",
        )),
    }
}

/// Returns an absolute path without `.`, doubled and trailing slashes; `None` for a relative path,
/// one with `..` or one with control characters.
pub(crate) fn clean_absolute(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.chars().any(char::is_control) {
        return None;
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    (!parts.contains(&"..")).then(|| format!("/{}", parts.join("/")))
}

/// Where a namespace comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A new one.
    New,
    /// The runtime's own.
    Host,
    /// The one behind this absolute path.
    Path(String),
}

/// A namespace that differs from the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The type, as config.json names it.
    pub kind: &'static str,
    /// Where it comes from.
    pub placement: Placement,
}

impl Namespace {
    /// Parses `new`, `host` or an absolute path for the namespace `kind`.
    ///
    /// # Errors
    /// Another text, an unknown type, or `host` for the mount namespace.
    pub fn parse(kind: &str, place: &str) -> Result<Self, OptionError> {
        const FORM: &str = "new|host|/PATH";
        const KINDS: [&str; 8] = [
            "pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time",
        ];
        let kind = KINDS
            .into_iter()
            .find(|known| *known == kind)
            .ok_or_else(|| {
                OptionError::new(kind, "pid|network|ipc|uts|mount|cgroup|user|time", "")
            })?;
        let placement = match place {
            "new" | "private" | "none" => Placement::New,
            "host" if kind == "mount" => {
                return Err(OptionError::new(
                    place,
                    FORM,
                    "a container has its own mounts",
                ));
            }
            "host" => Placement::Host,
            path => Placement::Path(
                clean_absolute(path).ok_or_else(|| OptionError::new(path, FORM, ""))?,
            ),
        };
        Ok(Self { kind, placement })
    }
}

impl FromStr for Namespace {
    type Err = OptionError;

    /// Parses `TYPE[=new|host|/PATH]` (a colon serves as well, as with `ocitools`).
    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text.split_once(['=', ':']) {
            None => Self::parse(text, "new"),
            Some((kind, place)) => Self::parse(kind, place),
        }
    }
}

/// One range of user or group numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// First number inside.
    pub container_id: u32,
    /// First number outside.
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

impl FromStr for IdMap {
    type Err = OptionError;

    /// Parses `CONTAINER:HOST:SIZE`.
    fn from_str(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = "CONTAINER:HOST:SIZE";
        let bad = |why| OptionError::new(text, FORM, why);
        let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
        let Some([container_id, host_id, size]) = numbers.as_deref() else {
            return Err(bad(""));
        };
        if *size == 0
            || container_id.checked_add(*size).is_none()
            || host_id.checked_add(*size).is_none()
        {
            return Err(bad("the range is empty or ends beyond the last number"));
        }
        Ok(Self {
            container_id: *container_id,
            host_id: *host_id,
            size: *size,
        })
    }
}

impl IdMap {
    /// Parses `HOST:CONTAINER:SIZE`, the order of `ocitools` and `oci-runtime-tool`.
    ///
    /// # Errors
    /// Another form, or a range that is empty or ends beyond the last number.
    pub fn host_first(text: &str) -> Result<Self, OptionError> {
        let map: Self = text.parse().map_err(|error| OptionError {
            form: "HOST:CONTAINER:SIZE",
            ..error
        })?;
        Ok(Self {
            container_id: map.host_id,
            host_id: map.container_id,
            size: map.size,
        })
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "containerID": self.container_id, "hostID": self.host_id, "size": self.size })
    }
}

/// A limit of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// The name, `RLIMIT_NOFILE`.
    pub kind: &'static str,
    /// The limit that counts.
    pub soft: u64,
    /// How far the process may raise it.
    pub hard: u64,
}

/// The limits that Linux has.
pub(crate) const RLIMITS: [&str; 16] = [
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
];

impl FromStr for Rlimit {
    type Err = OptionError;

    /// Parses `NAME=SOFT[:HARD]`; the name with or without `RLIMIT_`, `unlimited` for a number.
    fn from_str(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = "NAME=SOFT[:HARD]";
        let bad = |why| OptionError::new(text, FORM, why);
        let (name, values) = text.split_once('=').ok_or_else(|| bad(""))?;
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix("RLIMIT_").unwrap_or(&upper);
        let kind = RLIMITS
            .into_iter()
            .find(|known| known.strip_prefix("RLIMIT_") == Some(short))
            .ok_or_else(|| bad("no such limit"))?;
        let number = |text: &str| match text {
            "unlimited" | "-1" => Ok(u64::MAX),
            digits => digits.parse::<u64>().map_err(|_| bad("no number")),
        };
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let (soft, hard) = (number(soft)?, number(hard)?);
        if soft > hard {
            return Err(bad("the soft limit is above the hard one"));
        }
        Ok(Self { kind, soft, hard })
    }
}

/// A kernel setting that a namespace has for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// The key, with dots.
    pub key: String,
    /// The value.
    pub value: String,
}

impl FromStr for Sysctl {
    type Err = OptionError;

    /// Parses `KEY=VALUE`. The key has to be one that a namespace keeps for itself, and the value
    /// plain: others have been tricked into setting a second key by `+` or a newline in the value
    /// (CVE-2022-0811).
    fn from_str(text: &str) -> Result<Self, OptionError> {
        const FORM: &str = "KEY=VALUE";
        const OWN: [&str; 9] = [
            "kernel.domainname",
            "kernel.msgmax",
            "kernel.msgmnb",
            "kernel.msgmni",
            "kernel.sem",
            "kernel.shmall",
            "kernel.shmmax",
            "kernel.shmmni",
            "kernel.shm_rmid_forced",
        ];
        let bad = |why| OptionError::new(text, FORM, why);
        let (key, value) = text.split_once('=').ok_or_else(|| bad(""))?;
        let plain_key = key.split('.').all(|part| !part.is_empty())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let own = OWN.contains(&key) || key.starts_with("net.") || key.starts_with("fs.mqueue.");
        if !plain_key || !own {
            return Err(bad("the key is none that a container has for itself"));
        }
        if !value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_. \t".contains(&b))
        {
            return Err(bad(
                "the value may have letters, digits, blanks and -_. only",
            ));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// When the runtime starts a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookStage {
    /// Deprecated, as `CreateRuntime`.
    Prestart,
    /// When the namespaces are there, in those of the host.
    CreateRuntime,
    /// As `CreateRuntime`, in the namespaces of the container.
    CreateContainer,
    /// Before the program starts, inside the container.
    StartContainer,
    /// When the program was started.
    Poststart,
    /// When the container was deleted.
    Poststop,
}

impl HookStage {
    /// Returns the member of `hooks`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }
}

/// Parses a size: a number of bytes, or one with `k`, `m`, `g` or `t` (1024 each).
///
/// # Errors
/// No number, another unit, more than 2^63 - 1 bytes, or 0, which runtimes take for no limit.
pub fn parse_size(text: &str) -> Result<u64, OptionError> {
    const FORM: &str = "BYTES[k|m|g|t]";
    let bad = || OptionError::new(text, FORM, "");
    let lower = text.to_ascii_lowercase();
    let lower = lower
        .strip_suffix('b')
        .filter(|rest| rest.ends_with(['k', 'm', 'g', 't']))
        .unwrap_or(&lower);
    let (digits, shift) = match lower.chars().last() {
        Some('k') => (&lower[..lower.len() - 1], 10),
        Some('m') => (&lower[..lower.len() - 1], 20),
        Some('g') => (&lower[..lower.len() - 1], 30),
        Some('t') => (&lower[..lower.len() - 1], 40),
        _ => (lower, 0),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes <= i64::MAX as u64)
        .ok_or_else(bad)
        .and_then(|bytes| match bytes {
            0 => Err(OptionError::new(text, FORM, "0 would be no limit")),
            bytes => Ok(bytes),
        })
}

/// Parses a number of CPUs such as `1.5` into thousandths.
///
/// # Errors
/// No positive number, more than three decimals, or more than a million CPUs.
pub fn parse_cpus(text: &str) -> Result<u64, OptionError> {
    let bad = || OptionError::new(text, "CPUS[.THOUSANDTHS]", "");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() > 6 || part.len() > 3 || !digits(whole) || !digits(part) {
        return Err(bad());
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| bad())?
    };
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| bad())?;
    match whole * 1_000 + part {
        0 => Err(bad()),
        millis => Ok(millis),
    }
}

/// Parses an absolute path; `.`, doubled and trailing slashes are taken out.
///
/// # Errors
/// A relative path, one with `..` or with control characters.
pub fn parse_path(text: &str) -> Result<String, OptionError> {
    clean_absolute(text).ok_or_else(|| OptionError::new(text, "/PATH", ""))
}

/// Parses a list of CPUs such as `0-3,7` and returns it as it is.
///
/// # Errors
/// No list of numbers and rising ranges.
pub fn parse_cpuset(text: &str) -> Result<String, OptionError> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let good = text.split(',').all(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
    });
    good.then(|| text.to_owned())
        .ok_or_else(|| OptionError::new(text, "CPU[-CPU][,...]", ""))
}

/// Parses a mode of mount propagation and returns it as it is.
///
/// # Errors
/// Another word than those that config.json knows.
pub fn parse_propagation(text: &str) -> Result<String, OptionError> {
    const FORM: &str = "private|slave|shared|unbindable, or one with r before it";
    PROPAGATION
        .contains(&text)
        .then(|| text.to_owned())
        .ok_or_else(|| OptionError::new(text, FORM, ""))
}

#[cfg(test)]
mod tests;
