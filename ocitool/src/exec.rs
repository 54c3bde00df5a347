//! `ocitool exec`: execute a program in a running container.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use runtime::{Bundle, ContainerId, ExecOptions, Runtime, host};
use runtime_spec::options::CapabilityChoice;
use runtime_spec::{Capability, GenerateInput, GenerateOptions, Spec, generate, user};
use serde_json::Value;
use term::{Explain, Interrupt};

use crate::run::check_root;
use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool exec web /bin/ls -l /
  ocitool exec -t --user web web /bin/sh

EXIT STATUS:
That of the program, 128 + N when signal N ended it; that of the runtime when it could not start the program; 1 when something failed before, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-run(1), ocitool-kill(1)";

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
    /// Environment variable; without =VALUE that of ocitool (can be repeated)
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Add a capability (can be repeated)
    #[arg(long, value_name = "CAPABILITY", alias = "cap", value_parser = Capability::parse)]
    cap_add: Vec<Capability>,
    /// Give the program a terminal
    #[arg(long, short, visible_alias = "tty")]
    terminal: bool,
    /// Do not wait for the end of the program
    #[arg(long, short)]
    detach: bool,
    /// Socket that is sent the terminal, with --detach and --terminal
    #[arg(long, value_name = "PATH", requires_all = ["detach", "terminal"])]
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
    args: Vec<String>,
}

pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    if args.detach && args.terminal && args.console_socket.is_none() {
        return Err(anyhow!(
            "a detached program with a terminal needs a socket to send it to"
        ))
        .hint(|| "give --console-socket PATH, or leave out --detach or --terminal")
        .exit_status(2);
    }
    if args.terminal && !args.detach {
        session::need_terminal()?;
    }
    // What is known against the runtime was said when the container was started.
    let runtime = args.runtime.find(interrupt)?;
    let process = process(&runtime, &args)?;
    let options = ExecOptions {
        detach: args.detach,
        console_socket: args.console_socket,
        pid_file: args.pid_file,
    };
    // A signal is for the program; without this the second one would end ocitool alone.
    interrupt.hand_over();
    let exit = runtime.exec(&args.id, &process, &options)?;
    Ok(ExitCode::from(exit.code()))
}

/// The process of the container's own configuration, edited.
fn process(runtime: &Runtime, args: &Args) -> Result<Value> {
    let state = session::about(&args.id, runtime.state(&args.id))?;
    let bundle = state
        .bundle()
        .ok_or_else(|| anyhow!("the runtime does not name the bundle"))?;
    let bundle = Bundle::at(Path::new(bundle));
    let template = Spec::parse(&bundle.config()?)?;
    let users = match &args.user {
        None => None,
        Some(_) => Some(check_root(&bundle, &template)?.users()?),
    };
    let database = users
        .as_ref()
        .map(|users| users.database())
        .transpose()?
        .unwrap_or_default();
    let resolved = args
        .user
        .as_deref()
        .map(|text| user::resolve(text, &database))
        .transpose()?;
    let uid = match &resolved {
        Some(user) => u64::from(user.uid),
        None => template
            .get(&["process", "user", "uid"])
            .and_then(Value::as_u64)
            .unwrap_or(0),
    };
    let home = resolved
        .and_then(|user| user.home)
        .map(|home| ("HOME".to_owned(), home));
    let env = args
        .env
        .iter()
        .filter_map(|entry| crate::spec_args::environment(entry));
    let mut options = GenerateOptions {
        template: Some(template),
        entrypoint: Some(Vec::new()),
        args: Some(args.args.clone()),
        env: home.into_iter().chain(env).collect(),
        cwd: args.cwd.clone(),
        user: args.user.clone(),
        terminal: Some(args.terminal),
        ..GenerateOptions::default()
    };
    // Only ambient capabilities survive the start of a program by a user who is not root.
    if uid == 0 {
        options.cap_add = args
            .cap_add
            .iter()
            .copied()
            .map(CapabilityChoice::One)
            .collect();
    } else {
        options.cap_add_ambient = args.cap_add.clone();
    }
    let input = GenerateInput {
        image_config: None,
        users: database,
        host: host::facts(),
        options,
    };
    let made = generate(input)?;
    let process = made.spec.get(&["process"]).cloned();
    process.ok_or_else(|| anyhow!("config.json of the container has no process"))
}
