//! Requests and answers, a packet each.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::copy::CopyError;
use crate::error::ImageError;

/// Most bytes of a request.
const PACKET_BYTES: usize = 32 << 10;

/// How long a stop may stay unnoticed.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// What a client wants.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    #[serde(default)]
    pub(super) args: Option<Vec<Value>>,
}

/// What it gets: a value, and descriptors to read from.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) value: Value,
    pub(super) pipe_id: u32,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Why it gets nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) message: String,
}

/// What a client may do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// It has closed the pipe itself.
    Pipe,
    /// The same may succeed when it is tried again.
    Retryable,
    /// Nothing.
    Other,
}

/// What stands behind a failed `GetRawBlob`.
#[derive(Serialize)]
pub(super) struct RawFailure<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
}

impl Code {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pipe => "EPIPE",
            Self::Retryable => "retryable",
            Self::Other => "other",
        }
    }
}

impl Failure {
    /// A request that makes no sense.
    pub(super) fn of_client(message: impl Into<String>) -> Self {
        Self {
            code: Code::Other,
            message: message.into(),
        }
    }

    fn of(error: &dyn std::error::Error, retryable: bool) -> Self {
        let mut message = error.to_string();
        let mut next = error.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            next = error.source();
        }
        let code = match retryable {
            true => Code::Retryable,
            false => Code::Other,
        };
        Self { code, message }
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::of(&error, error.is_retryable())
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        Self::of(&error, error.is_retryable())
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    success: bool,
    value: &'a Value,
    pipeid: u32,
    /// Empty where nothing failed.
    error_code: &'a str,
    error: &'a str,
}

/// Waits for a packet; `None` when the client has hung up, or `stop` says so.
pub(super) fn receive(socket: &OwnedFd, stop: impl Fn() -> bool) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; PACKET_BYTES];
    loop {
        if stop() {
            return Ok(None);
        }
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&TICK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let (count, _) = match recv(socket, &mut buffer[..], RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            Err(Errno::CONNRESET) => return Ok(None),
            received => received?,
        };
        if count == 0 {
            return Ok(None);
        }
        buffer.truncate(count);
        return Ok(Some(buffer));
    }
}

/// Sends an answer, and its descriptors, which are then the client's.
pub(super) fn send(socket: &OwnedFd, answer: Result<Answer, Failure>) -> io::Result<()> {
    let none = Answer::default();
    let (answer, failure) = match &answer {
        Ok(answer) => (answer, None),
        Err(failure) => (&none, Some(failure)),
    };
    let reply = Reply {
        success: failure.is_none(),
        value: &answer.value,
        pipeid: answer.pipe_id,
        error_code: failure.map_or("", |failure| failure.code.as_str()),
        error: failure.map_or("", |failure| failure.message.as_str()),
    };
    let mut packet = serde_json::to_vec(&reply)?;
    if packet.len() > PACKET_BYTES {
        // An answer that no packet holds: a long list of layers, which GetLayerInfoPiped gives.
        let error = "the answer is too long for a packet";
        let code = Code::Other.as_str();
        let (value, pipeid) = (&Value::Null, 0);
        packet = serde_json::to_vec(&Reply {
            success: false,
            value,
            pipeid,
            error_code: code,
            error,
        })?;
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = answer.descriptors.iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    loop {
        let slices = [IoSlice::new(&packet)];
        match sendmsg(socket, &slices, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            Ok(count) if count == packet.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
