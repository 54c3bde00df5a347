//! The flags before or after every verb.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use term::args::parse_bool;

use crate::duration;

/// Flags of the program as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Every command")]
pub(crate) struct Global {
    /// Tell on standard error which files and settings are used
    #[arg(long, global = true)]
    pub(crate) debug: bool,

    /// Use this trust policy
    ///
    /// Without it: $CONTAINERS_POLICY_JSON, ~/.config/containers/policy.json,
    /// /etc/containers/policy.json, /usr/share/containers/policy.json.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Accept every image, whatever the policy says
    #[arg(long, global = true, conflicts_with = "require_signed")]
    pub(crate) insecure_policy: bool,

    /// Refuse images for which the policy demands no signature
    #[arg(long, global = true)]
    pub(crate) require_signed: bool,

    /// Read where signatures lie from this directory alone
    #[arg(long = "registries.d", global = true, value_name = "DIR")]
    pub(crate) registries_d: Option<PathBuf>,

    /// Use this registries.conf, and no drop-in files
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub(crate) registries_conf: Option<PathBuf>,

    /// Choose images of this architecture from lists (e.g. arm64)
    #[arg(long, global = true, value_name = "ARCH")]
    pub(crate) override_arch: Option<String>,

    /// Choose images of this operating system from lists (e.g. linux)
    #[arg(long, global = true, value_name = "OS")]
    pub(crate) override_os: Option<String>,

    /// Choose images of this architecture variant from lists (e.g. v7)
    #[arg(long, global = true, value_name = "VARIANT")]
    pub(crate) override_variant: Option<String>,

    /// End the command when it takes longer (e.g. 90s, 1h30m)
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) command_timeout: Option<Duration>,

    /// Put large temporary files here (default /var/tmp)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) tmpdir: Option<PathBuf>,

    /// Begin the User-Agent of requests with this text
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) user_agent_prefix: Option<String>,

    /// The old place of the flag that each image has now
    #[arg(
        long = "tls-verify",
        id = "global-tls-verify",
        value_name = "BOOL",
        hide = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = parse_bool)]
    pub(crate) tls_verify: Option<bool>,
}
