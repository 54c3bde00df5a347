//! Who has something of the store mounted, in whatever mount namespace.
//!
//! What is mounted elsewhere goes unnoticed: a mount point can be removed while another namespace
//! has a mount on it, which then is gone there, and a container's root has left its mount point
//! once its runtime pivoted to it. So all namespaces are asked, and a mount is known by
//!
//! | what | because |
//! | --- | --- |
//! | the place that it covers, as the file system knows it | paths differ between namespaces |
//! | its source, which ends in the id | it may have been moved away from there |
//! | the place that it shows | with `vfs` it is a part of the store |

use std::{
    fs,
    path::{Component, Path},
    time::{Duration, Instant},
};

use sys::{mountinfo::MountEntry, namespaces};

use crate::{
    Store,
    error::{Result, StoreError},
    object::ObjectId,
};

/// How long a mount in another namespace must last to count: a namespace that is being made for a
/// container has all mounts of the host until its runtime gives them up.
const LASTING: Duration = Duration::from_millis(200);

/// What of the store a mount is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// `mounts/ID`.
    Mount(String),
    /// `containers/ID/rootfs`, at its place.
    Rootfs(String),
    /// Something else of `containers/ID`, or its root file system at another place.
    Container(String),
    /// A part of `vfs/CHAINHEX`.
    Copy(String),
}

impl Of {
    /// Tells whether it is about the container `id`.
    pub(crate) fn is_of_container(&self, id: &str) -> bool {
        matches!(self, Self::Rootfs(it) | Self::Container(it) if it == id)
    }
}

/// The mounts that are about the store.
#[derive(Debug)]
pub(crate) struct Uses {
    all: Vec<Use>,
    /// Processes whose mounts can not be seen.
    unseen: usize,
    /// The store's place in its file system is known. Else neither mounts of copies nor mounts in
    /// other namespaces are recognised.
    pub(crate) placed: bool,
}

#[derive(Debug)]
struct Use {
    of: Of,
    process: Option<u32>,
    at: String,
}

impl Store {
    /// Finds all mounts that are about the store. Those elsewhere that fit are given some time to
    /// go.
    pub(crate) fn lasting_uses(&self, fits: impl Fn(&Of) -> bool) -> Result<Uses> {
        let start = Instant::now();
        loop {
            let uses = self.uses()?;
            if !uses.is_elsewhere_alone(&fits) || start.elapsed() > LASTING {
                return Ok(uses);
            }
            std::thread::sleep(LASTING / 10);
        }
    }

    /// Finds all mounts that are about the store.
    pub(crate) fn uses(&self) -> Result<Uses> {
        let root = self.layout().root();
        let root = fs::canonicalize(root).map_err(StoreError::io("finding", root))?;
        let found = namespaces::read().map_err(StoreError::io("reading mounts in", "/proc"))?;
        let own = found.all.first().map(|own| own.mounts.as_slice());
        let store = namespaces::place_of(&root, own.unwrap_or_default());
        let mut all = Vec::new();
        for namespace in &found.all {
            for entry in &namespace.mounts {
                let covered = match namespace.process {
                    None => entry.mount_point.strip_prefix(&root).ok().and_then(of_path),
                    Some(_) => store
                        .as_ref()
                        .and_then(|store| of_path(entry.covers(&namespace.mounts)?.below(store)?)),
                };
                let shown = store
                    .as_ref()
                    .and_then(|store| match entry.shows().below(store) {
                        Some(path) if !path.starts_with("mounts") => of_path(path),
                        _ => None,
                    });
                let found = covered.or_else(|| of_source(entry)).into_iter();
                // What is shown has been moved from its place, however that is called.
                let shown = shown.map(|of| match of {
                    Of::Rootfs(id) => Of::Container(id),
                    other => other,
                });
                all.extend(found.chain(shown).map(|of| Use {
                    of,
                    process: namespace.process,
                    at: entry.mount_point.display().to_string(),
                }));
            }
        }
        Ok(Uses {
            all,
            unseen: found.unseen,
            placed: store.is_some(),
        })
    }
}

impl Uses {
    /// Says in words why there may be more mounts than were found.
    pub(crate) fn gap(&self) -> Option<String> {
        match (self.placed, self.unseen) {
            (true, 0) => None,
            (true, unseen) => Some(format!("the mounts of {unseen} processes can not be seen")),
            (false, _) => Some("the root directory is no mount".to_owned()),
        }
    }

    /// Lists in words what fits: the mounts that the caller sees, or else the processes that see
    /// some.
    pub(crate) fn by(&self, fits: impl Fn(&Of) -> bool) -> Vec<String> {
        let elsewhere = self.is_elsewhere_alone(&fits);
        let fitting = self.all.iter().filter(|one| fits(&one.of));
        let mut by: Vec<String> = fitting
            .filter_map(|one| match one.process {
                None => Some(format!("the mount {}", one.at)),
                Some(process) if elsewhere => Some(format!(
                    "process {process} ({}) that has it mounted at {}",
                    namespaces::process_name(process).display(),
                    one.at
                )),
                Some(_) => None,
            })
            .collect();
        by.dedup();
        by
    }

    /// Tells whether something fits, and nothing of that is seen by the caller.
    fn is_elsewhere_alone(&self, fits: impl Fn(&Of) -> bool) -> bool {
        let mut fitting = self.all.iter().filter(|one| fits(&one.of)).peekable();
        fitting.peek().is_some() && fitting.all(|one| one.process.is_some())
    }
}

/// What a path below the store is.
fn of_path(path: &Path) -> Option<Of> {
    let mut parts = path.components().map(Component::as_os_str);
    let (dir, id) = (parts.next()?, parts.next()?.to_str()?.to_owned());
    match (dir.to_str()?, parts.next(), parts.next()) {
        ("mounts", None, None) => Some(Of::Mount(id)),
        ("containers", Some(sub), None) if sub == "rootfs" => Some(Of::Rootfs(id)),
        ("containers", ..) => Some(Of::Container(id)),
        ("vfs", ..) => Some(Of::Copy(id)),
        _ => None,
    }
}

/// The source of a mount of a tree; `id` is that of the mount or the container.
pub(crate) fn source(tree: &ObjectId, id: &str) -> String {
    format!("composefs:{tree}:{id}")
}

fn of_source(entry: &MountEntry) -> Option<Of> {
    let source = entry.source.to_str()?.strip_prefix("composefs:")?;
    let (_, id) = source.split_once(':')?;
    // The id of a mount is the digest of the image, a point, and what makes it unique.
    Some(match id.contains('.') {
        true => Of::Mount(id.to_owned()),
        false => Of::Container(id.to_owned()),
    })
}
