//! `storetool umount`: the end of looking.

use std::path::Path;

use anyhow::{Context as _, bail};
use term::Explain as _;

use crate::mount::{Meant, meant};
use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool umount app:1
  storetool umount \"$root\"

EXIT STATUS:
0 when nothing of what was named is mounted any more, 1 otherwise.

SEE ALSO:
storetool(1), storetool-mount(1), storetool-mounted(1)";

/// Unmount images and containers
///
/// Of an image every mount goes; a path is one mount. What a process still uses stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Images, containers, or paths that `storetool mount` printed
    #[arg(required = true)]
    what: Vec<String>,
    /// Take them for images, when containers have those names, too
    #[arg(long, conflicts_with = "container")]
    image: bool,
    /// Take them for containers, when images have those names, too
    #[arg(long)]
    container: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change()?;
    let mut failures = Vec::new();
    for what in &args.what {
        if let Err(error) = umount(&store, what, args) {
            failures.push(error);
        }
    }
    session.fail_last(failures)
}

fn umount(store: &storage::Store, what: &str, args: &Args) -> anyhow::Result<()> {
    let unmounting = || format!("unmounting {what}");
    let in_use = || "`fuser -vm PATH` shows the processes that use it";
    if Path::new(what).is_absolute() {
        let mounts = store.mounts()?;
        let at = mounts.iter().find(|mount| mount.path == Path::new(what));
        return match at.and_then(|mount| mount.container.as_deref()) {
            Some(container) => store.umount_container(container),
            None => store.umount(what),
        }
        .with_context(unmounting)
        .hint(in_use);
    }
    match meant(store, what, args.image, args.container)? {
        Meant::Container(id) => store
            .umount_container(&id)
            .with_context(unmounting)
            .hint(in_use),
        Meant::Image(image) => {
            let count = store
                .umount_image(&image)
                .with_context(unmounting)
                .hint(in_use)?;
            if count == 0 && store.driver() != storage::DriverKind::Vfs {
                bail!("{what} is not mounted");
            }
            Ok(())
        }
    }
}
