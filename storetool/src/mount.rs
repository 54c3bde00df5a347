//! `storetool mount`: the files of an image or a container, somewhere to look at.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::Serialize;
use storage::{ImageRecord, Mount, MountOptions, Store};
use term::Explain as _;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  root=$(storetool mount app:1) && ls \"$root\"
  storetool umount app:1
  id=$(storetool containers create app:1) && root=$(storetool mount \"$id\")

EXIT STATUS:
0 when it is mounted, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-umount(1), storetool-mounted(1), storetool-containers(1)";

/// Mount an image or a container and print the path
///
/// An image is mounted read-only, without set-id programs and devices: it is for looking. Each
/// call mounts it once more. A container is mounted writable, once; a second call prints the same
/// path. It takes root, except with the driver vfs.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image, or the container by name or id
    what: String,
    /// Take it for an image, when a container has that name, too
    #[arg(long, conflicts_with = "container")]
    image: bool,
    /// Take it for a container, when an image has that name, too
    #[arg(long)]
    container: bool,
    /// Programs on it can not be run (images only)
    #[arg(long)]
    noexec: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a name means.
pub(crate) enum Meant {
    Image(Box<ImageRecord>),
    Container(String),
}

/// A mount, as `mount` and `mounted` print it.
#[derive(Debug, Serialize)]
pub(crate) struct Mounted {
    id: String,
    path: PathBuf,
    image: Option<String>,
    container: Option<String>,
    notes: Vec<String>,
}

impl Mounted {
    pub(crate) fn of(mount: Mount) -> Mounted {
        Mounted {
            id: mount.id,
            path: mount.path,
            image: mount.image.map(|image| image.to_string()),
            container: mount.container,
            notes: mount.notes,
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let mount = match meant(&store, &args.what, args.image, args.container)? {
        Meant::Container(_) if args.noexec => bail!("--noexec is for images"),
        Meant::Container(id) => store.mount_container(&id),
        Meant::Image(image) => {
            let options = MountOptions {
                noexec: args.noexec,
            };
            store.mount_image(&image, &options)
        }
    };
    let mount = mount
        .with_context(|| format!("mounting {}", args.what))
        .hint(|| "`storetool ls`, `cat` and `extract` read an image without a mount")?;
    for note in &mount.notes {
        term::program::say(&format!("storetool: note: {note}\n"));
    }
    if args.json {
        return Ok(term::json::print(&Mounted::of(mount))?);
    }
    let path = mount.path.into_os_string().into_encoded_bytes();
    Ok(term::stdout::write_all(&[path.as_slice(), b"\n"].concat())?)
}

/// Finds out what a name means; a name that an image and a container have is an error.
pub(crate) fn meant(
    store: &Store,
    what: &str,
    as_image: bool,
    as_container: bool,
) -> anyhow::Result<Meant> {
    if as_image {
        return Ok(Meant::Image(Box::new(find_image(store, what)?)));
    }
    let container = match store.container(what) {
        Ok(container) => Some(container.id),
        Err(error) if error.is_not_found() && !as_container => None,
        Err(error) => {
            return Err(error).with_context(|| format!("finding container {what}"));
        }
    };
    let Some(id) = container else {
        return Ok(Meant::Image(Box::new(find_image(store, what)?)));
    };
    if !as_container && store.image(what).is_ok() {
        bail!("{what} is an image and a container: say --image or --container");
    }
    Ok(Meant::Container(id))
}
