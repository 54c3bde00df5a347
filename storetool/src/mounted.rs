//! `storetool mounted`: what is mounted.

use term::Table;

use crate::mount::Mounted;
use crate::session::Session;
use crate::shape::short;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool mounted
  storetool mounted --json | jq -r '.[].path' | xargs -r storetool umount

EXIT STATUS:
0 when the list was printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-mount(1), storetool-umount(1)";

/// List what is mounted
///
/// As the kernel has it: a copy that `storetool mount` gives to others than root is no mount.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let mounts = store.mounts()?;
    if args.json {
        let mounts: Vec<Mounted> = mounts.into_iter().map(Mounted::of).collect();
        return Ok(term::json::print(&mounts)?);
    }
    let mut table = Table::new(&["KIND", "OF", "PATH"]);
    for mount in &mounts {
        let (kind, of) = match (&mount.container, &mount.image) {
            (Some(container), _) => ("container", container.chars().take(12).collect()),
            (None, Some(image)) => ("image", short(image)),
            (None, None) => ("image", String::new()),
        };
        table.row([kind, &of, &mount.path.to_string_lossy()]);
    }
    Ok(table.print()?)
}
