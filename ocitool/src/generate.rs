//! `ocitool generate`: write a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use runtime_spec::Spec;
use runtime_spec::spec::SPEC_BYTES;
use term::Interrupt;

use crate::input;
use crate::spec_args::SpecArgs;

const AFTER: &str = "\
EXAMPLES:
  skopeo-rs inspect --config docker://R/app:1 | ocitool generate --image-config - --rootfs ROOT > config.json
  ocitool generate --rootfs ROOT --user web --memory 64m -- /bin/server --port 80
  ocitool generate --template config.json --output config.json --cap-drop ALL

FILES:
  ROOT/etc/passwd, ROOT/etc/group
Names of users and groups are looked up here, with --rootfs only. Both are read inside of ROOT, as regular files of at most 1 MiB.

EXIT STATUS:
0 when a configuration was written, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-run(1), ocitool-create(1), ocitool-validate(1), skopeo-rs-inspect(1), storetool-inspect(1)";

/// Write a configuration
///
/// Writes config.json for an image or from nothing. Entrypoint, Cmd, Env, WorkingDir, User and
/// Volumes of the image are converted as the image specification says (conversion.md); the image
/// does not decide about anything outside of its container, so of its labels only those that
/// describe it become annotations. Defaults are podman's: its capabilities (none of them
/// inheritable or ambient), its seccomp filter, its masked and read-only paths, new namespaces
/// including one for cgroups.
///
/// With --template the given configuration is edited: only what an option asks for changes, and
/// members that ocitool does not know are kept. --output replaces a file in one step, so that it
/// may be the template. Members are written sorted, indented by tabs; the
/// same input on the same machine gives the same bytes. Of the machine the architecture, the
/// hard limit of open files and, for ALL and --privileged, the capabilities count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Configuration of the image, - for standard input
    #[arg(long, value_name = "FILE")]
    image_config: Option<PathBuf>,
    /// Configuration to edit, instead of the defaults, - for standard input
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    spec: SpecArgs,
}

pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let template = match &args.template {
        None => None,
        Some(path) => {
            let bytes = input::read(path, SPEC_BYTES, interrupt)?;
            Some(Spec::parse(&bytes).with_context(|| format!("reading {}", path.display()))?)
        }
    };
    let json = args
        .spec
        .build(args.image_config.as_deref(), template, interrupt)?
        .to_json()?;
    match args.output.filter(|path| path.as_os_str() != "-") {
        None => term::stdout::write_all(&json)?,
        Some(path) => {
            term::output::write(&path, &json)
                .with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
