//! `skopeo-rs login`: a credential tried at a registry, and stored.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use config::Secret;
use config::auth::{self, AuthTarget, Credential, Stored};
use image::EndpointOptions;
use image::login::check_login;
use oci::Reference;
use term::args::parse_bool;
use term::{Explain as _, prompt, stdout};

use crate::session::Session;

const AFTER_HELP: &str = "\
OUTPUT:
`Login Succeeded!` as the original prints it, with --verbose also where the credential went; with --get-login the user.

The password is asked for at the terminal unless it is given. --password shows it to everybody who lists the processes; --password-stdin does not.

EXAMPLES:
  skopeo-rs login registry.example
  skopeo-rs login -u me --password-stdin registry.example < token
  skopeo-rs login registry.example/team/app
  skopeo-rs login --get-login registry.example
  skopeo-rs login --compat-auth-file ~/.docker/config.json registry.example

FILES:
  $XDG_RUNTIME_DIR/containers/auth.json, /run/containers/UID/auth.json
                                    where credentials are stored, until the machine is restarted
  $REGISTRY_AUTH_FILE               in its place
  $DOCKER_CONFIG/config.json        likewise, in docker's form
  /etc/containers/registries.conf   credential-helpers: programs that keep them

EXIT STATUS:
0 when the registry takes the credential, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-logout(1), containers-auth.json(5)";

/// Log in to a registry
///
/// The registry, or the token service that it names, is asked whether it takes the credential. If it
/// does, the credential is stored for this and for the other tools that read auth.json.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// HOST[:PORT], or HOST[:PORT]/NAMESPACE for what is below that alone
    registry: String,
    /// Be this user
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// With this password
    #[arg(short, long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Print the user who is logged in, and do nothing else
    #[arg(long)]
    get_login: bool,
    /// Say where the credential went
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    files: AuthFiles,
    /// Read certificates from this directory: *.crt for the registry, *.cert with *.key for us
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Demand HTTPS with a certificate that verifies; registries.conf decides by default
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = parse_bool, value_name = "BOOL")]
    tls_verify: Option<bool>,
}

/// Which file holds the credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct AuthFiles {
    /// Keep credentials in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) authfile: Option<PathBuf>,
    /// Keep credentials in this file, in the form of docker's config.json
    #[arg(long, value_name = "FILE", conflicts_with = "authfile")]
    pub(crate) compat_auth_file: Option<PathBuf>,
}

impl AuthFiles {
    /// The file that is changed.
    pub(crate) fn target(&self, session: &Session) -> AuthTarget {
        let env = &session.context.env;
        AuthTarget::choose(
            env,
            self.authfile.as_deref(),
            self.compat_auth_file.as_deref(),
        )
    }

    /// What is stored for a key now.
    pub(crate) fn stored(&self, session: &Session, key: &str) -> anyhow::Result<Credential> {
        let env = &session.context.env;
        let docker = self.compat_auth_file.as_deref();
        let asked = AuthTarget::asked(env, self.authfile.as_deref(), docker);
        let helpers = match asked {
            Some(AuthTarget::Docker(_)) => vec![config::registries::AUTH_FILES],
            _ => session.context.registries.credential_helpers(),
        };
        let path = asked.as_ref().map(AuthTarget::path);
        auth::find_key_with_helpers(env, path, key, &helpers).context("get credentials")
    }
}

/// What a credential is for: a key of auth.json, and its host.
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) host: String,
}

impl Key {
    /// Parses `HOST[:PORT][/NAMESPACE]`; of a URL the host is taken.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Key> {
        let url = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let key = match url {
            Some(rest) => rest.split('/').next().unwrap_or(rest),
            None => text,
        };
        let (host, below) = match key.split_once('/') {
            Some((host, below)) => (host, Some(below)),
            None => (key, None),
        };
        if below.is_some() {
            let reference =
                Reference::parse(key).with_context(|| format!("parse reference from {key:?}"))?;
            if reference.tag().is_some() || reference.digest().is_some() {
                bail!("reference {key:?} contains tag or digest");
            }
        }
        Ok(Key {
            text: key.to_owned(),
            host: host.to_owned(),
        })
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let key = Key::parse(&args.registry)?;
    let stored = args.files.stored(session, &key.text)?;
    let known = match &stored {
        Credential::Basic { username, .. } => Some(username.as_str()),
        _ => None,
    };
    if args.get_login {
        let Some(user) = known else {
            return Err(anyhow::anyhow!("not logged into {}", key.text))
                .hint(|| format!("`skopeo-rs login {}` logs in", key.text));
        };
        return Ok(stdout::write_all(format!("{user}\n").as_bytes())?);
    }
    if let Credential::IdentityToken(_) = stored {
        bail!("currently logged in, auth file contains an Identity token");
    }
    let password = given_password(args, session)?;
    if let (None, None, Credential::Basic { .. }) = (&args.username, &password, &stored) {
        say(&format!(
            "Authenticating with existing credentials for {}",
            key.text
        ))?;
        if check(args, session, &key, stored.clone()).is_ok() {
            return say(&format!(
                "Existing credentials are valid. Already logged in to {}",
                key.host
            ));
        }
        say("Existing credentials are invalid, please enter valid username and password")?;
    }
    let (username, password) =
        ask(args, session, password, known).context("getting username and password")?;
    let credential = Credential::Basic {
        username: username.clone(),
        password: password.clone(),
    };
    match check(args, session, &key, credential) {
        Ok(()) => {}
        Err(error) if error.is_denied() => {
            return Err(error).with_context(|| {
                format!("logging into {:?}: invalid username/password", key.text)
            });
        }
        Err(error) => {
            return Err(error).with_context(|| format!("authenticating creds for {:?}", key.text));
        }
    }
    let stored = auth::store(
        &session.context.env,
        &args.files.target(session),
        &session.context.registries.credential_helpers(),
        &key.text,
        &username,
        &password,
    )
    .context("storing the credential")?;
    if args.verbose {
        say(&format!("Used:  {}", place(&stored)))?;
    }
    say("Login Succeeded!")
}

fn place(stored: &Stored) -> String {
    match stored {
        Stored::File(path) => Path::display(path).to_string(),
        Stored::Helper(name) => format!("credential helper: {name}"),
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(stdout::write_all(format!("{line}\n").as_bytes())?)
}

fn check(
    args: &Args,
    session: &Session,
    key: &Key,
    credential: Credential,
) -> Result<(), image::ImageError> {
    let options = EndpointOptions {
        cert_dir: args.cert_dir.clone(),
        tls_verify: args.tls_verify.or(session.global.tls_verify),
        ..EndpointOptions::default()
    };
    check_login(&session.context, &key.host, credential, &options)
}

fn given_password(args: &Args, session: &Session) -> anyhow::Result<Option<String>> {
    if !args.password_stdin {
        return Ok(args.password.clone());
    }
    if args.password.is_some() {
        bail!("can't specify both --password-stdin and --password");
    }
    if args.username.is_none() {
        bail!("must provide --username with --password-stdin");
    }
    let bytes = term::input::read(Path::new("-"), 64 << 10, &session.interrupt)
        .context("reading the password from standard input")?;
    let text = String::from_utf8(bytes).context("the password is no UTF-8")?;
    // As the original: all lines, without their ends.
    Ok(Some(text.lines().collect()))
}

fn ask(
    args: &Args,
    session: &Session,
    password: Option<String>,
    known: Option<&str>,
) -> anyhow::Result<(String, Secret)> {
    let username = match (&args.username, known) {
        (Some(given), _) => given.clone(),
        (None, known) => {
            let question = match known {
                Some(known) => format!("Username ({known}): "),
                None => "Username: ".to_owned(),
            };
            let answer = prompt::line(&question, &session.interrupt).context("reading username")?;
            match answer.trim() {
                "" => known.unwrap_or_default().to_owned(),
                answer => answer.to_owned(),
            }
        }
    };
    if username.trim().is_empty() {
        bail!("the user has no name");
    }
    let password = match password.filter(|given| !given.is_empty()) {
        Some(given) => given,
        None => prompt::secret("Password: ", &session.interrupt)
            .context("reading password")
            .hint(|| "--password-stdin reads it from a pipe or a file")?,
    };
    Ok((username.trim().to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_host_or_below_one() {
        for (text, want) in [
            ("r.example", Some(("r.example", "r.example"))),
            (
                "r.example:5000/a/b",
                Some(("r.example:5000/a/b", "r.example:5000")),
            ),
            ("https://r.example/v2/", Some(("r.example", "r.example"))),
            ("r.example/a:1", None),
            ("r.example/A", None),
        ] {
            let key = Key::parse(text).ok();
            let got = key
                .as_ref()
                .map(|key| (key.text.as_str(), key.host.as_str()));
            assert_eq!(got, want, "{text}");
        }
    }
}
