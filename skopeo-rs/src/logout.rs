//! `skopeo-rs logout`: a stored credential removed.

use anyhow::{Context as _, bail};
use config::auth::{self, Credential};
use image::EndpointOptions;
use image::login::check_login;
use term::args::parse_bool;
use term::stdout;

use crate::login::{AuthFiles, Key};
use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs logout registry.example
  skopeo-rs logout --all

EXIT STATUS:
0 when the credential is gone, 1 otherwise: also when there was none.

SEE ALSO:
skopeo-rs(1), skopeo-rs-login(1), containers-auth.json(5)";

/// Log out of a registry
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// HOST[:PORT][/NAMESPACE], as it was logged in to
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    registry: Option<String>,
    /// Remove all credentials of the file
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    files: AuthFiles,
    /// Demand HTTPS with a certificate that verifies; registries.conf decides by default
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = parse_bool, value_name = "BOOL")]
    tls_verify: Option<bool>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    for file in [&args.files.authfile, &args.files.compat_auth_file]
        .into_iter()
        .flatten()
    {
        std::fs::metadata(file)
            .with_context(|| format!("credential file {} is not accessible", file.display()))?;
    }
    let env = &session.context.env;
    let target = args.files.target(session);
    let helpers = session.context.registries.credential_helpers();
    let Some(registry) = &args.registry else {
        auth::remove_all(env, &target, &helpers).context("removing all credentials")?;
        return say("Removed login credentials for all registries");
    };
    let key = Key::parse(registry)?;
    let removed = auth::remove(env, &target, &helpers, &key.text)
        .with_context(|| format!("logging out of {:?}", key.text))?;
    if removed.file || removed.helper {
        return say(&format!("Removed login credentials for {}", key.text));
    }
    let stored = args.files.stored(session, &key.text)?;
    if let Credential::Basic { .. } = stored {
        let options = EndpointOptions {
            tls_verify: args.tls_verify.or(session.global.tls_verify),
            ..EndpointOptions::default()
        };
        if check_login(&session.context, &key.host, stored, &options).is_ok() {
            return say(&format!(
                "Not logged into {} with current tool. Existing credentials were established via \
                 docker login. Please use docker logout instead.",
                key.text
            ));
        }
    }
    bail!("not logged into {}", key.text)
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(stdout::write_all(format!("{line}\n").as_bytes())?)
}
