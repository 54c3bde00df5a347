//! Bodies of uploads: given to the network piece by piece, while somebody watches that it takes
//! them.

use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::Timeouts;
use crate::host::Host;

/// How much is read from a blob's reader at once.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Most pieces between the reader and the network: 1 MiB with those in the reader's hands.
pub(crate) const IN_FLIGHT_PIECES: usize = 3;
/// How much the network gets at once; taking one of these counts as a sign of life.
const WRITE_BYTES: usize = 64 << 10;

/// How far an upload got.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    taken: AtomicU64,
    starving: AtomicBool,
    done: AtomicBool,
}

impl Pace {
    /// Tells whether the network took the body to its end; of a body of known length nothing is
    /// taken behind its last byte.
    pub(crate) fn is_whole(&self, length: Option<u64>) -> bool {
        self.done.load(Ordering::Relaxed) || length == Some(self.taken.load(Ordering::Relaxed))
    }
}

/// What an upload waited for in vain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled {
    pub(crate) awaited: &'static str,
    pub(crate) after: Duration,
}

/// Makes a stream of what comes through `pieces`.
pub(crate) fn paced(
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    pace: Arc<Pace>,
    host: Arc<Host>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold((pieces, Bytes::new(), pace, host), |state| async move {
        let (mut pieces, mut rest, pace, host) = state;
        if rest.is_empty() {
            pace.starving.store(true, Ordering::Relaxed);
            let received = pieces.recv().await;
            pace.starving.store(false, Ordering::Relaxed);
            match received {
                Some(Ok(piece)) => rest = piece,
                Some(Err(error)) => return Some((Err(error), (pieces, rest, pace, host))),
                None => {
                    pace.done.store(true, Ordering::Relaxed);
                    return None;
                }
            }
        }
        let part = rest.split_to(rest.len().min(WRITE_BYTES));
        pace.taken.fetch_add(part.len() as u64, Ordering::Relaxed);
        host.moved(part.len());
        Some((Ok(part), (pieces, rest, pace, host)))
    })
}

/// Waits for `answer` as long as the network takes pieces, or waits for us to have one.
pub(crate) async fn watched<T>(
    answer: impl Future<Output = T>,
    pace: &Pace,
    timeouts: &Timeouts,
) -> Result<T, Stalled> {
    let tick = (timeouts.idle / 4).clamp(Duration::from_millis(1), Duration::from_millis(500));
    let mut answer = std::pin::pin!(answer);
    let (mut taken, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            answer = &mut answer => return Ok(answer),
            () = tokio::time::sleep(tick) => {}
        }
        let now = pace.taken.load(Ordering::Relaxed);
        if now != taken || pace.starving.load(Ordering::Relaxed) {
            (taken, since) = (now, Instant::now());
            continue;
        }
        let (awaited, after) = if pace.done.load(Ordering::Relaxed) {
            ("answer", timeouts.commit)
        } else {
            ("room for the upload", timeouts.idle)
        };
        if since.elapsed() >= after {
            return Err(Stalled { awaited, after });
        }
    }
}

/// Reads until `want` bytes are there or the reader is at its end.
pub(crate) fn read_piece(
    reader: &mut dyn Read,
    buffer: &mut BytesMut,
    want: usize,
) -> io::Result<Bytes> {
    buffer.clear();
    buffer.resize(want, 0);
    let mut filled = 0;
    while filled < want {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.split().freeze())
}
