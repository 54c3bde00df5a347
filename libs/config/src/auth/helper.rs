//! Programs that keep credentials (docker-credential-helpers' protocol).
//!
//! `docker-credential-NAME VERB` reads a server name (or JSON) from its input and writes JSON
//! or an error message to its output. A program that does not end is killed: nothing waits for ever.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use oci::json::{self, Keys};
use serde_json::Value;

use super::Credential;
use crate::{ConfigError, Environment, Secret};

/// Most bytes of an answer.
const ANSWER_BYTES: u64 = 1 << 20;
/// How long a helper may take; it may ask its user for a password.
const DEADLINE: Duration = Duration::from_secs(120);
/// What a helper says, by convention, when it has nothing for a server.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// Stands for the user when the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Asks a helper for the credential of `server`.
pub(super) fn get(env: &Environment, name: &str, server: &str) -> Result<Credential, ConfigError> {
    let Some(answer) = run(env, name, "get", server, server.as_bytes())? else {
        return Ok(Credential::Anonymous);
    };
    let refuse = |problem| ConfigError::HelperAnswer {
        program: program(name),
        server: server.to_owned(),
        problem,
    };
    let value = json::parse_with(&answer, ANSWER_BYTES, Keys::Exact)
        .map_err(|_| refuse("not acceptable JSON"))?;
    let text = |member: &str| match value.get(member) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(refuse("a member is no text")),
    };
    let (username, secret) = (text("Username")?, text("Secret")?);
    if username == TOKEN_USER {
        return Ok(Credential::IdentityToken(Secret::new(secret)));
    }
    if username.is_empty() && secret.is_empty() {
        return Ok(Credential::Anonymous);
    }
    Ok(Credential::Basic {
        username: username.to_owned(),
        password: Secret::new(secret),
    })
}

/// Gives a helper a password to keep.
pub(super) fn store(
    env: &Environment,
    name: &str,
    server: &str,
    username: &str,
    password: &Secret,
) -> Result<(), ConfigError> {
    let request = serde_json::json!({
        "ServerURL": server,
        "Username": username,
        "Secret": password.expose(),
    });
    run(env, name, "store", server, request.to_string().as_bytes()).map(drop)
}

/// Makes a helper forget a server; tells whether it knew it.
pub(super) fn erase(env: &Environment, name: &str, server: &str) -> Result<bool, ConfigError> {
    Ok(run(env, name, "erase", server, server.as_bytes())?.is_some())
}

/// Asks a helper which servers it knows; one that is not installed knows none.
pub(super) fn list(env: &Environment, name: &str) -> Result<Vec<String>, ConfigError> {
    let answer = match run(env, name, "list", "", b"") {
        Ok(Some(answer)) => answer,
        Ok(None) => return Ok(Vec::new()),
        Err(ConfigError::HelperRun { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    match json::parse_with(&answer, ANSWER_BYTES, Keys::Exact) {
        Ok(Value::Object(servers)) => Ok(servers.into_iter().map(|(server, _)| server).collect()),
        _ => Err(ConfigError::HelperAnswer {
            program: program(name),
            server: String::new(),
            problem: "no JSON object",
        }),
    }
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Runs a helper; `None` when it has nothing for the server.
fn run(
    env: &Environment,
    name: &str,
    verb: &str,
    server: &str,
    input: &[u8],
) -> Result<Option<Vec<u8>>, ConfigError> {
    let name_fits = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !name_fits {
        return Err(ConfigError::HelperName {
            name: name.chars().take(80).collect(),
        });
    }
    let program = program(name);
    let failed = |source| ConfigError::HelperRun {
        program: program.clone(),
        source,
    };
    let path = find_program(env, &program).ok_or_else(|| {
        failed(io::Error::new(
            io::ErrorKind::NotFound,
            "not found in $PATH",
        ))
    })?;
    let mut child = Command::new(path)
        .arg(verb)
        .env_clear()
        .envs(&env.vars)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(failed)?;
    let finished = converse(&mut child, input);
    let (status, output) = match finished {
        Ok(Some(finished)) => finished,
        Ok(None) => {
            end(&mut child).map_err(failed)?;
            return Err(ConfigError::HelperTimeout {
                program,
                seconds: DEADLINE.as_secs(),
            });
        }
        Err(source) => {
            end(&mut child).map_err(failed)?;
            return Err(failed(source));
        }
    };
    if output.len() as u64 > ANSWER_BYTES {
        return Err(ConfigError::HelperAnswer {
            program,
            server: server.to_owned(),
            problem: "longer than 1 MiB",
        });
    }
    if status.success() {
        return Ok(Some(output));
    }
    let message = String::from_utf8_lossy(&output);
    let message = message.trim();
    if message == NOT_FOUND {
        return Ok(None);
    }
    Err(ConfigError::HelperFailed {
        program,
        server: server.to_owned(),
        message: message.chars().take(200).collect(),
    })
}

/// Gives `input` and takes what comes; `None` when the deadline passes.
fn converse(child: &mut Child, input: &[u8]) -> io::Result<Option<(ExitStatus, Vec<u8>)>> {
    let deadline = Instant::now() + DEADLINE;
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    // A program that the helper left behind may hold the pipe, so the reader is not joined.
    thread::Builder::new().spawn(move || {
        let mut output = Vec::new();
        let read = match stdout {
            Some(stdout) => stdout.take(ANSWER_BYTES + 1).read_to_end(&mut output),
            None => Ok(0),
        };
        // The receiver is gone once the deadline has passed.
        drop(sender.send(read.map(|_| output)));
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input) {
            // A helper may answer, or fail, without reading.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let Ok(output) = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    else {
        return Ok(None);
    };
    let output = output?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some((status, output)));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn end(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

fn find_program(env: &Environment, program: &str) -> Option<PathBuf> {
    std::env::split_paths(env.var("PATH")?)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|path| {
            rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
        })
}
