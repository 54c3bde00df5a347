//! `storetool umount`: the end of looking.

use std::path::Path;

use anyhow::{Context as _, bail};
use term::Explain as _;

use crate::mount::{Meant, Mounted, meant};
use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool umount app:1
  storetool umount \"$root\"
  storetool umount --all

EXIT STATUS:
0 when nothing of what was named is mounted any more, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-mount(1), storetool-mounted(1)";

/// Unmount images and containers
///
/// Of an image every mount goes; a path is one mount. What a process still uses stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Images, containers, or paths that `storetool mount` printed
    #[arg(required_unless_present = "all")]
    what: Vec<String>,
    /// Unmount everything that is mounted
    #[arg(short, long, conflicts_with = "what")]
    all: bool,
    /// Take them for images, when containers have those names, too
    #[arg(long, conflicts_with = "container")]
    image: bool,
    /// Take them for containers, when images have those names, too
    #[arg(long)]
    container: bool,
    /// Print what was unmounted as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let before = store.mounts()?;
    let mut failures = Vec::new();
    if args.all {
        for mount in &before {
            let done = match &mount.container {
                Some(container) => store.umount_container(container),
                None => store.umount(&mount.id),
            };
            failures.extend(explain(done, &mount.path.display()).err());
        }
    }
    for what in &args.what {
        if let Err(error) = umount(&store, what, args) {
            failures.push(error);
        }
    }
    if args.json {
        let after = store.mounts()?;
        let gone: Vec<Mounted> = before
            .into_iter()
            .filter(|mount| !after.contains(mount))
            .map(Mounted::of)
            .collect();
        term::json::print(&gone)?;
    }
    session.fail_last(failures)
}

/// Says what could not be unmounted, and what to do when it is in use.
fn explain<T>(done: storage::Result<T>, what: &dyn std::fmt::Display) -> anyhow::Result<T> {
    let in_use = done.as_ref().is_err_and(storage::StoreError::is_in_use);
    let done = done.with_context(|| format!("unmounting {what}"));
    match in_use {
        true => done.hint(|| "`fuser -vm PATH` shows the processes that use it"),
        false => done,
    }
}

fn umount(store: &storage::Store, what: &str, args: &Args) -> anyhow::Result<()> {
    if Path::new(what).is_absolute() {
        let mounts = store.mounts()?;
        let at = mounts.iter().find(|mount| mount.path == Path::new(what));
        let done = match at.and_then(|mount| mount.container.as_deref()) {
            Some(container) => store.umount_container(container),
            None => store.umount(what),
        };
        return explain(done, &what);
    }
    match meant(store, what, args.image, args.container)? {
        Meant::Container(id) => explain(store.umount_container(&id), &what),
        Meant::Image(image) => {
            let count = explain(store.umount_image(&image), &what)?;
            if count == 0 && store.driver() != storage::DriverKind::Vfs {
                bail!("{what} is not mounted");
            }
            Ok(())
        }
    }
}
