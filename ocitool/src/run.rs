//! `ocitool run`: run a container in the foreground.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use runtime::{Bundle, ContainerId, Rootfs, RunOptions, Runtime, inspect};
use runtime_spec::spec::SPEC_BYTES;
use runtime_spec::{Severity, Spec};
use term::{Explain, Interrupt};

use crate::input;
use crate::session::{self, RuntimeArgs};
use crate::spec_args::SpecArgs;

const AFTER: &str = "\
EXAMPLES:
  ocitool run --image-config image.json --rootfs ROOT
  ocitool run --image-config image.json --rootfs ROOT -t -- /bin/sh
  ocitool run --rootfs ROOT -t -- /bin/sh
  ocitool generate --rootfs ROOT -- /bin/id | ocitool run --config -
  ocitool run --bundle DIR web

FILES:
  /run/ocitool/bundle-*
Temporary bundles; $XDG_RUNTIME_DIR/ocitool for users other than root.

EXIT STATUS:
That of the container's program, 128 + N when signal N ended it; that of the runtime when it could not start the program; 1 when something failed before, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-generate(1), ocitool-exec(1), ocitool-delete(1), storetool-mount(1)";

/// Run a container in the foreground
///
/// Hands a configuration to the OCI runtime and waits. Standard input, output and error are those
/// of ocitool; with --terminal the runtime connects the terminal. Signals are passed on, and the
/// exit status is that of the container's program. The container is deleted when it ends.
///
/// The configuration comes from a bundle, from a file, or is made from that of an image or, with
/// --rootfs alone, from nothing; options edit it, but not that of a bundle. Except with --bundle it goes to a temporary bundle (mode
/// 0700) that is removed afterwards. A root file system that could lead the runtime to the host is
/// refused: one in which /dev, /proc or /sys is a symlink, or the directory to start in leads to
/// /proc; ocitool-validate with --rootfs lists what is looked at.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
#[command(group = clap::ArgGroup::new("source").required(true).multiple(true).args(["config", "bundle", "image_config", "rootfs"]))]
pub(crate) struct Args {
    /// Name of the container [default: made up]
    #[arg(value_name = "ID")]
    id: Option<ContainerId>,
    /// Configuration, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "image_config"])]
    config: Option<PathBuf>,
    /// Directory with config.json, used as it is
    #[arg(long, short, value_name = "DIR", conflicts_with = "SpecArgs")]
    bundle: Option<PathBuf>,
    /// Configuration of the image to run, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    image_config: Option<PathBuf>,
    /// File to write the number of the container's first process to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Open files from 3 on that the container inherits
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    preserve_fds: u32,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    spec: SpecArgs,
}

pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let runtime = args.runtime.find_to_start(interrupt)?;
    let id = match args.id {
        Some(id) => id,
        None => session::fresh_id().parse()?,
    };
    let bundle = match &args.bundle {
        Some(dir) => {
            let bundle = Bundle::at(dir);
            let spec = Spec::parse(&bundle.config()?)?;
            check_root(&bundle, &spec)?;
            prepare(&runtime, &spec)?;
            bundle
        }
        None => {
            let template = args
                .config
                .as_deref()
                .map(|path| read_config(path, interrupt))
                .transpose()?;
            let mut spec = args
                .spec
                .build(args.image_config.as_deref(), template, interrupt)?;
            make_root_absolute(&mut spec, args.config.as_deref())?;
            let bundle = Bundle::temporary(&session::bundle_parent(), &spec.to_json()?)?;
            check_root(&bundle, &spec)?;
            prepare(&runtime, &spec)?;
            bundle
        }
    };
    let options = RunOptions {
        pid_file: args.pid_file,
        preserve_fds: args.preserve_fds,
        listen_fds: session::listen_fds(),
    };
    // A signal is for the container; without this the second one would end ocitool alone.
    interrupt.hand_over();
    let exit = runtime.run(&id, bundle.path(), &options);
    bundle.remove()?;
    Ok(ExitCode::from(exit?.code()))
}

fn prepare(runtime: &Runtime, spec: &Spec) -> Result<()> {
    if spec.terminal() {
        session::need_terminal()?;
    }
    session::note_unsupported(runtime, spec)
}

fn read_config(path: &Path, interrupt: &Interrupt) -> Result<Spec> {
    let bytes = input::read(path, SPEC_BYTES, interrupt)?;
    Spec::parse(&bytes).with_context(|| format!("reading {}", path.display()))
}

/// A relative root.path starts at the directory of the file that it was read from.
fn make_root_absolute(spec: &mut Spec, config: Option<&Path>) -> Result<()> {
    let path = spec.root_path().unwrap_or("rootfs").to_owned();
    let base = config
        .filter(|path| *path != Path::new("-"))
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    let absolute = std::path::absolute(base.join(path)).context("finding the root file system")?;
    let text = absolute.to_str();
    let text = text.ok_or_else(|| anyhow!("path {} is not UTF-8", absolute.display()))?;
    spec.set(&["root", "path"], text)?;
    Ok(())
}

/// Opens the root file system of a bundle, and holds it to be safe for this configuration.
pub(crate) fn check_root(bundle: &Bundle, spec: &Spec) -> Result<Rootfs> {
    let path = bundle
        .root_of(spec)
        .ok_or_else(|| anyhow!("config.json has no root.path"))?;
    let root = Rootfs::open(&path).hint(|| "name the root file system with --rootfs DIR")?;
    root.check()?;
    let unsafe_here = inspect(&root, spec)?
        .into_iter()
        .find(|finding| finding.severity == Severity::Must);
    if let Some(finding) = unsafe_here {
        return Err(anyhow!(
            "{} of config.json: {}",
            finding.path,
            finding.message
        ))
        .hint(|| "ocitool validate --rootfs DIR lists all that is wrong");
    }
    Ok(root)
}
