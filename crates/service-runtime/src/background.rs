//! Threads that work where nothing else wants the processor.
//!
//! Computation whose threads wait for each other loses more than the time that others take: while one thread is kept from
//! its processor, all of them wait. Work that may come later therefore runs below everything else, in the gaps.

use std::future::Future;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Longest name of a thread that Linux shows.
const LONGEST_NAME: usize = 15;

/// A runtime of its own whose threads are of the lowest priority; dropping it abandons what still runs on it.
///
/// What is spawned on it runs there with everything that it spawns in turn, connections included: whoever holds one of
/// those waits for threads of low priority too.
#[derive(Debug)]
pub struct Background {
    /// Taken when dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Background {
    /// One thread for tasks, and as many as are needed for work that blocks.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(name: &str) -> io::Result<Self> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .on_thread_start(|| {
                // Where it is refused, work is done all the same.
                let _ = yield_to_others();
            })
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// For what takes a runtime; it does not keep this one alive.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a task here.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(task)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads is not allowed in a task, where most are dropped.
            runtime.shutdown_background();
        }
    }
}

/// Puts the calling thread, and those that it starts, behind all others (SCHED_IDLE, sched(7)): it runs where a processor
/// would be idle, and at once gives way to whatever wakes up.
///
/// # Errors
/// If the system refuses it.
fn yield_to_others() -> io::Result<()> {
    // SAFETY: all zeros is a value of this structure of integers, and the call reads nothing else.
    let refused = unsafe {
        let parameters: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters)
    };
    if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::Background;
    use std::error::Error;

    /// Scheduling policy of the calling thread: the 41st field of `stat`, of which two precede the bracket (proc(5)).
    fn policy() -> Option<i32> {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(41 - 3)?.trim().parse().ok()
    }

    #[tokio::test]
    async fn all_its_threads_give_way_and_those_that_they_start() -> Result<(), Box<dyn Error>> {
        let background = Background::start("background under test")?;
        assert_eq!(background.spawn(async { policy() }).await?, Some(libc::SCHED_IDLE));
        assert_eq!(background.handle().spawn_blocking(policy).await?, Some(libc::SCHED_IDLE));
        let started = background.handle().spawn_blocking(|| std::thread::spawn(policy).join().ok().flatten());
        assert_eq!(started.await?, Some(libc::SCHED_IDLE));
        assert_eq!(policy(), Some(libc::SCHED_OTHER));
        Ok(())
    }

    #[tokio::test]
    async fn dropping_it_in_a_task_abandons_its_tasks() -> Result<(), Box<dyn Error>> {
        let background = Background::start("background")?;
        let waiting = background.spawn(std::future::pending::<()>());
        drop(background);
        assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
        Ok(())
    }
}
