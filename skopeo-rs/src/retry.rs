//! `--retry-times` and `--retry-delay`: the whole operation once more, when that may help.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use image::{CopyError, ImageError};

use crate::duration;
use crate::session::Session;

/// How often an operation is tried again.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retry")]
pub(crate) struct Retry {
    /// Try so many times more when the network or the registry fails
    ///
    /// Single requests are tried again anyway; this repeats the whole operation.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry_times: u32,
    /// Wait so long between tries (default 1s, 2s, 4s, ...)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    retry_delay: Option<Duration>,
}

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(300);

impl Retry {
    /// Runs an operation until it succeeds, fails for good, or was tried often enough.
    pub(crate) fn run<T>(
        &self,
        session: &Session,
        mut operation: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut tries = 0;
        loop {
            match operation() {
                Err(error) if tries < self.retry_times && is_retryable(&error) => {
                    let delay = self.delay(tries);
                    session.debug(|| format!("trying again in {delay:?}: {error:#}"));
                    pause(delay, session);
                    if session.interrupt.is_set() {
                        return Err(error);
                    }
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    fn delay(&self, tries: u32) -> Duration {
        let doubled = || Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(tries));
        self.retry_delay.unwrap_or_else(|| doubled().min(LONGEST))
    }
}

fn is_retryable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let image = cause.downcast_ref::<ImageError>();
        let copy = cause.downcast_ref::<CopyError>();
        image.is_some_and(ImageError::is_retryable) || copy.is_some_and(CopyError::is_retryable)
    })
}

/// Waits, but not longer than until somebody asks to stop.
fn pause(delay: Duration, session: &Session) {
    let end = Instant::now() + delay;
    while !session.interrupt.is_set() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}
