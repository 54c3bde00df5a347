//! Reads images from a docker engine, which gives them out as `docker save` does.
//!
//! What comes is spooled: where an image's parts lie in the stream is not known before its end.

use config::certs::{self, TlsFiles};
use registry::{DEFAULT_ENGINE, Engine, RegistryError};

use archive::tarfile::{TarIndex, TarLimits};

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::{DaemonName, ImageName};
use crate::transport::docker_archive_source::DockerArchiveSource;
use crate::transport::spool::spool;

/// Opens an image of an engine.
pub(crate) fn open(
    daemon: &DaemonName,
    context: &Context,
    endpoint: &EndpointOptions,
) -> Result<DockerArchiveSource, ImageError> {
    let name = ImageName::DockerDaemon(daemon.clone());
    let failed = |source| engine_failed("reading", &name, source);
    let saved = engine(context, endpoint, &name)?
        .save(&daemon.to_string())
        .map_err(failed)?;
    let (file, _) = spool(saved, &context.tmpdir)?;
    let members =
        TarIndex::scan(file, TarLimits::default()).map_err(|source| ImageError::Archive {
            path: name.to_string().into(),
            source: Box::new(source),
        })?;
    DockerArchiveSource::among(name, members, None)
}

/// Makes ready to talk to the engine.
pub(crate) fn engine(
    context: &Context,
    endpoint: &EndpointOptions,
    name: &ImageName,
) -> Result<Engine, ImageError> {
    let host = endpoint.daemon_host.as_deref().unwrap_or(DEFAULT_ENGINE);
    let tls = match &endpoint.cert_dir {
        Some(directory) if !host.starts_with("unix:") => {
            certs::of_engine(directory).map_err(|source| ImageError::Config {
                name: name.to_string(),
                source: Box::new(source),
            })?
        }
        _ => TlsFiles::default(),
    };
    let insecure = endpoint.tls_verify == Some(false);
    context
        .client()?
        .engine(host, &tls, insecure)
        .map_err(|source| engine_failed("reaching the docker daemon for", name, source))
}

pub(crate) fn engine_failed(
    act: &'static str,
    name: &ImageName,
    source: RegistryError,
) -> ImageError {
    ImageError::Registry {
        act,
        name: name.to_string(),
        source: Box::new(source),
    }
}
