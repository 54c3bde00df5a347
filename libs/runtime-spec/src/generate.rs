//! From an image configuration, options and facts about the host to config.json.
//!
//! The order is: defaults or template, then the image, then the options; each later one wins.
//! Image content never becomes host policy: it sets what runs inside (arguments, environment,
//! directory, user, volumes) and texts that nobody acts on ([`crate::annotations`]).

use std::fmt;

use oci::ImageConfig;
use serde_json::{Value, json};

use crate::annotations::{self, ImageAnnotations};
use crate::capability::CapabilitySet;
use crate::conflict::{self, Conflict};
use crate::defaults::{self, HOSTNAME_BYTES};
use crate::options::{GenerateOptions, Namespace, Placement, SeccompChoice, clean_absolute};
use crate::seccomp::{SeccompError, SeccompProfile, SeccompTarget};
use crate::spec::{Spec, SpecError};
use crate::user::{self, ResolvedUser, UserDatabase, UserError};

/// Why no configuration was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The user could not be resolved.
    #[error("resolving the user of the process")]
    User(#[from] UserError),
    /// The template is not of the shape of a configuration.
    #[error("editing the configuration")]
    Spec(#[from] SpecError),
    /// The seccomp profile is unusable.
    #[error("translating the seccomp profile")]
    Seccomp(#[from] SeccompError),
    /// The image is for another system.
    #[error("the image is for {os:?}, and this makes configurations for linux")]
    System {
        /// Which one.
        os: String,
    },
    /// Nothing says what to start.
    #[error("the image has neither Entrypoint nor Cmd, and no arguments were given")]
    NoCommand,
    /// A text has a NUL byte, which no program can be given.
    #[error("{what} has a NUL byte")]
    Nul {
        /// Which text.
        what: String,
    },
    /// The directory to start in is not usable.
    #[error("working directory {path:?} is not an absolute path outside of /proc without ..")]
    WorkingDir {
        /// The path.
        path: String,
    },
    /// A volume of the image is no place for one.
    #[error("volume {path:?} of the image is not an absolute path below / without ..")]
    Volume {
        /// The path.
        path: String,
    },
    /// A name of an environment variable is none.
    #[error("{name:?} is no name of an environment variable")]
    EnvName {
        /// The name.
        name: String,
    },
    /// An annotation or host name of the caller has control characters or is empty.
    #[error("{what} {text:?} is empty or has control characters")]
    BadText {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The host name of the caller is longer than the kernel takes.
    #[error("the host name has {length} bytes, {HOSTNAME_BYTES} are allowed")]
    LongHostname {
        /// How long it is, in bytes.
        length: usize,
    },
    /// Options that exclude each other.
    #[error("the options contradict each other")]
    Conflict(#[from] Conflict),
    /// A program of a hook is no absolute path.
    #[error("hook {path:?} is not an absolute path without ..")]
    HookPath {
        /// The path.
        path: String,
    },
}

/// Something that was decided and that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The programs of the image are for another architecture than the machine's.
    Architecture {
        /// The image's.
        image: String,
        /// The machine's.
        host: String,
    },
    /// Labels of the image did not become annotations.
    LabelsWithheld {
        /// Their keys.
        keys: Vec<String>,
    },
    /// Capabilities that `ALL` would give are not the caller's to give.
    CapabilitiesClamped {
        /// Their names.
        names: Vec<&'static str>,
    },
    /// A volume of the image lies where the runtime mounts something.
    VolumeSkipped {
        /// The path.
        path: String,
    },
    /// What a shared namespace would bind is not there on the host.
    HostMountAbsent {
        /// The directory.
        destination: String,
    },
    /// There is no mount at a place where one was to be left out.
    NoMountToRemove {
        /// The place.
        destination: String,
    },
    /// An entry of the image's environment has no `=` or no name.
    EnvSkipped {
        /// The entry.
        entry: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Architecture { image, host } => {
                write!(f, "the image is for {image:?}, this machine is {host}")
            }
            Self::LabelsWithheld { keys } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                write!(
                    f,
                    "labels of the image left out of the annotations: {}",
                    keys.join(", ")
                )
            }
            Self::CapabilitiesClamped { names } => {
                write!(
                    f,
                    "capabilities this process can not give: {}",
                    names.join(", ")
                )
            }
            Self::VolumeSkipped { path } => {
                write!(
                    f,
                    "volume {path:?} of the image lies on a mount of the container"
                )
            }
            Self::HostMountAbsent { destination } => {
                write!(f, "the host has no {destination} to share")
            }
            Self::NoMountToRemove { destination } => {
                write!(f, "there is no mount at {destination:?} to leave out")
            }
            Self::EnvSkipped { entry } => {
                write!(
                    f,
                    "environment entry {entry:?} of the image is not NAME=VALUE"
                )
            }
        }
    }
}

/// What the generated configuration has to fit.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The architecture by Go's name (`amd64`); empty means unknown.
    pub architecture: String,
    /// The kernel's version.
    pub kernel: Option<(u32, u32)>,
    /// What the runtime is able to give; `None` means everything.
    pub capabilities: Option<CapabilitySet>,
    /// The hard limit of open files. Without it no limit is written.
    pub nofile_hard: Option<u64>,
    /// Directories that a shared IPC namespace would bind and that are not there.
    pub absent: Vec<&'static str>,
}

/// Everything that a configuration is made from.
#[derive(Clone, Debug, Default)]
pub struct GenerateInput<'a> {
    /// The image's configuration.
    pub image_config: Option<&'a ImageConfig>,
    /// The image's users.
    pub users: UserDatabase<'a>,
    /// The machine.
    pub host: Host,
    /// What is asked for.
    pub options: GenerateOptions,
}

/// A configuration, and what was decided on the way.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The configuration.
    pub spec: Spec,
    /// What a person may want to know.
    pub notes: Vec<Note>,
}

/// Makes a configuration.
///
/// # Errors
/// See [`GenerateError`].
pub fn generate(input: GenerateInput<'_>) -> Result<Generated, GenerateError> {
    let GenerateInput {
        image_config: image,
        users,
        host,
        mut options,
    } = input;
    conflict::check_options(&options)?;
    let template = options.template.take();
    let from_template = template.is_some();
    let mut work = Work {
        spec: template.unwrap_or_else(|| Spec::from_members(defaults::members())),
        notes: Vec::new(),
        image,
        users,
        host,
        from_template,
        options,
    };
    work.system()?;
    work.root()?;
    let uid = work.uid();
    let user = work.user()?;
    work.process(user.as_ref())?;
    work.namespaces()?;
    conflict::check_made(&work.options, &work.spec)?;
    work.mounts()?;
    work.limits()?;
    work.annotations()?;
    let capabilities = work.capabilities(work.uid() != uid)?;
    work.confinement(&capabilities)?;
    work.hooks()?;
    Ok(Generated {
        spec: work.spec,
        notes: work.notes,
    })
}

struct Work<'a> {
    spec: Spec,
    notes: Vec<Note>,
    image: Option<&'a ImageConfig>,
    users: UserDatabase<'a>,
    host: Host,
    from_template: bool,
    options: GenerateOptions,
}

impl Work<'_> {
    /// Holds that the image is for this system.
    fn system(&mut self) -> Result<(), GenerateError> {
        let Some(image) = self.image else {
            return Ok(());
        };
        let short = |text: &str| text.chars().take(80).collect();
        if !["", "linux"].contains(&image.os.as_str()) {
            let os = short(&image.os);
            return Err(GenerateError::System { os });
        }
        let (theirs, ours) = (&image.architecture, &self.host.architecture);
        if !theirs.is_empty() && !ours.is_empty() && theirs != ours {
            self.notes.push(Note::Architecture {
                image: short(theirs),
                host: ours.clone(),
            });
        }
        Ok(())
    }

    fn root(&mut self) -> Result<(), GenerateError> {
        if let Some(path) = &self.options.root_path {
            check_nul("root path", path)?;
            self.spec.set(&["root", "path"], path.as_str())?;
        }
        if let Some(readonly) = self.options.root_readonly {
            self.spec.set(&["root", "readonly"], readonly)?;
        }
        Ok(())
    }

    /// The number of the user of the process; root's where none is given.
    fn uid(&self) -> u64 {
        let uid = self.spec.get(&["process", "user", "uid"]);
        uid.and_then(Value::as_u64).unwrap_or(0)
    }

    /// Resolves and writes the user; `None` when the template's is left alone.
    fn user(&mut self) -> Result<Option<ResolvedUser>, GenerateError> {
        let text = match (&self.options.user, self.image) {
            (Some(user), _) => user.as_str(),
            (None, Some(image)) => image.config.user.as_str(),
            (None, None) if self.from_template => "",
            (None, None) => "0",
        };
        let keep = text.is_empty() && self.from_template;
        let user = if keep {
            None
        } else {
            Some(user::resolve(text, &self.users)?)
        };
        if let Some(user) = &user {
            self.spec.set(&["process", "user", "uid"], user.uid)?;
            self.spec.set(&["process", "user", "gid"], user.gid)?;
            self.spec.set(
                &["process", "user", "additionalGids"],
                user.additional_gids.clone(),
            )?;
        }
        if !self.options.additional_gids.is_empty() {
            let more = self.options.additional_gids.clone();
            let gids = self.spec.list(&["process", "user", "additionalGids"])?;
            for gid in more {
                if !gids.contains(&json!(gid)) {
                    gids.push(json!(gid));
                }
            }
        }
        if let Some(umask) = self.options.umask {
            self.spec.set(&["process", "user", "umask"], umask)?;
        }
        Ok(user)
    }

    fn process(&mut self, user: Option<&ResolvedUser>) -> Result<(), GenerateError> {
        self.args()?;
        self.env(user)?;
        let cwd = match (&self.options.cwd, self.image) {
            (Some(cwd), _) => Some(cwd.as_str()),
            (None, Some(image)) => Some(image.config.working_dir.as_str()),
            (None, None) => None,
        };
        if let Some(cwd) = cwd.filter(|cwd| !cwd.is_empty()) {
            // Below /proc lie other people's directories: CVE-2024-21626 started in /proc/self/fd/7.
            let path = clean_absolute(cwd)
                .filter(|path| path != "/proc" && !path.starts_with("/proc/"))
                .ok_or_else(|| GenerateError::WorkingDir {
                    path: cwd.to_owned(),
                })?;
            self.spec.set(&["process", "cwd"], path)?;
        }
        if let Some(terminal) = self.options.terminal {
            self.spec.set(&["process", "terminal"], terminal)?;
        }
        if let Some(flag) = self.options.no_new_privileges {
            self.spec.set(&["process", "noNewPrivileges"], flag)?;
        }
        if let Some(score) = self.options.oom_score_adj {
            self.spec.set(&["process", "oomScoreAdj"], score)?;
        }
        for (key, value) in [
            ("apparmorProfile", &self.options.apparmor),
            ("selinuxLabel", &self.options.selinux_label),
        ] {
            if let Some(text) = value {
                check_text("security label", text)?;
                self.spec.set(&["process", key], text.as_str())?;
            }
        }
        Ok(())
    }

    fn args(&mut self) -> Result<(), GenerateError> {
        let options = &self.options;
        let image = self.image.map(|image| &image.config);
        let entrypoint = options
            .entrypoint
            .as_deref()
            .or(image.map(|config| &config.entrypoint[..]))
            .unwrap_or_default();
        let cmd = match (&options.args, &options.entrypoint) {
            (Some(args), _) => &args[..],
            (None, Some(_)) => &[],
            (None, None) => image.map(|config| &config.cmd[..]).unwrap_or_default(),
        };
        let args: Vec<String> = entrypoint.iter().chain(cmd).cloned().collect();
        for arg in &args {
            check_nul("an argument", arg)?;
        }
        if args.first().is_some_and(|arg| !arg.is_empty()) {
            self.spec.set(&["process", "args"], args)?;
        } else if self.spec.get(&["process", "args"]).is_none() {
            if image.is_some() || options.args.is_some() || options.entrypoint.is_some() {
                return Err(GenerateError::NoCommand);
            }
            self.spec.set(&["process", "args"], vec!["sh"])?;
        }
        Ok(())
    }

    fn env(&mut self, user: Option<&ResolvedUser>) -> Result<(), GenerateError> {
        let asked = self.image.is_some()
            || user.is_some()
            || !self.options.env.is_empty()
            || self.options.terminal == Some(true);
        if self.from_template && !asked {
            return Ok(());
        }
        let mut env = Env::default();
        for entry in self
            .spec
            .list(&["process", "env"])?
            .iter()
            .filter_map(Value::as_str)
        {
            if let Some((name, value)) = entry.split_once('=') {
                env.set(name, value);
            }
        }
        for entry in self.image.iter().flat_map(|image| &image.config.env) {
            check_nul("the image's environment", entry)?;
            match entry.split_once('=') {
                Some((name, value)) if !name.is_empty() => env.set(name, value),
                _ => self.notes.push(Note::EnvSkipped {
                    entry: entry.chars().take(80).collect(),
                }),
            }
        }
        for (name, value) in &self.options.env {
            check_nul("the environment", value)?;
            if name.is_empty() || name.contains('=') || name.chars().any(char::is_control) {
                return Err(GenerateError::EnvName { name: name.clone() });
            }
            env.set(name, value);
        }
        if !self.from_template {
            env.set_default("PATH", defaults::PATH);
        }
        if self.options.terminal == Some(true) {
            env.set_default("TERM", "xterm");
        }
        if let Some(home) = user.and_then(|user| user.home.as_deref()) {
            env.set_default("HOME", home);
        }
        self.spec.set(&["process", "env"], env.entries())?;
        Ok(())
    }

    fn namespaces(&mut self) -> Result<(), GenerateError> {
        let mut wanted = self.options.namespaces.clone();
        let mapped = !self.options.uid_maps.is_empty() || !self.options.gid_maps.is_empty();
        if mapped && !wanted.iter().any(|namespace| namespace.kind == "user") {
            wanted.push(Namespace {
                kind: "user",
                placement: Placement::New,
            });
        }
        for namespace in &wanted {
            let list = self.spec.list(&["linux", "namespaces"])?;
            list.retain(|entry| entry["type"] != namespace.kind);
            if namespace.kind == "user" && namespace.placement != Placement::New {
                // Those of a template belong to the namespace that is gone.
                self.spec.remove(&["linux", "uidMappings"]);
                self.spec.remove(&["linux", "gidMappings"]);
            }
            let list = self.spec.list(&["linux", "namespaces"])?;
            match &namespace.placement {
                Placement::Host => {}
                Placement::New => list.push(json!({ "type": namespace.kind })),
                Placement::Path(path) => {
                    list.push(json!({ "type": namespace.kind, "path": path }));
                }
            }
        }
        for (key, maps) in [
            ("uidMappings", &self.options.uid_maps),
            ("gidMappings", &self.options.gid_maps),
        ] {
            if !maps.is_empty() {
                let maps: Vec<Value> = maps.iter().map(|map| map.to_json()).collect();
                self.spec.set(&["linux", key], maps)?;
            }
        }
        let own_uts = self.has_namespace("uts");
        match &self.options.hostname {
            Some(_) if !own_uts => return Err(Conflict::Hostname.into()),
            Some(hostname) => {
                check_text("host name", hostname)?;
                if hostname.len() > HOSTNAME_BYTES {
                    return Err(GenerateError::LongHostname {
                        length: hostname.len(),
                    });
                }
                self.spec.set(&["hostname"], hostname.as_str())?;
            }
            None if !own_uts && self.asks_for("uts") => self.spec.remove(&["hostname"]),
            None => {}
        }
        Ok(())
    }

    /// Whether the options decide about a namespace, and not a template alone.
    fn asks_for(&self, kind: &str) -> bool {
        let options = &self.options;
        let mapped = !options.uid_maps.is_empty() || !options.gid_maps.is_empty();
        options.namespaces.iter().any(|one| one.kind == kind) || (kind == "user" && mapped)
    }

    fn has_namespace(&self, kind: &str) -> bool {
        let list = self
            .spec
            .get(&["linux", "namespaces"])
            .and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|entry| entry["type"] == kind))
    }

    fn limits(&mut self) -> Result<(), GenerateError> {
        let options = &self.options;
        let spec = &mut self.spec;
        if let Some(path) = &options.cgroups_path {
            check_text("cgroups path", path)?;
            spec.set(&["linux", "cgroupsPath"], path.as_str())?;
        }
        const RESOURCES: [&str; 2] = ["linux", "resources"];
        let [linux, resources] = RESOURCES;
        if let Some(bytes) = options.memory_bytes {
            spec.set(&[linux, resources, "memory", "limit"], bytes)?;
        }
        match options.pids_limit {
            Some(limit) if limit > 0 => {
                spec.set(&[linux, resources, "pids", "limit"], limit)?;
            }
            Some(_) => spec.remove(&[linux, resources, "pids"]),
            None => {}
        }
        if let Some(millis) = options.cpu_millis {
            let quota = millis * (defaults::CPU_PERIOD_US / 1_000);
            spec.set(
                &[linux, resources, "cpu", "period"],
                defaults::CPU_PERIOD_US,
            )?;
            spec.set(&[linux, resources, "cpu", "quota"], quota)?;
        }
        if let Some(shares) = options.cpu_shares {
            spec.set(&[linux, resources, "cpu", "shares"], shares)?;
        }
        if let Some(cpus) = &options.cpuset {
            check_text("list of CPUs", cpus)?;
            spec.set(&[linux, resources, "cpu", "cpus"], cpus.as_str())?;
        }
        let mut rlimits = Vec::new();
        if let Some(hard) = self.host.nofile_hard.filter(|_| !self.from_template) {
            let limit = hard.min(defaults::NOFILE);
            rlimits.push(("RLIMIT_NOFILE", limit, limit));
        }
        rlimits.extend(
            options
                .rlimits
                .iter()
                .map(|limit| (limit.kind, limit.soft, limit.hard)),
        );
        if !rlimits.is_empty() {
            let list = spec.list(&["process", "rlimits"])?;
            for (kind, soft, hard) in rlimits {
                list.retain(|entry| entry["type"] != kind);
                list.push(json!({ "type": kind, "soft": soft, "hard": hard }));
            }
        }
        Ok(())
    }

    fn annotations(&mut self) -> Result<(), GenerateError> {
        if let Some(image) = self.image {
            let ImageAnnotations {
                annotations,
                withheld,
            } = annotations::from_image(image, self.options.labels);
            for (key, value) in annotations {
                self.spec.set(&["annotations", &key], value)?;
            }
            if !withheld.is_empty() {
                self.notes.push(Note::LabelsWithheld { keys: withheld });
            }
        }
        for (key, value) in &self.options.annotations {
            check_text("annotation", key)?;
            check_text("annotation", &format!("{key}={value}"))?;
            self.spec.set(&["annotations", key], value.as_str())?;
        }
        Ok(())
    }

    /// Seccomp, devices, hidden paths, kernel settings.
    fn confinement(&mut self, capabilities: &CapabilitySet) -> Result<(), GenerateError> {
        let options = &self.options;
        let choice = match &options.seccomp {
            None if options.privileged => Some(SeccompChoice::Unconfined),
            None if self.from_template => None,
            None => Some(SeccompChoice::Default),
            Some(choice) => Some(choice.clone()),
        };
        let profile = match choice {
            None => None,
            Some(SeccompChoice::Unconfined) => {
                self.spec.remove(&["linux", "seccomp"]);
                None
            }
            Some(SeccompChoice::Default) => Some(SeccompProfile::container_default()?),
            Some(SeccompChoice::Profile(profile)) => Some(*profile),
        };
        if let Some(profile) = profile {
            let architecture = self.host.architecture.as_str();
            let target = SeccompTarget {
                architecture,
                capabilities,
                kernel: self.host.kernel,
            };
            let seccomp = profile.translate(&target)?;
            self.spec.set(&["linux", "seccomp"], seccomp)?;
        }
        if options.privileged {
            self.spec.remove(&["linux", "maskedPaths"]);
            self.spec.remove(&["linux", "readonlyPaths"]);
            self.spec.set(
                &["linux", "resources", "devices"],
                json!([{ "allow": true, "access": "rwm" }]),
            )?;
        }
        for (key, paths) in [
            ("maskedPaths", &options.masked_paths),
            ("readonlyPaths", &options.readonly_paths),
        ] {
            for path in paths {
                let path = clean_absolute(path).ok_or_else(|| GenerateError::BadText {
                    what: "masked or read-only path",
                    text: path.clone(),
                })?;
                let list = self.spec.list(&["linux", key])?;
                if !list.iter().any(|there| *there == path) {
                    list.push(json!(path));
                }
            }
        }
        for sysctl in &options.sysctls {
            self.spec
                .set(&["linux", "sysctl", &sysctl.key], sysctl.value.as_str())?;
        }
        for (key, value) in [
            ("mountLabel", &options.mount_label),
            ("rootfsPropagation", &options.rootfs_propagation),
        ] {
            if let Some(text) = value {
                check_text("mount label or propagation", text)?;
                self.spec.set(&["linux", key], text.as_str())?;
            }
        }
        Ok(())
    }

    fn hooks(&mut self) -> Result<(), GenerateError> {
        for (stage, args) in &self.options.hooks {
            let path = args
                .first()
                .and_then(|path| clean_absolute(path))
                .ok_or_else(|| GenerateError::HookPath {
                    path: args.first().cloned().unwrap_or_default(),
                })?;
            let hook = json!({ "path": path, "args": args });
            self.spec.list(&["hooks", stage.name()])?.push(hook);
        }
        Ok(())
    }
}

/// Environment in the order in which names first came up, each name once.
#[derive(Default)]
struct Env(Vec<(String, String)>);

impl Env {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(there, _)| there == name) {
            Some((_, there)) => value.clone_into(there),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    fn set_default(&mut self, name: &str, value: &str) {
        if !self.0.iter().any(|(there, _)| there == name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    fn entries(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

fn check_nul(what: &str, text: &str) -> Result<(), GenerateError> {
    if text.contains('\0') {
        return Err(GenerateError::Nul {
            what: what.to_owned(),
        });
    }
    Ok(())
}

fn check_text(what: &'static str, text: &str) -> Result<(), GenerateError> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(GenerateError::BadText {
            what,
            text: text.chars().take(160).collect(),
        });
    }
    Ok(())
}

mod capabilities;
mod mounts;
#[cfg(test)]
mod tests;
