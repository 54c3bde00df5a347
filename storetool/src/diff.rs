//! `storetool diff`: what differs between two images, or what a container changed.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use serde::Serialize;
use storage::diff::{Change, ChangeKind};
use term::{Explain as _, Stdout};

use crate::ls::shown;
use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
OUTPUT:
One path a line behind A for added, C for changed or D for deleted; of a deleted directory what was in it is not listed.

EXAMPLES:
  storetool diff app:1 app:2
  storetool diff mycontainer
  storetool diff --json app:1 app:2 | jq -r '.[] | select(.kind == \"added\") | .path'

EXIT STATUS:
0 when the differences were printed, also when there are none; 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-ls(1), storetool-containers(1)";

/// List what differs between two images, or what a container changed
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The old image, or the container when nothing follows
    old: String,
    /// The new image
    new: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A change, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    kind: ChangeKind,
    path: String,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let changes: Vec<Change> = match &args.new {
        Some(new) => {
            let tree = |wanted: &str| {
                let image = find_image(&store, wanted)?;
                store
                    .tree(&image)
                    .with_context(|| format!("reading the tree of {wanted}"))
            };
            storage::diff::trees(&tree(&args.old)?, &tree(new)?)
        }
        None => {
            let container = store
                .container(&args.old)
                .with_context(|| format!("finding container {}", args.old))
                .hint(|| "an image is compared with a second one; `storetool containers ls` lists the containers")?;
            store
                .container_changes(&container)
                .with_context(|| format!("comparing container {} with its image", args.old))?
        }
    };
    if args.json {
        let shown: Vec<Shown> = changes
            .iter()
            .map(|change| Shown {
                kind: change.kind,
                path: format!("/{}", String::from_utf8_lossy(&change.path)),
            })
            .collect();
        return Ok(term::json::print(&shown)?);
    }
    let terminal = std::io::stdout().is_terminal();
    let mut out = Stdout::new();
    for change in &changes {
        let letter: &[u8] = match change.kind {
            ChangeKind::Added => b"A /",
            ChangeKind::Deleted => b"D /",
            ChangeKind::Changed => b"C /",
        };
        out.write_all(letter)?;
        out.write_all(&shown(&change.path, terminal))?;
        out.write_all(b"\n")?;
    }
    Ok(out.finish()?)
}
