//! Keys in a GnuPG home, reached through the program gpg, so that secrets stay with gpg-agent.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use oci::limits;

use super::process::{Gpg, Home, Output};
use super::{Fingerprint, KEYRING_BYTES, Keyring, KeyringError};

/// Listing and exporting never ask anybody.
const QUICK: Duration = Duration::from_secs(60);
/// Signing may wait for a passphrase or a smart card.
const PATIENT: Duration = Duration::from_secs(300);

/// Codes of libgpg-error that a `FAILURE` status line carries in its low 16 bits.
const GPG_ERR_BAD_PASSPHRASE: u32 = 11;
const GPG_ERR_CANCELED: u32 = 99;
const GPG_ERR_NO_PIN_ENTRY: u32 = 86;
/// The system's ENOTTY: pinentry found no terminal.
const GPG_ERR_ENOTTY: u32 = 0x8000 | 102;

/// Why gpg did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GnupgError {
    /// There is no program gpg.
    #[error("gpg not found")]
    NotFound,
    /// The program could not be run.
    #[error("running gpg")]
    Start(#[source] io::Error),
    /// gpg did not end in time.
    #[error("gpg did not end within {} s", .0.as_secs())]
    Deadline(Duration),
    /// gpg wrote more than there can be.
    #[error("gpg wrote more than {0} bytes")]
    TooMuchOutput(u64),
    /// No secret key has that name.
    #[error("no secret key {name:?} in {home}")]
    NoSecretKey {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        home: String,
    },
    /// No public key has that name.
    #[error("no public key {name:?} in {home}")]
    NoPublicKey {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        home: String,
    },
    /// Several secret keys have that name.
    #[error("{name:?} is ambiguous in {home}: {}", .found.iter().map(Fingerprint::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        home: String,
        /// The primary keys that it names.
        found: Vec<Fingerprint>,
    },
    /// The passphrase does not open the key.
    #[error("Bad passphrase for key {0}")]
    BadPassphrase(Fingerprint),
    /// The agent cannot ask for the passphrase (no terminal, no pinentry), or nobody answered.
    #[error("gpg-agent could not ask for the passphrase of key {0}")]
    NoPinentry(Fingerprint),
    /// gpg failed in another way.
    #[error("gpg failed ({status}): {stderr}")]
    Failed {
        /// The exit status.
        status: String,
        /// What it said, without status lines.
        stderr: String,
    },
    /// What gpg exported is no key ring.
    #[error("reading the keys that gpg exported")]
    Keyring(#[from] KeyringError),
}

/// A secret key in a GnuPG home.
pub struct GnupgKey {
    home: Home,
    fingerprint: Fingerprint,
    passphrase: Option<String>,
}

impl GnupgKey {
    /// Finds the one secret key that `name` names.
    ///
    /// # Errors
    /// gpg is missing or fails, no or several secret keys have that name.
    pub fn find(
        home: Option<&Path>,
        name: &str,
        passphrase: Option<&str>,
    ) -> Result<Self, GnupgError> {
        let home = Home::new(home);
        let output = run(
            &home,
            &["--with-colons", "--list-secret-keys", "--", name],
            QUICK,
        )?;
        let mut found = secret_primaries(&String::from_utf8_lossy(&output.stdout));
        let name = name.to_owned();
        match (found.pop(), found.is_empty()) {
            (Some(fingerprint), true) => Ok(Self {
                home,
                fingerprint,
                passphrase: passphrase.map(str::to_owned),
            }),
            (Some(last), false) => {
                found.push(last);
                let home = home.describe();
                Err(GnupgError::Ambiguous { name, home, found })
            }
            (None, _) if output.status.success() || says_no_key(&output) => {
                let home = home.describe();
                Err(GnupgError::NoSecretKey { name, home })
            }
            (None, _) => Err(failed(&output)),
        }
    }

    /// Returns the fingerprint of the primary key.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Has gpg make a signed message (its time is gpg's own). Blocks while the agent asks.
    ///
    /// # Errors
    /// A bad passphrase, nobody to ask for one, or another failure of gpg.
    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, GnupgError> {
        let fingerprint = self.fingerprint.as_str();
        let mut args = Vec::new();
        let mut stdin = Vec::new();
        if let Some(passphrase) = &self.passphrase {
            // gpg reads one line for the passphrase and leaves the rest of the pipe as the input.
            args.extend(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
            stdin.extend_from_slice(passphrase.as_bytes());
            stdin.push(b'\n');
        }
        args.extend(["--no-armor", "--local-user", fingerprint]);
        args.extend(["--output", "-", "--sign"]);
        stdin.extend_from_slice(content);
        let output = Gpg {
            home: self.home.path(),
            args: &args,
            stdin,
            stdout_bytes: limits::SIGNATURE_BYTES,
            deadline: PATIENT,
        }
        .run()?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        let key = self.fingerprint.clone();
        Err(match failure_code(&output.stderr) {
            Some(GPG_ERR_BAD_PASSPHRASE) => GnupgError::BadPassphrase(key),
            Some(GPG_ERR_NO_PIN_ENTRY | GPG_ERR_CANCELED | GPG_ERR_ENOTTY) => {
                GnupgError::NoPinentry(key)
            }
            _ => failed(&output),
        })
    }
}

impl fmt::Debug for GnupgKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GnupgKey")
            .field("home", &self.home)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads the public keys that `name` names (a fingerprint, key id or user id) from a GnuPG
    /// home, by default gpg's own choice.
    ///
    /// # Errors
    /// gpg is missing or fails, or no key has that name.
    pub fn from_gnupg(home: Option<&Path>, name: &str) -> Result<Self, GnupgError> {
        let home = Home::new(home);
        let output = run(&home, &["--no-armor", "--export", "--", name], QUICK)?;
        if !output.status.success() {
            return Err(failed(&output));
        }
        if output.stdout.is_empty() {
            return Err(GnupgError::NoPublicKey {
                name: name.to_owned(),
                home: home.describe(),
            });
        }
        Ok(Self::from_bytes(&output.stdout)?)
    }
}

fn run(home: &Home, args: &[&str], deadline: Duration) -> Result<Output, GnupgError> {
    Gpg {
        home: home.path(),
        args,
        stdin: Vec::new(),
        stdout_bytes: KEYRING_BYTES,
        deadline,
    }
    .run()
}

/// Takes the fingerprints of secret primary keys out of a listing (gnupg's doc/DETAILS): a `sec`
/// record, then the `fpr` record that belongs to it.
fn secret_primaries(listing: &str) -> Vec<Fingerprint> {
    let mut found = Vec::new();
    let mut primary = false;
    for line in listing.lines() {
        let mut fields = line.split(':');
        match fields.next() {
            Some("sec") => primary = true,
            Some("fpr") if primary => {
                found.extend(fields.nth(8).and_then(Fingerprint::parse));
                primary = false;
            }
            Some("ssb") => primary = false,
            _ => {}
        }
    }
    found
}

/// Tells whether gpg failed for no other reason than that nothing has the name.
fn says_no_key(output: &Output) -> bool {
    const GPG_ERR_NO_SECKEY: u32 = 17;
    const GPG_ERR_NO_PUBKEY: u32 = 9;
    output.stderr.contains("No secret key")
        || output.stderr.contains("No public key")
        || matches!(
            failure_code(&output.stderr),
            Some(GPG_ERR_NO_SECKEY | GPG_ERR_NO_PUBKEY)
        )
}

/// Reads `[GNUPG:] FAILURE <where> <code>`.
fn failure_code(stderr: &str) -> Option<u32> {
    stderr
        .lines()
        .filter_map(|line| line.strip_prefix("[GNUPG:] FAILURE "))
        .filter_map(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok())
        .next()
        .map(|code| code & 0xffff)
}

fn failed(output: &Output) -> GnupgError {
    let said: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| !line.starts_with("[GNUPG:] "))
        .collect();
    GnupgError::Failed {
        status: output.status.to_string(),
        stderr: said.join("; "),
    }
}
