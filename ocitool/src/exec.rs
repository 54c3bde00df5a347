//! `ocitool exec`: execute a program in a running container.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow};
use runtime::{Bundle, ContainerId, ExecOptions, Runtime};
use runtime_spec::{ResolvedUser, Spec, user};
use term::Interrupt;

use crate::run::check_root;
use crate::session::RuntimeArgs;

const AFTER: &str = "\
EXAMPLES:
  ocitool exec web /bin/ls -l /
  ocitool exec -t --user web web /bin/sh

EXIT STATUS:
That of the program, 128 + N when signal N ended it; that of the runtime when it could not start the program; 1 when something failed before, 2 when the call was wrong.";

/// Execute a program in a running container
///
/// Standard input, output and error are those of ocitool, signals are passed on, and the exit
/// status is that of the program. Names of users are looked up in the container's root file
/// system.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// User, by name or number [default: that of the container]
    #[arg(long, short, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Directory to start in [default: that of the container]
    #[arg(long, value_name = "PATH", visible_alias = "workdir")]
    cwd: Option<String>,
    /// Environment variable (can be repeated)
    #[arg(long, short, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Add a capability (can be repeated)
    #[arg(long, value_name = "CAPABILITY", alias = "cap", value_parser = runtime_spec::Capability::parse)]
    cap_add: Vec<runtime_spec::Capability>,
    /// Give the program a terminal
    #[arg(long, short, visible_alias = "tty")]
    terminal: bool,
    /// Do not wait for the end of the program
    #[arg(long, short)]
    detach: bool,
    /// Socket that is sent the terminal, with --detach
    #[arg(long, value_name = "PATH", requires = "detach")]
    console_socket: Option<PathBuf>,
    /// File to write the number of the process to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Name of the container
    #[arg(value_name = "ID")]
    id: ContainerId,
    /// Program and arguments
    #[arg(
        value_name = "PROGRAM",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    args: Vec<OsString>,
}

pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let runtime = args.runtime.find_to_start()?;
    let user = match &args.user {
        None => None,
        Some(text) => Some(resolve(&runtime, &args.id, text)?),
    };
    let options = ExecOptions {
        args: args.args,
        user: user.as_ref().map(|user| (user.uid, user.gid)),
        additional_gids: user.map(|user| user.additional_gids).unwrap_or_default(),
        cwd: args.cwd,
        env: args.env,
        cap_add: args
            .cap_add
            .iter()
            .map(|capability| capability.name().to_owned())
            .collect(),
        terminal: args.terminal,
        detach: args.detach,
        console_socket: args.console_socket,
        pid_file: args.pid_file,
    };
    let asked = interrupt.flag();
    let exit = runtime.exec(&args.id, &options, &|| {
        asked.store(false, Ordering::Relaxed)
    })?;
    Ok(ExitCode::from(exit.code()))
}

/// Looks a user up where the container's own was: in the root of its bundle.
fn resolve(runtime: &Runtime, id: &ContainerId, text: &str) -> Result<ResolvedUser> {
    let state = runtime.state(id)?;
    let bundle = state
        .bundle()
        .ok_or_else(|| anyhow!("the runtime does not name the bundle"))?;
    let bundle = Bundle::at(Path::new(bundle));
    let spec = Spec::parse(&bundle.config()?)?;
    let users = check_root(&bundle, &spec)?.users()?;
    Ok(user::resolve(text, &users.database()?)?)
}
