//! The configuration of a schema 1 image, as containers/image makes it when such an image becomes
//! one of docker schema 2: the topmost entry of the history, without what only layers have, with
//! the history and the diff ids, which nobody knows before the layers were unpacked.

use serde::Serialize;

use super::v1_image::V1Image;
use super::{Schema1, Schema1Error};
use crate::image_config::OpenRootfs;
use crate::json::{self, RawObject};
use crate::{DiffId, ImageConfig, limits};

/// Members of the topmost entry that are about a layer and not about the image.
const OF_LAYERS: [&str; 6] = ["id", "parent", "parent_id", "layer_id", "throwaway", "Size"];

#[derive(Serialize)]
struct Rootfs<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "<[T]>::is_empty")]
    diff_ids: &'a [T],
}

#[derive(Serialize)]
struct History<'a> {
    created: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    author: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    created_by: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    comment: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    empty_layer: bool,
}

impl Schema1 {
    /// Makes the configuration of docker schema 2 for layers with these diff ids, one for each of
    /// [`Schema1::layers_with_files`].
    ///
    /// # Errors
    /// Another number of diff ids; a topmost entry that is no configuration.
    pub fn to_docker_config(&self, diff_ids: &[DiffId]) -> Result<Vec<u8>, Schema1Error> {
        let (expected, actual) = (self.layers_with_files().count(), diff_ids.len());
        if expected != actual {
            return Err(Schema1Error::DiffIds { expected, actual });
        }
        self.config_with(diff_ids)
    }

    /// Returns the configuration without diff ids: all that is known while the layers are not
    /// unpacked.
    ///
    /// # Errors
    /// A topmost entry that is no configuration.
    pub fn to_open_config(&self) -> Result<ImageConfig<OpenRootfs>, Schema1Error> {
        let diff_ids = vec![""; self.layers_with_files().count()];
        ImageConfig::parse_open(self.config_with(&diff_ids)?)
            .map_err(|source| Schema1Error::Config(Box::new(source)))
    }

    fn config_with<T: Serialize>(&self, diff_ids: &[T]) -> Result<Vec<u8>, Schema1Error> {
        let refuse = |source| Schema1Error::History { place: 0, source };
        let top = self.history.first().ok_or(Schema1Error::Lengths {
            layers: self.fs_layers.len(),
            history: 0,
        })?;
        let raw = top.raw.as_bytes();
        let image: V1Image = json::from_slice(raw, limits::CONFIG_BYTES).map_err(refuse)?;
        let mut config = if image.is_written_anew() {
            image.with_time(&top.created).to_object()
        } else {
            RawObject::parse(raw)
        }
        .map_err(refuse)?;
        for name in OF_LAYERS {
            config.remove(name);
        }
        let history: Vec<History<'_>> = self
            .layers()
            .map(|(_, made)| History {
                created: &made.created,
                author: &made.author,
                created_by: &made.created_by,
                comment: &made.comment,
                empty_layer: made.throwaway,
            })
            .collect();
        let rootfs = Rootfs {
            kind: "layers",
            diff_ids,
        };
        config.set("rootfs", &rootfs).map_err(refuse)?;
        config.set("history", &history).map_err(refuse)?;
        let bytes = config.to_go_bytes().map_err(refuse)?;
        // The topmost entry may have had members that some readers take for those just set.
        json::parse(&bytes, limits::CONFIG_BYTES).map_err(refuse)?;
        Ok(bytes)
    }
}
