//! How a registry is reached: the flags of the commands that read images from elsewhere.

use std::path::PathBuf;

use anyhow::bail;
use config::Secret;
use config::auth::Credential;
use image::EndpointOptions;

/// The flags of an image that is read.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Registry access")]
pub(crate) struct Access {
    /// Be this user at the registry; without :PASSWORD the password is empty
    #[arg(long, value_name = "USER[:PASSWORD]", conflicts_with = "no_creds")]
    creds: Option<String>,
    /// Send this bearer token
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["creds", "no_creds"])]
    registry_token: Option<String>,
    /// Be nobody, even when the credential file knows somebody
    #[arg(long)]
    no_creds: bool,
    /// Read credentials from this file alone
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Read certificates from this directory: *.crt for the registry, *.cert with *.key for us
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Demand HTTPS with a certificate that verifies; registries.conf decides by default
    #[arg(long, value_name = "BOOL", value_parser = term::args::parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tls_verify: Option<bool>,
    /// Read the blobs of an oci: layout from this directory, shared by several layouts
    #[arg(long, value_name = "DIR")]
    shared_blob_dir: Option<PathBuf>,
}

impl Access {
    /// What the library is told.
    pub(crate) fn options(self) -> anyhow::Result<EndpointOptions> {
        let credential = match (self.creds, self.registry_token, self.no_creds) {
            (Some(creds), ..) => {
                let (user, password) = creds.split_once(':').unwrap_or((&creds, ""));
                if user.is_empty() {
                    bail!("--creds: the user is empty");
                }
                Some(Credential::Basic {
                    username: user.to_owned(),
                    password: Secret::new(password),
                })
            }
            (None, Some(token), _) => Some(Credential::RegistryToken(Secret::new(token))),
            (None, None, true) => Some(Credential::Anonymous),
            (None, None, false) => None,
        };
        Ok(EndpointOptions {
            credential,
            authfile: self.authfile,
            cert_dir: self.cert_dir,
            tls_verify: self.tls_verify,
            shared_blob_dir: self.shared_blob_dir,
            daemon_host: None,
            not_from: None,
        })
    }
}
