//! Two-stage shutdown: first stop pulling work and drain, after a deadline abort. Every task is tracked, and a task that
//! dies takes the process down in order instead of leaving half a service behind.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

/// The life of the process, or of one service in it; clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    draining: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<OnceLock<TaskFailure>>,
    listening: Arc<OnceLock<()>>,
    span: Span,
}

/// The first task that died.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{task}: {reason}")]
pub struct TaskFailure {
    pub task: String,
    pub reason: String,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    pub fn new() -> Self {
        Self {
            draining: CancellationToken::new(),
            aborting: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failure: Arc::default(),
            listening: Arc::default(),
            span: Span::none(),
        }
    }

    /// The same life with a service's span around its tasks; its log lines go to that service's file.
    #[must_use]
    pub fn within(&self, service: Span) -> Self {
        Self { span: service, ..self.clone() }
    }

    /// Cancelled when the service should stop pulling work, finish what it holds and return.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Cancelled when patience has ended; tasks are then dropped at their next await.
    pub fn aborting(&self) -> CancellationToken {
        self.aborting.clone()
    }

    /// Runs a task that must live until draining: an error, a panic *or an early end* fails the process.
    pub fn spawn<E: Display + Send + 'static>(
        &self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.track(task, future, true);
    }

    /// Runs a task that may end early; an error or a panic fails the process.
    pub fn spawn_finite<E: Display + Send + 'static>(
        &self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.track(task, future, false);
    }

    /// Begins the first stage.
    pub fn shut_down(&self) {
        self.draining.cancel();
    }

    /// Waits until SIGINT, SIGTERM, [`shut_down`](Self::shut_down) or a failure, then for the tasks: `patience` for
    /// draining, then abort. A second signal aborts at once.
    ///
    /// # Errors
    /// The first task that died.
    pub async fn run(&self, patience: Duration) -> Result<(), TaskFailure> {
        self.listen_for_signals();
        self.draining.cancelled().await;
        self.finish(patience).await
    }

    /// Obeys SIGINT and SIGTERM from now on instead of from [`run`](Self::run) on: for a long start-up, whose owner
    /// watches [`draining`](Self::draining). Calling it again changes nothing.
    pub fn listen_for_signals(&self) {
        if self.listening.set(()).is_ok() {
            let this = self.clone();
            // Not tracked: it only ends with the process.
            tokio::spawn(async move { this.obey_signals().await });
        }
    }

    /// The stages themselves, for owners that decide on their own when to end.
    pub async fn finish(&self, patience: Duration) -> Result<(), TaskFailure> {
        self.draining.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = self.aborting.cancelled() => {}
            () = tokio::time::sleep(patience) => tracing::warn!(tasks = self.tasks.len(), "tasks did not drain in time; aborting them"),
        }
        self.aborting.cancel();
        self.tasks.wait().await;
        self.failure.get().cloned().map_or(Ok(()), Err)
    }

    fn track<E: Display + Send + 'static>(
        &self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
        must_live: bool,
    ) {
        let this = self.clone();
        let span = self.span.clone();
        let work = tokio::spawn(future.instrument(span.clone()));
        let watched = async move {
            let abort = work.abort_handle();
            let ended = tokio::select! {
                ended = work => ended,
                () = this.aborting.cancelled() => return abort.abort(),
            };
            match ended {
                Ok(Ok(())) if must_live && !this.draining.is_cancelled() => {
                    this.fail(task, "ended without being asked to")
                }
                Ok(Ok(())) => {}
                Ok(Err(error)) => this.fail(task, error),
                Err(panic) => this.fail(task, panic),
            }
        };
        self.tasks.spawn(watched.instrument(span));
    }

    fn fail(&self, task: &str, reason: impl Display) {
        let reason = format!("{reason:#}");
        tracing::error!(task, reason, "a task died; shutting down");
        let _ = self.failure.set(TaskFailure { task: task.to_owned(), reason });
        self.draining.cancel();
    }

    async fn obey_signals(&self) {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return self.fail("signals", "cannot listen for SIGINT and SIGTERM");
        };
        for token in [&self.draining, &self.aborting] {
            tokio::select! {
                _ = interrupt.recv() => tracing::info!("interrupted; again to end at once"),
                _ = terminate.recv() => tracing::info!("asked to terminate"),
            }
            token.cancel();
        }
    }
}
