//! The runtime behind the blocking calls, and how they are cancelled.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{RegistryError, Result};
use crate::options::Cancel;

/// How often a waiting call looks whether it is to end.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// A runtime of one worker thread.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    cancel: Cancel,
}

impl Blocking {
    pub(crate) fn new(cancel: Cancel) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            // These resolve names and nothing else.
            .max_blocking_threads(4)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|source| RegistryError::Setup {
                what: "runtime",
                source: source.into(),
            })?;
        Ok(Self {
            runtime: Some(runtime),
            cancel,
        })
    }

    /// Runs `future` to its end, or to the moment when the program cancels.
    pub(crate) fn run<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(runtime) = &self.runtime else {
            return Err(RegistryError::Cancelled);
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled() => Err(RegistryError::Cancelled),
                result = future => result,
            }
        })
    }

    /// Runs what cleans up: also after a cancel, but no longer than `limit`.
    pub(crate) fn run_cleanup(&self, limit: Duration, future: impl Future<Output = ()>) {
        if let Some(runtime) = &self.runtime {
            // Whatever is not cleaned up by then, the registry expires by itself.
            let _ = runtime.block_on(async { tokio::time::timeout(limit, future).await });
        }
    }

    /// Starts `future` on the worker.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(future))
    }

    async fn cancelled(&self) {
        while !self.cancel.is_cancelled() {
            tokio::time::sleep(CANCEL_POLL).await;
        }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a task of this very runtime, which must not wait for itself.
            runtime.shutdown_background();
        }
    }
}
