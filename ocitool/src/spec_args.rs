//! The options that say what a container is like, shared by `generate` and `run`.
//!
//! Long names of `ocitools` (2016) and `oci-runtime-tool` are taken as aliases where they mean
//! the same; their mappings have another order and so are options of their own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use oci::ImageConfig;
use runtime::{Rootfs, RootfsError, Users, host};
use runtime_spec::annotations::LabelPolicy;
use runtime_spec::options::{
    CapabilityChoice, HookStage, IdMap, Mount, Namespace, Rlimit, SeccompChoice, Sysctl,
    VolumePolicy, parse_cpus, parse_cpuset, parse_path, parse_propagation, parse_size,
};
use runtime_spec::seccomp::PROFILE_BYTES;
use runtime_spec::{
    Capability, Conflict, GenerateError, GenerateInput, GenerateOptions, SeccompProfile, Spec,
    UserDatabase, UserError, generate,
};
use term::args::parse_bool;
use term::{Explain, Interrupt};

use crate::input;

/// 4294967295 means "leave as it is" to the kernel.
const ID_MAX: i64 = u32::MAX as i64 - 1;

/// What the container is like.
#[derive(Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// Directory with the root file system; its users are looked up there
    #[arg(long, value_name = "DIR", help_heading = "Root file system")]
    rootfs: Option<PathBuf>,
    /// Path to write as root.path without looking at it [default: rootfs]
    #[arg(
        long,
        value_name = "PATH",
        alias = "rootfs-path",
        conflicts_with = "rootfs",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        help_heading = "Root file system"
    )]
    root_path: Option<String>,
    /// Make the root file system read-only
    #[arg(
        long,
        visible_alias = "readonly",
        alias = "rootfs-readonly",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        value_parser = parse_bool,
        help_heading = "Root file system"
    )]
    read_only: Option<bool>,
    /// How mounts spread between host and container: private, slave, shared, with r for all below
    #[arg(
        long,
        value_name = "MODE",
        alias = "root-propagation",
        alias = "linux-rootfs-propagation",
        value_parser = parse_propagation,
        help_heading = "Root file system"
    )]
    rootfs_propagation: Option<String>,

    /// Program and arguments, instead of the image's Cmd
    #[arg(last = true, value_name = "ARG")]
    command: Vec<String>,
    /// Argument, as after -- (can be repeated)
    #[arg(
        long,
        value_name = "ARG",
        alias = "process-args",
        allow_hyphen_values = true,
        conflicts_with = "command",
        help_heading = "Process"
    )]
    args: Vec<String>,
    /// Program, instead of the image's Entrypoint; its Cmd is dropped, an empty text drops both
    #[arg(long, value_name = "PROGRAM", help_heading = "Process")]
    entrypoint: Option<String>,
    /// Environment variable; without =VALUE that of ocitool (can be repeated)
    #[arg(
        long,
        short,
        value_name = "NAME[=VALUE]",
        alias = "process-env",
        help_heading = "Process"
    )]
    env: Vec<String>,
    /// Directory to start in [default: the image's WorkingDir, else /]
    #[arg(
        long,
        value_name = "PATH",
        visible_alias = "workdir",
        alias = "process-cwd",
        help_heading = "Process"
    )]
    cwd: Option<String>,
    /// User, by name or number [default: the image's User, else 0]
    #[arg(long, short, value_name = "USER[:GROUP]", help_heading = "Process")]
    user: Option<String>,
    /// User number
    #[arg(
        long,
        value_name = "UID",
        alias = "process-uid",
        conflicts_with = "user",
        value_parser = clap::value_parser!(u32).range(..=ID_MAX),
        help_heading = "Process"
    )]
    uid: Option<u32>,
    /// Group number
    #[arg(
        long,
        value_name = "GID",
        alias = "process-gid",
        conflicts_with = "user",
        value_parser = clap::value_parser!(u32).range(..=ID_MAX),
        help_heading = "Process"
    )]
    gid: Option<u32>,
    /// Supplementary group number, besides the user's own (can be repeated)
    #[arg(
        long = "group-add",
        value_name = "GID",
        alias = "groups",
        alias = "process-groups",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(..=ID_MAX),
        help_heading = "Process"
    )]
    group_add: Vec<u32>,
    /// Mask of new files, octal
    #[arg(long, value_name = "MODE", value_parser = parse_octal, help_heading = "Process")]
    umask: Option<u32>,
    /// Give the process a terminal
    #[arg(
        long,
        short,
        visible_alias = "tty",
        alias = "process-terminal",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        value_parser = parse_bool,
        help_heading = "Process"
    )]
    terminal: Option<bool>,
    /// Limit of the process, nofile=1024:4096 for instance (can be repeated)
    #[arg(
        long,
        value_name = "NAME=SOFT[:HARD]",
        visible_alias = "ulimit",
        help_heading = "Process"
    )]
    rlimit: Vec<Rlimit>,
    /// Preference of the kernel when memory runs out, -1000 (spared) to 1000
    #[arg(long, value_name = "SCORE", alias = "linux-oom-score-adj", allow_hyphen_values = true,
          value_parser = clap::value_parser!(i32).range(-1000..=1000), help_heading = "Process")]
    oom_score_adj: Option<i32>,

    /// Host name [default: container]
    #[arg(long, value_name = "NAME", help_heading = "Namespaces")]
    hostname: Option<String>,
    /// Network: a new and empty one (none), the host's, or that of a path
    #[arg(long, value_name = "none|host|PATH", visible_alias = "net",
          value_parser = namespace("network"), help_heading = "Namespaces")]
    network: Option<Namespace>,
    /// Process numbers: new, the host's, or those of a path
    #[arg(long, value_name = "new|host|PATH", value_parser = namespace("pid"),
          help_heading = "Namespaces")]
    pid: Option<Namespace>,
    /// System V IPC and POSIX queues: new, the host's, or those of a path
    #[arg(long, value_name = "new|host|PATH", value_parser = namespace("ipc"),
          help_heading = "Namespaces")]
    ipc: Option<Namespace>,
    /// Host and domain name: new, the host's, or those of a path
    #[arg(long, value_name = "new|host|PATH", value_parser = namespace("uts"),
          help_heading = "Namespaces")]
    uts: Option<Namespace>,
    /// View of the cgroups: new, the host's, or that of a path
    #[arg(long, value_name = "new|host|PATH", alias = "cgroup", value_parser = namespace("cgroup"),
          help_heading = "Namespaces")]
    cgroupns: Option<Namespace>,
    /// Users: new (with --uidmap and --gidmap), the host's, or those of a path
    #[arg(long, value_name = "new|host|PATH", value_parser = namespace("user"),
          help_heading = "Namespaces")]
    userns: Option<Namespace>,
    /// Namespace by type: pid, network, ipc, uts, mount, cgroup, user, time (can be repeated)
    #[arg(
        long,
        value_name = "TYPE[=new|host|PATH]",
        alias = "linux-namespace-add",
        help_heading = "Namespaces"
    )]
    namespace: Vec<Namespace>,
    /// Users inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)
    #[arg(long, value_name = "MAP", help_heading = "Namespaces")]
    uidmap: Vec<IdMap>,
    #[arg(long, alias = "linux-uidmappings", hide = true, value_parser = IdMap::host_first)]
    uidmappings: Vec<IdMap>,
    /// Groups inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)
    #[arg(long, value_name = "MAP", help_heading = "Namespaces")]
    gidmap: Vec<IdMap>,
    #[arg(long, alias = "linux-gidmappings", hide = true, value_parser = IdMap::host_first)]
    gidmappings: Vec<IdMap>,
    /// Kernel setting of the container's namespaces (can be repeated)
    #[arg(
        long,
        value_name = "KEY=VALUE",
        alias = "linux-sysctl",
        help_heading = "Namespaces"
    )]
    sysctl: Vec<Sysctl>,

    /// Directory or file of the host; relative to where ocitool is started (can be repeated)
    #[arg(long, short = 'v', value_name = "SOURCE:DESTINATION[:OPTION,...]",
          visible_alias = "volume", value_parser = bind, help_heading = "Mounts")]
    bind: Vec<Mount>,
    /// Directory in memory, nosuid and nodev (can be repeated)
    #[arg(long, value_name = "DESTINATION[:OPTION,...]", value_parser = Mount::tmpfs,
          help_heading = "Mounts")]
    tmpfs: Vec<Mount>,
    /// Mount in the words of config.json (can be repeated)
    #[arg(long, value_name = "JSON", alias = "mounts-add", value_parser = Mount::json,
          help_heading = "Mounts")]
    mount: Vec<Mount>,
    /// Leave out the mount with this destination (can be repeated)
    #[arg(
        long,
        value_name = "DESTINATION",
        alias = "mounts-remove",
        value_parser = parse_path,
        help_heading = "Mounts"
    )]
    mount_remove: Vec<String>,
    /// What becomes of the image's volumes: a tmpfs each, gone with the container, or nothing
    #[arg(long, value_name = "tmpfs|ignore", default_value = "tmpfs", requires = "image_config",
          value_parser = ["tmpfs", "ignore"], hide_possible_values = true, help_heading = "Mounts")]
    volumes: String,
    /// The cgroup file system: read-only, writable, or not there [default: ro; rw with
    /// --privileged]
    #[arg(long, value_name = "ro|rw|no", value_parser = ["ro", "rw", "no"],
          hide_possible_values = true, help_heading = "Mounts")]
    mount_cgroups: Option<String>,

    /// Add a capability, or ALL (can be repeated)
    #[arg(
        long,
        value_name = "CAPABILITY",
        alias = "process-cap-add",
        value_delimiter = ',',
        help_heading = "Privilege"
    )]
    cap_add: Vec<CapabilityChoice>,
    /// Take a capability away, or ALL before others are added (can be repeated)
    #[arg(
        long,
        value_name = "CAPABILITY",
        alias = "process-cap-drop",
        value_delimiter = ',',
        help_heading = "Privilege"
    )]
    cap_drop: Vec<CapabilityChoice>,
    /// Add a capability that users other than root have as well (can be repeated)
    #[arg(long, value_name = "CAPABILITY", alias = "process-cap-add-ambient",
          value_delimiter = ',', value_parser = Capability::parse, help_heading = "Privilege")]
    cap_add_ambient: Vec<Capability>,
    /// Allow everything: all capabilities and devices, no seccomp filter, nothing hidden
    #[arg(long, help_heading = "Privilege")]
    privileged: bool,
    /// Make setuid programs and file capabilities ineffective
    #[arg(
        long,
        alias = "process-no-new-privileges",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        value_parser = parse_bool,
        help_heading = "Privilege"
    )]
    no_new_privileges: Option<bool>,
    /// System call filter: podman's default, none, or a file in docker's format
    #[arg(
        long,
        value_name = "default|unconfined|FILE",
        help_heading = "Privilege"
    )]
    seccomp: Option<String>,
    /// Path that the container sees as empty, besides the default ones (can be repeated)
    #[arg(
        long,
        value_name = "PATH",
        visible_alias = "masked-path",
        alias = "linux-masked-paths",
        value_parser = parse_path,
        help_heading = "Privilege"
    )]
    mask: Vec<String>,
    /// Path that the container can not write to, besides the default ones (can be repeated)
    #[arg(
        long,
        value_name = "PATH",
        alias = "linux-readonly-paths",
        value_parser = parse_path,
        help_heading = "Privilege"
    )]
    readonly_path: Vec<String>,
    /// AppArmor profile of the process
    #[arg(
        long,
        value_name = "PROFILE",
        alias = "linux-apparmor",
        value_parser = parse_text,
        help_heading = "Privilege"
    )]
    apparmor: Option<String>,
    /// SELinux label of the process
    #[arg(
        long,
        value_name = "LABEL",
        alias = "linux-selinux-label",
        value_parser = parse_text,
        help_heading = "Privilege"
    )]
    selinux_label: Option<String>,
    /// SELinux label of the mounts
    #[arg(
        long,
        value_name = "LABEL",
        alias = "linux-mount-label",
        value_parser = parse_text,
        help_heading = "Privilege"
    )]
    mount_label: Option<String>,

    /// Place in the tree of cgroups [default: that of the runtime]
    #[arg(
        long,
        value_name = "PATH",
        alias = "linux-cgroups-path",
        value_parser = parse_text,
        help_heading = "Resources"
    )]
    cgroups_path: Option<String>,
    /// Most memory, in bytes or with k, m, g
    #[arg(long, short, value_name = "SIZE", alias = "linux-mem-limit", value_parser = parse_size,
          help_heading = "Resources")]
    memory: Option<u64>,
    /// Most processes; -1 is no limit [default: 2048]
    #[arg(
        long,
        value_name = "NUMBER",
        alias = "linux-pids-limit",
        allow_hyphen_values = true,
        help_heading = "Resources"
    )]
    pids_limit: Option<i64>,
    /// Most CPU time, 1.5 for one CPU and a half
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus, help_heading = "Resources")]
    cpus: Option<u64>,
    /// Weight of CPU time against other containers (1024 is usual)
    #[arg(
        long,
        value_name = "SHARES",
        alias = "linux-cpu-shares",
        value_parser = clap::value_parser!(u64).range(2..=262_144),
        help_heading = "Resources"
    )]
    cpu_shares: Option<u64>,
    /// CPUs to run on, 0-3,7 for instance
    #[arg(
        long,
        value_name = "CPUS",
        alias = "linux-cpus",
        value_parser = parse_cpuset,
        help_heading = "Resources"
    )]
    cpuset_cpus: Option<String>,

    /// Annotation; wins over those from the image (can be repeated)
    #[arg(
        long,
        value_name = "KEY=VALUE",
        visible_alias = "label",
        value_parser = parse_annotation,
        help_heading = "Annotations"
    )]
    annotation: Vec<(String, String)>,
    /// Labels of the image that become annotations: those that describe the image
    /// (org.opencontainers.image.*), none, or all that no runtime acts on
    #[arg(long, value_name = "image|none|all", default_value = "image", requires = "image_config",
          value_parser = ["image", "none", "all"], hide_possible_values = true,
          help_heading = "Annotations")]
    image_labels: String,

    /// Program of the host to start at a stage of the container's life: prestart, createRuntime,
    /// createContainer, startContainer, poststart, poststop (can be repeated)
    #[arg(long, value_name = "STAGE=PATH", value_parser = parse_hook, help_heading = "Hooks")]
    hook: Vec<(HookStage, String)>,
}

impl SpecArgs {
    /// Makes the configuration and says what was decided on the way.
    pub(crate) fn build(
        &self,
        image_config: Option<&Path>,
        template: Option<Spec>,
        interrupt: &Interrupt,
    ) -> Result<Spec> {
        let image = image_config
            .map(|path| read_image_config(path, interrupt))
            .transpose()?;
        let (root_path, users) = self.root()?;
        let database = match &users {
            Some(users) => users.database()?,
            None => UserDatabase::UNKNOWN,
        };
        let mut options = self.options(interrupt)?;
        options.user = self.user(image.as_ref(), template.as_ref());
        options.template = template;
        options.root_path = root_path;
        let input = GenerateInput {
            image_config: image.as_ref(),
            users: database,
            host: host::facts(),
            options,
        };
        let made = match generate(input) {
            Ok(made) => made,
            Err(error) => match next_step(&error) {
                Some(hint) => return Err(error).hint(|| hint),
                None => return Err(error.into()),
            },
        };
        for note in &made.notes {
            crate::PROGRAM.note(&note.to_string());
        }
        Ok(made.spec)
    }

    fn root(&self) -> Result<(Option<String>, Option<Users>)> {
        let Some(dir) = &self.rootfs else {
            return Ok((self.root_path.clone(), None));
        };
        let root = match Rootfs::open(dir) {
            Err(error @ RootfsError::Open { .. }) => {
                Err(error).hint(|| "--root-path writes a path that is not there yet")?
            }
            root => root?,
        };
        root.check()?;
        let users = root.users()?;
        let path = root.path().to_str();
        let path = path.ok_or_else(|| anyhow!("path {} is not UTF-8", root.path().display()))?;
        Ok((Some(path.to_owned()), Some(users)))
    }

    /// Who is asked for, as `USER[:GROUP]`. A group alone leaves the user as it is: that of the
    /// image, else that of the template.
    fn user(&self, image: Option<&ImageConfig>, template: Option<&Spec>) -> Option<String> {
        match (&self.user, self.uid, self.gid) {
            (Some(user), _, _) => Some(user.clone()),
            (None, Some(uid), None) => Some(uid.to_string()),
            (None, Some(uid), Some(gid)) => Some(format!("{uid}:{gid}")),
            (None, None, Some(gid)) => {
                let of_image = image
                    .and_then(|image| image.config.user.split(':').next())
                    .filter(|user| !user.is_empty())
                    .map(str::to_owned);
                let of_template = || {
                    let uid = template?.get(&["process", "user", "uid"])?.as_u64()?;
                    Some(uid.to_string())
                };
                let user = of_image.or_else(of_template);
                Some(format!("{}:{gid}", user.as_deref().unwrap_or("0")))
            }
            (None, None, None) => None,
        }
    }

    fn options(&self, interrupt: &Interrupt) -> Result<GenerateOptions> {
        let args = if self.command.is_empty() {
            &self.args
        } else {
            &self.command
        };
        let entrypoint = self.entrypoint.as_ref().map(|program| {
            if program.is_empty() {
                Vec::new()
            } else {
                vec![program.clone()]
            }
        });
        let named = [
            &self.network,
            &self.pid,
            &self.ipc,
            &self.uts,
            &self.cgroupns,
            &self.userns,
        ];
        let namespaces = named
            .into_iter()
            .flatten()
            .chain(&self.namespace)
            .cloned()
            .collect();
        let mut mounts = self.bind.clone();
        mounts.extend_from_slice(&self.tmpfs);
        mounts.extend_from_slice(&self.mount);
        let mut mounts_removed = self.mount_remove.clone();
        match self.mount_cgroups.as_deref() {
            Some("no") => mounts_removed.push("/sys/fs/cgroup".to_owned()),
            Some(access) => mounts.push(Mount::json(&format!(
                r#"{{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup",
                    "options":["rprivate","nosuid","noexec","nodev","relatime","{access}"]}}"#,
            ))?),
            None => {}
        }
        Ok(GenerateOptions {
            template: None,
            root_path: None,
            root_readonly: self.read_only,
            entrypoint,
            args: (!args.is_empty()).then(|| args.clone()),
            env: self
                .env
                .iter()
                .filter_map(|entry| environment(entry))
                .collect(),
            cwd: self.cwd.clone(),
            user: None,
            additional_gids: self.group_add.clone(),
            umask: self.umask,
            hostname: self.hostname.clone(),
            terminal: self.terminal,
            no_new_privileges: self.no_new_privileges,
            mounts,
            mounts_removed,
            volumes: match self.volumes.as_str() {
                "ignore" => VolumePolicy::Ignore,
                _ => VolumePolicy::Tmpfs,
            },
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            cap_add_ambient: self.cap_add_ambient.clone(),
            privileged: self.privileged,
            namespaces,
            cgroups_path: self.cgroups_path.clone(),
            memory_bytes: self.memory,
            pids_limit: self.pids_limit,
            cpu_millis: self.cpus,
            cpu_shares: self.cpu_shares,
            cpuset: self.cpuset_cpus.clone(),
            oom_score_adj: self.oom_score_adj,
            rlimits: self.rlimit.clone(),
            annotations: self.annotation.clone(),
            labels: match self.image_labels.as_str() {
                "none" => LabelPolicy::None,
                "all" => LabelPolicy::All,
                _ => LabelPolicy::Image,
            },
            masked_paths: self.mask.clone(),
            readonly_paths: self.readonly_path.clone(),
            seccomp: self
                .seccomp
                .as_deref()
                .map(|text| seccomp(text, interrupt))
                .transpose()?,
            uid_maps: [&self.uidmap[..], &self.uidmappings].concat(),
            gid_maps: [&self.gidmap[..], &self.gidmappings].concat(),
            sysctls: self.sysctl.clone(),
            apparmor: self.apparmor.clone(),
            selinux_label: self.selinux_label.clone(),
            mount_label: self.mount_label.clone(),
            rootfs_propagation: self.rootfs_propagation.clone(),
            hooks: self
                .hook
                .iter()
                .map(|(stage, path)| (*stage, vec![path.clone()]))
                .collect(),
        })
    }
}

/// What to do about an error, where that is not plain from its words.
fn next_step(error: &GenerateError) -> Option<&'static str> {
    Some(match error {
        GenerateError::User(UserError::NoDatabase { .. }) => {
            "give the root file system with --rootfs, or a number with --user"
        }
        GenerateError::NoCommand => "say what to start after -- or with --entrypoint",
        GenerateError::Conflict(conflict) => match conflict {
            Conflict::MappedElsewhere { .. } => {
                "leave out --userns, or leave out --uidmap and --gidmap"
            }
            Conflict::Unmapped { .. } => "give both --uidmap and --gidmap, as 0:100000:65536",
            Conflict::UnmappedProcess { .. } => {
                "widen --uidmap or --gidmap, or choose another --user"
            }
            Conflict::Capability { name: "ALL" } => "give ALL to one of --cap-add and --cap-drop",
            Conflict::Mount { .. } => "give one of the mounts another destination",
            _ => return None,
        },
        _ => return None,
    })
}

/// A mount with its source made absolute: the runtime would start at the bundle.
fn bind(text: &str) -> Result<Mount, String> {
    let absolute = match text.split_once(':') {
        Some((source, rest)) if !source.is_empty() && !source.starts_with('/') => {
            let source = std::path::absolute(source).map_err(|error| error.to_string())?;
            let source = source.to_str().ok_or("the path is not UTF-8")?;
            format!("{source}:{rest}")
        }
        _ => text.to_owned(),
    };
    Mount::bind(&absolute).map_err(|error| error.to_string())
}

fn read_image_config(path: &Path, interrupt: &Interrupt) -> Result<ImageConfig> {
    let bytes = input::read(path, oci::limits::CONFIG_BYTES, interrupt)?;
    ImageConfig::parse(&bytes)
        .context("reading the image configuration")
        .hint(|| "skopeo-rs inspect --config IMAGE prints one")
}

fn seccomp(text: &str, interrupt: &Interrupt) -> Result<SeccompChoice> {
    Ok(match text {
        "default" => SeccompChoice::Default,
        "unconfined" => SeccompChoice::Unconfined,
        file => {
            let bytes =
                input::read(Path::new(file), PROFILE_BYTES, interrupt).context("--seccomp")?;
            let profile = SeccompProfile::parse(&bytes)
                .with_context(|| format!("--seccomp: reading {file}"))?;
            SeccompChoice::Profile(Box::new(profile))
        }
    })
}

/// `NAME=VALUE`, or `NAME` with the value that it has here; a variable that is not set is none.
pub(crate) fn environment(entry: &str) -> Option<(String, String)> {
    match entry.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(entry)
            .ok()
            .map(|value| (entry.to_owned(), value)),
    }
}

fn parse_annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("not of the form KEY=VALUE")?;
    parse_text(text)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A text of config.json that the runtime or the kernel makes sense of.
fn parse_text(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("empty, or with a control character".to_owned());
    }
    Ok(text.to_owned())
}

fn namespace(
    kind: &'static str,
) -> impl Fn(&str) -> Result<Namespace, runtime_spec::options::OptionError> + Clone {
    move |place| Namespace::parse(kind, place)
}

fn parse_octal(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 => Ok(mask),
        _ => Err("not an octal mask of nine bits, as 022".to_owned()),
    }
}

fn parse_hook(text: &str) -> Result<(HookStage, String), String> {
    const STAGES: [HookStage; 6] = [
        HookStage::Prestart,
        HookStage::CreateRuntime,
        HookStage::CreateContainer,
        HookStage::StartContainer,
        HookStage::Poststart,
        HookStage::Poststop,
    ];
    let (name, path) = text
        .split_once(['=', ':'])
        .ok_or("not of the form STAGE=PATH")?;
    let stage = STAGES
        .into_iter()
        .find(|stage| stage.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| format!("{name:?} is no stage"))?;
    Ok((stage, path.to_owned()))
}
