//! Whether a registry takes a credential.

use config::auth::Credential;
use config::certs;
use registry::EndpointConfig;

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;

/// Has the registry at `host` (`HOST[:PORT]`), or its token service, verify a credential.
///
/// # Errors
/// It is refused, where [`ImageError::is_denied`] is true; or the registry cannot be reached or is
/// blocked.
pub fn check_login(
    context: &Context,
    host: &str,
    credential: Credential,
    options: &EndpointOptions,
) -> Result<(), ImageError> {
    let (insecure, blocked) = context.registries.host(host);
    if blocked {
        return Err(ImageError::Blocked {
            host: host.to_owned(),
        });
    }
    let tls = certs::find(&context.env, host, options.cert_dir.as_deref()).map_err(|source| {
        ImageError::Config {
            name: host.to_owned(),
            source: Box::new(source),
        }
    })?;
    let endpoint = context.client()?.endpoint(EndpointConfig {
        host: host.to_owned(),
        insecure: options.tls_verify.map_or(insecure, |verify| !verify),
        tls,
        credential,
    });
    endpoint
        .check_login()
        .map_err(|source| ImageError::Registry {
            act: "logging in to",
            name: host.to_owned(),
            source: Box::new(source),
        })
}
