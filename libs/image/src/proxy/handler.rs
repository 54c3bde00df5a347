//! What each method does.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use jiff::Timestamp;
use oci::{Descriptor, Digest, ImageConfig, ImageManifest, Manifest, MediaType, RawManifest};
use oci::{json, limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use signing::{Evaluation, FsKeys, Policy, Rejected};

use super::pipes::{self, Pipes};
use super::wire::{Answer, Failure, Request};
use crate::blob::read_document;
use crate::context::{Context, EndpointOptions};
use crate::convert::{self, CopiedLayer};
use crate::copy::{CopyError, select_instance};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::source::{ImageSource, open_source};

/// The version of the protocol that the reference speaks.
const VERSION: &str = "0.2.8";
/// The largest integer that JavaScript knows.
const LARGEST: f64 = 9_007_199_254_740_991.0;

type Reply = Result<Answer, Failure>;

/// An image that a client has opened, which the policy accepted.
struct Opened {
    source: Arc<dyn ImageSource>,
    manifest: RawManifest,
}

/// One client.
pub(super) struct Handler<'a> {
    context: &'a Context,
    policy: &'a Policy,
    endpoint: &'a EndpointOptions,
    initialized: bool,
    last: u64,
    images: BTreeMap<u64, Opened>,
    pipes: Pipes,
}

#[derive(Serialize)]
struct LayerInfo<'a> {
    digest: &'a Digest,
    size: u64,
    media_type: &'a MediaType,
}

impl<'a> Handler<'a> {
    pub(super) fn new(
        context: &'a Context,
        policy: &'a Policy,
        endpoint: &'a EndpointOptions,
    ) -> Self {
        Self {
            context,
            policy,
            endpoint,
            initialized: false,
            last: 0,
            images: BTreeMap::new(),
            pipes: Pipes::default(),
        }
    }

    /// Answers a request; `None` when the client is done.
    pub(super) fn answer(&mut self, packet: &[u8]) -> Option<Reply> {
        let request: Request = match json::from_slice(packet, packet.len() as u64) {
            Ok(request) => request,
            Err(error) => {
                return Some(Err(Failure::of_client(format!("invalid request: {error}"))));
            }
        };
        let args = request.args.unwrap_or_default();
        if request.method == "Shutdown" {
            return None;
        }
        Some(self.call(&request.method, &args))
    }

    fn call(&mut self, method: &str, args: &[Value]) -> Reply {
        match method {
            "Initialize" => return self.initialize(args),
            "FinishPipe" => {
                let id = number(args.first().unwrap_or(&Value::Null))?;
                return self.pipes.finish(id).map(|()| Answer::default());
            }
            _ => {}
        }
        let known = matches!(
            method,
            "OpenImage"
                | "OpenImageOptional"
                | "CloseImage"
                | "GetManifest"
                | "GetConfig"
                | "GetFullConfig"
                | "GetBlob"
                | "GetRawBlob"
                | "GetLayerInfo"
                | "GetLayerInfoPiped"
        );
        if !known {
            return Err(Failure::of_client(format!("unknown method: {method}")));
        }
        if !self.initialized {
            return Err(Failure::of_client("client error: must invoke Initialize"));
        }
        match (method, args) {
            ("OpenImage", [name]) => self.open(name, false),
            ("OpenImageOptional", [name]) => self.open(name, true),
            ("CloseImage", [id]) => {
                let (id, _) = self.image(id)?;
                self.images.remove(&id);
                Ok(Answer::default())
            }
            ("GetManifest", [id]) => self.manifest(id),
            ("GetFullConfig", [id]) => self.config(id, false),
            ("GetConfig", [id]) => self.config(id, true),
            ("GetBlob", [id, digest, size]) => self.blob(id, digest, size),
            ("GetRawBlob", [id, digest]) => self.raw_blob(id, digest),
            ("GetLayerInfo", [id]) => {
                let layers = self.layers(id)?;
                let value = serde_json::from_slice(&layers).unwrap_or_default();
                Ok(Answer {
                    value,
                    ..Answer::default()
                })
            }
            ("GetLayerInfoPiped", [id]) => {
                let layers = self.layers(id)?;
                self.pipes.open(Value::Null, Cursor::new(layers))
            }
            (_, args) => Err(Failure::of_client(format!(
                "invalid request, {method} does not take {} arguments",
                args.len()
            ))),
        }
    }

    fn initialize(&mut self, args: &[Value]) -> Reply {
        if !args.is_empty() {
            return Err(Failure::of_client(
                "invalid request, expecting zero arguments",
            ));
        }
        if std::mem::replace(&mut self.initialized, true) {
            return Err(Failure::of_client("already initialized"));
        }
        Ok(Answer {
            value: VERSION.into(),
            ..Answer::default()
        })
    }

    fn open(&mut self, name: &Value, optional: bool) -> Reply {
        let Some(text) = name.as_str() else {
            return Err(Failure::of_client("expecting string imageref"));
        };
        let name = ImageName::parse(text).map_err(ImageError::from)?;
        let source = match open_source(&name, self.context, self.endpoint) {
            Err(error) if optional && error.is_not_found() => {
                return Ok(Answer {
                    value: 0.into(),
                    ..Answer::default()
                });
            }
            source => source?,
        };
        let manifest = self.accepted(source.as_ref())?;
        self.last += 1;
        self.images.insert(
            self.last,
            Opened {
                source: Arc::from(source),
                manifest,
            },
        );
        Ok(Answer {
            value: self.last.into(),
            ..Answer::default()
        })
    }

    /// Asks the policy about the image, and about the list that it is in: one of them must pass.
    fn accepted(&self, source: &dyn ImageSource) -> Result<RawManifest, Failure> {
        let top = source.manifest(None)?;
        let of_list = self.judge(source, &top, None)?;
        let (manifest, instance) = select_instance(source, &top, &self.context.platform)?;
        let verdict = match instance {
            None => of_list,
            Some(instance) => match self.judge(source, &manifest, Some(&instance))? {
                Err(_) if of_list.is_ok() => Ok(()),
                verdict => verdict,
            },
        };
        match verdict {
            Ok(()) => Ok(manifest),
            Err(rejected) => Err(CopyError::Rejected(rejected).into()),
        }
    }

    fn judge(
        &self,
        source: &dyn ImageSource,
        manifest: &RawManifest,
        instance: Option<&Digest>,
    ) -> Result<Result<(), Box<Rejected>>, Failure> {
        if source.admitted().is_some() {
            return Ok(Ok(()));
        }
        let identity = source.identity();
        let signatures = match self.policy.looks_at_signatures(&identity) {
            true => source.signatures(instance)?,
            false => Vec::new(),
        };
        let verdict = self.policy.evaluate(Evaluation {
            identity: &identity,
            manifest: manifest.clone(),
            signatures: &signatures,
            keys: &FsKeys,
            now: Timestamp::now(),
        });
        Ok(verdict.map(drop).map_err(Box::new))
    }

    fn image(&self, id: &Value) -> Result<(u64, &Opened), Failure> {
        let id = number(id)?;
        if id == 0 {
            return Err(Failure::of_client("invalid imageid value of zero"));
        }
        let image = self.images.get(&id);
        let image = image.ok_or_else(|| Failure::of_client(format!("no image {id}")))?;
        Ok((id, image))
    }

    /// The manifest in OCI's form, whatever it is.
    fn manifest(&mut self, id: &Value) -> Reply {
        let (_, image) = self.image(id)?;
        let manifest = image.parsed()?;
        let bytes = match manifest.media_type {
            MediaType::OciManifest => image.manifest.bytes().to_vec(),
            _ => {
                let config = image.config(manifest)?;
                let target = MediaType::OciManifest;
                let (config, _) = convert::config_for(&target, manifest, || Some(config));
                let layers: Vec<CopiedLayer> = manifest
                    .layers
                    .iter()
                    .map(|layer| CopiedLayer {
                        digest: layer.digest,
                        size: layer.size,
                        compression: None,
                    })
                    .collect();
                let converted = convert::rewrite(manifest, &target, config, &layers)
                    .map_err(CopyError::from)?;
                converted.map_or_else(
                    || image.manifest.bytes().to_vec(),
                    |manifest| manifest.to_bytes(),
                )
            }
        };
        let digest = image.manifest.digest().to_string();
        self.pipes.open(digest.into(), Cursor::new(bytes))
    }

    /// The configuration in OCI's form; with `inner` what is for containers alone.
    fn config(&mut self, id: &Value, inner: bool) -> Reply {
        #[derive(Deserialize)]
        struct Inner {
            #[serde(default)]
            config: Option<Box<RawValue>>,
        }
        let (_, image) = self.image(id)?;
        let mut bytes = image.config(image.parsed()?)?.to_oci_bytes();
        if inner {
            let read: Inner = serde_json::from_slice(&bytes)
                .map_err(|error| Failure::of_client(error.to_string()))?;
            let text = read.config.as_ref().map_or("{}", |config| config.get());
            bytes = text.as_bytes().to_vec();
        }
        self.pipes.open(Value::Null, Cursor::new(bytes))
    }

    fn blob(&mut self, id: &Value, digest: &Value, size: &Value) -> Reply {
        let (_, image) = self.image(id)?;
        let descriptor = Descriptor::new(
            MediaType::Other(String::new()),
            parse_digest(digest)?,
            number(size)?,
        );
        let content = image.source.blob(&descriptor)?;
        self.pipes.open(descriptor.size.into(), content)
    }

    fn raw_blob(&self, id: &Value, digest: &Value) -> Reply {
        let (_, image) = self.image(id)?;
        let digest = parse_digest(digest)?;
        let known = match image.manifest.manifest() {
            Manifest::Image(manifest) => std::iter::once(&manifest.config)
                .chain(&manifest.layers)
                .find(|blob| blob.digest == digest)
                .map(|blob| blob.size),
            _ => None,
        };
        let size = match known {
            Some(size) => size,
            None => image.source.blob_size(&digest)?,
        };
        let descriptor = Descriptor::new(MediaType::Other(String::new()), digest, size);
        let content = image.source.blob(&descriptor)?;
        pipes::raw(size.into(), content)
    }

    fn layers(&self, id: &Value) -> Result<Vec<u8>, Failure> {
        let (_, image) = self.image(id)?;
        let layers: Vec<LayerInfo<'_>> = image
            .parsed()?
            .layers
            .iter()
            .map(|layer| LayerInfo {
                digest: &layer.digest,
                size: layer.size,
                media_type: &layer.media_type,
            })
            .collect();
        serde_json::to_vec(&layers).map_err(|error| Failure::of_client(error.to_string()))
    }
}

impl Opened {
    fn parsed(&self) -> Result<&ImageManifest, Failure> {
        match self.manifest.manifest() {
            Manifest::Image(image) => Ok(image),
            _ => Err(Failure::of_client(format!(
                "unsupported legacy manifest MIME type: {}",
                self.manifest.media_type()
            ))),
        }
    }

    fn config(&self, manifest: &ImageManifest) -> Result<ImageConfig, Failure> {
        let media_type = &manifest.config.media_type;
        if !convert::is_image_config(media_type) {
            let config = media_type.clone();
            return Err(CopyError::Artifact { config }.into());
        }
        let reader = self.source.blob(&manifest.config)?;
        let bytes = read_document(reader, &manifest.config, limits::CONFIG_BYTES)
            .map_err(ImageError::Stream)?;
        let config = ImageConfig::parse(&bytes).map_err(|source| ImageError::ImageConfig {
            name: self.source.name().to_string(),
            source: Box::new(source),
        })?;
        Ok(config)
    }
}

/// Reads an integer; JSON has none, so it must be one that a client in JavaScript can have meant.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value was checked to be a natural number below 2^53"
)]
fn number(value: &Value) -> Result<u64, Failure> {
    match value.as_f64() {
        Some(number) if (0.0..=LARGEST).contains(&number) && number.trunc() == number => {
            Ok(number as u64)
        }
        Some(number) => Err(Failure::of_client(format!(
            "out of range integer for numeric {number}"
        ))),
        None => Err(Failure::of_client(format!(
            "expecting numeric, not {value}"
        ))),
    }
}

fn parse_digest(value: &Value) -> Result<Digest, Failure> {
    let text = value
        .as_str()
        .ok_or_else(|| Failure::of_client("expecting string blobid"))?;
    Digest::parse(text).map_err(|error| Failure::of_client(error.to_string()))
}
