//! How a registry is reached: the flags that each image of a command has.
//!
//! A command with one image has them bare (`--creds`), a copy once for either side
//! (`--src-creds`, `--dest-creds`). What is for registries alone is apart from what is for other
//! transports: a sync has the first only.

use std::path::PathBuf;

use anyhow::bail;
use config::Secret;
use config::auth::Credential;
use image::EndpointOptions;

/// Defines the flags of one image, with their prefix.
macro_rules! access {
    ($name:ident, $prefix:literal, $alias:literal, $heading:literal) => {
        /// The flags of one image.
        #[derive(Debug, Default, Clone, clap::Args)]
        #[command(next_help_heading = $heading)]
        pub(crate) struct $name {
            /// Be this user at the registry; without :PASSWORD the password is empty
            #[arg(id = concat!($prefix, "creds"), long = concat!($prefix, "creds"))]
            #[arg(alias = $alias, value_name = "USER[:PASSWORD]")]
            creds: Option<String>,
            /// Be this user at the registry
            #[arg(id = concat!($prefix, "username"), long = concat!($prefix, "username"))]
            #[arg(value_name = "USER")]
            username: Option<String>,
            /// The password of the user
            #[arg(id = concat!($prefix, "password"), long = concat!($prefix, "password"))]
            #[arg(value_name = "PASSWORD")]
            password: Option<String>,
            /// Send this bearer token
            #[arg(id = concat!($prefix, "registry-token"))]
            #[arg(long = concat!($prefix, "registry-token"), value_name = "TOKEN")]
            registry_token: Option<String>,
            /// Be nobody, even when the credential file knows somebody
            #[arg(id = concat!($prefix, "no-creds"), long = concat!($prefix, "no-creds"))]
            no_creds: bool,
            /// Read certificates from this directory: *.crt for the registry, *.cert with *.key
            /// for us
            #[arg(id = concat!($prefix, "cert-dir"), long = concat!($prefix, "cert-dir"))]
            #[arg(value_name = "DIR")]
            cert_dir: Option<PathBuf>,
            /// Demand HTTPS with a certificate that verifies; registries.conf decides by default
            #[arg(id = concat!($prefix, "tls-verify"), long = concat!($prefix, "tls-verify"))]
            #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
            #[arg(value_parser = term::args::parse_bool, value_name = "BOOL")]
            tls_verify: Option<bool>,
            /// Read credentials from this file alone
            #[arg(id = concat!($prefix, "authfile"), long = concat!($prefix, "authfile"))]
            #[arg(value_name = "FILE")]
            authfile: Option<PathBuf>,
        }

        impl $name {
            /// What the library is told. `authfile` and `tls_verify` apply where this image says
            /// nothing of its own.
            pub(crate) fn options(
                self,
                authfile: Option<&PathBuf>,
                tls_verify: Option<bool>,
            ) -> anyhow::Result<EndpointOptions> {
                Ok(EndpointOptions {
                    credential: credential(
                        $prefix,
                        Given {
                            creds: self.creds,
                            username: self.username,
                            password: self.password,
                            token: self.registry_token,
                            none: self.no_creds,
                        },
                    )?,
                    authfile: self.authfile.or_else(|| authfile.cloned()),
                    cert_dir: self.cert_dir,
                    tls_verify: self.tls_verify.or(tls_verify),
                    ..EndpointOptions::default()
                })
            }
        }
    };
}

/// Defines the flags of one image that is in no registry, with their prefix.
macro_rules! places {
    ($name:ident, $prefix:literal, $heading:literal) => {
        /// The flags of one image that is in no registry.
        #[derive(Debug, Default, Clone, clap::Args)]
        #[command(next_help_heading = $heading)]
        pub(crate) struct $name {
            /// Keep the blobs of oci: layouts in this directory, shared by several layouts
            #[arg(id = concat!($prefix, "shared-blob-dir"))]
            #[arg(long = concat!($prefix, "shared-blob-dir"), value_name = "DIR")]
            shared_blob_dir: Option<PathBuf>,
            /// Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT,
            /// http://HOST:PORT)
            #[arg(id = concat!($prefix, "daemon-host"), long = concat!($prefix, "daemon-host"))]
            #[arg(value_name = "HOST")]
            daemon_host: Option<String>,
        }

        impl $name {
            /// Adds what the library is told.
            pub(crate) fn apply(self, options: &mut EndpointOptions) {
                options.shared_blob_dir = self.shared_blob_dir;
                options.daemon_host = self.daemon_host;
            }
        }
    };
}

access!(Access, "", "screds", "Registry access");
access!(SourceAccess, "src-", "screds", "Source");
access!(DestinationAccess, "dest-", "dcreds", "Destination");
places!(Places, "", "Registry access");
places!(SourcePlaces, "src-", "Source");
places!(DestinationPlaces, "dest-", "Destination");

/// What was said about who we are.
struct Given {
    creds: Option<String>,
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    none: bool,
}

fn credential(prefix: &str, given: Given) -> anyhow::Result<Option<Credential>> {
    if given.none && (given.creds.is_some() || given.username.is_some()) {
        bail!("creds and no-creds cannot be specified at the same time");
    }
    let user = match (given.creds, given.username, given.password) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            bail!("creds and username/password cannot be specified at the same time")
        }
        (Some(creds), None, None) => Some(match creds.split_once(':') {
            Some((user, password)) => (user.to_owned(), password.to_owned()),
            None => (creds, String::new()),
        }),
        (None, Some(user), Some(password)) => Some((user, password)),
        (None, Some(_), None) => bail!("password must be specified when username is specified"),
        (None, None, Some(_)) => bail!("username must be specified when password is specified"),
        (None, None, None) => None,
    };
    Ok(match (user, given.token, given.none) {
        (Some(_), Some(_), _) => {
            bail!("--{prefix}registry-token excludes other credentials")
        }
        (Some((user, _)), None, _) if user.is_empty() => bail!("username can't be empty"),
        (Some((username, password)), None, _) => Some(Credential::Basic {
            username,
            password: Secret::new(password),
        }),
        (None, Some(token), _) => Some(Credential::RegistryToken(Secret::new(token))),
        (None, None, true) => Some(Credential::Anonymous),
        (None, None, false) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(creds: &str, user: &str, password: &str, none: bool) -> anyhow::Result<bool> {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        let given = Given {
            creds: some(creds),
            username: some(user),
            password: some(password),
            token: None,
            none,
        };
        credential("src-", given).map(|credential| credential.is_some())
    }

    #[test]
    fn credentials_are_complete_and_of_one_kind() {
        for (creds, user, password, none, wanted) in [
            ("-", "-", "-", false, Some(false)),
            ("-", "-", "-", true, Some(true)),
            ("u:p", "-", "-", false, Some(true)),
            ("u", "-", "-", false, Some(true)),
            ("-", "u", "", false, Some(true)),
            (":p", "-", "-", false, None),
            ("u:p", "-", "-", true, None),
            ("u:p", "u", "p", false, None),
            ("-", "u", "-", false, None),
            ("-", "-", "p", false, None),
        ] {
            let got = given(creds, user, password, none).ok();
            assert_eq!(got, wanted, "{creds} {user} {password} {none}");
        }
    }
}
