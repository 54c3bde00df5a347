//! Pipes that content goes through, each filled by a thread.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread::JoinHandle;

use registry::RegistryError;
use rustix::pipe::{PipeFlags, pipe_with};

use super::wire::{Answer, Code, Failure, RawFailure};
use crate::blob::CHUNK;

type Outcome = Result<(), Failure>;

/// The pipes that a client has to finish.
#[derive(Default)]
pub(super) struct Pipes(BTreeMap<u32, Active>);

struct Active {
    /// Our end stays open until the client finishes: so it has to.
    _end: OwnedFd,
    filling: JoinHandle<Outcome>,
}

impl Pipes {
    /// Lets the client read what `content` gives.
    pub(super) fn open(
        &mut self,
        value: serde_json::Value,
        content: impl Read + Send + 'static,
    ) -> Result<Answer, Failure> {
        let (read, write) = pipe()?;
        let mut own = File::from(write.try_clone().map_err(failed)?);
        let filling = spawn(move || pass(content, &mut own))?;
        let id = u32::try_from(write.as_raw_fd()).unwrap_or_default();
        self.0.insert(
            id,
            Active {
                _end: write,
                filling,
            },
        );
        Ok(Answer {
            value,
            pipe_id: id,
            descriptors: vec![read],
        })
    }

    /// Waits until a pipe is filled, and tells whether all went well.
    pub(super) fn finish(&mut self, id: u64) -> Outcome {
        let active = u32::try_from(id).ok().and_then(|id| self.0.remove(&id));
        let active =
            active.ok_or_else(|| Failure::of_client(format!("finishpipe: no active pipe {id}")))?;
        active
            .filling
            .join()
            .unwrap_or_else(|_| Err(Failure::of_client("the thread that filled the pipe died")))
    }
}

/// Lets the client read what `content` gives through one pipe, and why it failed through another.
pub(super) fn raw(
    value: serde_json::Value,
    content: impl Read + Send + 'static,
) -> Result<Answer, Failure> {
    let (read, write) = pipe()?;
    let (errors, told) = pipe()?;
    let (mut own, mut told) = (File::from(write), File::from(told));
    spawn(move || {
        let outcome = pass(content, &mut own);
        drop(own);
        if let Err(failure) = &outcome {
            let failure = RawFailure {
                code: failure.code.as_str(),
                message: &failure.message,
            };
            // A client that has gone wants to know nothing.
            let _ = serde_json::to_writer(&mut told, &failure);
        }
        outcome
    })?;
    Ok(Answer {
        value,
        pipe_id: 0,
        descriptors: vec![read, errors],
    })
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| failed(errno.into()))
}

fn spawn(work: impl FnOnce() -> Outcome + Send + 'static) -> Result<JoinHandle<Outcome>, Failure> {
    let thread = std::thread::Builder::new().name("pipe".to_owned());
    thread.spawn(work).map_err(failed)
}

fn pass(mut content: impl Read, to: &mut File) -> Outcome {
    let mut buffer = vec![0; CHUNK];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is a mapper of errors")]
fn failed(error: io::Error) -> Failure {
    let retryable = RegistryError::from_io(&error).is_some_and(RegistryError::is_retryable);
    let code = match (error.kind(), retryable) {
        (io::ErrorKind::BrokenPipe, _) => Code::Pipe,
        (_, true) => Code::Retryable,
        (_, false) => Code::Other,
    };
    let message = error.to_string();
    Failure { code, message }
}
