//! The mounts: the defaults fitted to namespaces and privilege, the image's volumes, what is
//! asked for.

use serde_json::Value;
use serde_json::json;

use super::{GenerateError, Note, Work};
use crate::options::{Mount, VolumePolicy, clean_absolute};

impl Work<'_> {
    pub(super) fn mounts(&mut self) -> Result<(), GenerateError> {
        self.adapt_default_mounts()?;
        let mut volumes = Vec::new();
        if self.options.volumes == VolumePolicy::Tmpfs {
            for path in self
                .image
                .iter()
                .flat_map(|image| image.config.volumes.keys())
            {
                let clean = clean_absolute(path)
                    .filter(|clean| clean != "/")
                    .ok_or_else(|| GenerateError::Volume { path: path.clone() })?;
                let kernel = ["/proc", "/sys", "/dev"];
                if kernel
                    .iter()
                    .any(|dir| clean == *dir || clean.starts_with(&format!("{dir}/")))
                {
                    self.notes.push(Note::VolumeSkipped { path: path.clone() });
                } else {
                    volumes.push(Mount::volume(&clean));
                }
            }
        }
        let given = self.options.mounts.clone();
        let gone: Vec<_> = self
            .options
            .mounts_removed
            .iter()
            .filter_map(|path| clean_absolute(path))
            .collect();
        let list = self.spec.list(&["mounts"])?;
        for path in gone {
            let before = list.len();
            list.retain(|entry| {
                let there = entry["destination"].as_str().and_then(clean_absolute);
                there.as_ref() != Some(&path)
            });
            if list.len() == before {
                self.notes.push(Note::NoMountToRemove { destination: path });
            }
        }
        let at = |list: &[Value], mount: &Mount| {
            list.iter().position(|entry| {
                let there = entry["destination"].as_str().and_then(clean_absolute);
                there.as_deref() == Some(mount.destination())
            })
        };
        for mount in &volumes {
            if at(list, mount).is_none() {
                list.push(mount.to_json());
            }
        }
        for mount in &given {
            match at(list, mount) {
                Some(index) => list[index] = mount.to_json(),
                None => list.push(mount.to_json()),
            }
        }
        Ok(())
    }

    /// Makes the default mounts fit shared namespaces, mappings and privilege.
    fn adapt_default_mounts(&mut self) -> Result<(), GenerateError> {
        // Of a template only what is asked for changes.
        let decided = |work: &Self, kind| !work.from_template || work.asks_for(kind);
        let share_ipc = !self.has_namespace("ipc") && decided(self, "ipc");
        let share_network = !self.has_namespace("network");
        let user_namespace =
            self.has_namespace("user") && (decided(self, "user") || decided(self, "network"));
        let maps_tty =
            self.options.gid_maps.is_empty()
                || self.options.gid_maps.iter().any(|map| {
                    map.container_id <= 5 && 5 < map.container_id.saturating_add(map.size)
                });
        let privileged = self.options.privileged;
        let list = self.spec.list(&["mounts"])?;
        for destination in self.host.absent.iter().filter(|_| share_ipc) {
            let before = list.len();
            list.retain(|mount| {
                mount["destination"] != *destination
                    || !["mqueue", "tmpfs"]
                        .iter()
                        .any(|kind| mount["type"] == *kind)
            });
            if list.len() < before {
                self.notes.push(Note::HostMountAbsent {
                    destination: (*destination).to_owned(),
                });
            }
        }
        for mount in list {
            let Some(destination) = mount["destination"].as_str().map(str::to_owned) else {
                continue;
            };
            let kind = mount["type"].as_str().unwrap_or_default().to_owned();
            match (destination.as_str(), kind.as_str()) {
                ("/dev/shm", "tmpfs") | ("/dev/mqueue", "mqueue") if share_ipc => {
                    *mount = json!({
                        "destination": destination, "type": "bind", "source": destination,
                        "options": ["bind", "rprivate", "nosuid", "noexec", "nodev"],
                    });
                }
                // The kernel lets only the owner of a network namespace mount its sysfs.
                ("/sys", "sysfs") if share_network && user_namespace => {
                    let access = if privileged { "rw" } else { "ro" };
                    *mount = json!({
                        "destination": "/sys", "type": "bind", "source": "/sys",
                        "options": ["rbind", "rprivate", "nosuid", "noexec", "nodev", access],
                    });
                }
                ("/sys", "sysfs") | ("/sys/fs/cgroup", "cgroup") if privileged => {
                    for option in mount["options"].as_array_mut().into_iter().flatten() {
                        if option == "ro" {
                            *option = json!("rw");
                        }
                    }
                }
                ("/dev/pts", "devpts") if !maps_tty => {
                    if let Some(options) = mount["options"].as_array_mut() {
                        options.retain(|option| option != "gid=5");
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
