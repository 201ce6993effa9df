use service_runtime::Lifecycle;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_drained_service_ends_without_failure() {
    let lifecycle = Lifecycle::new();
    let drained = Arc::new(AtomicBool::new(false));
    let (draining, mark) = (lifecycle.draining(), Arc::clone(&drained));
    lifecycle.spawn("consumer", async move {
        draining.cancelled().await;
        tokio::task::yield_now().await;
        mark.store(true, Ordering::SeqCst);
        Ok::<_, Infallible>(())
    });
    lifecycle.shut_down();
    assert_eq!(lifecycle.run(PATIENCE).await, Ok(()));
    assert!(drained.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_task_that_dies_takes_the_others_down_and_is_named() {
    for (mode, expected) in [("error", "no more"), ("panic", "panicked"), ("return", "ended without being asked to")] {
        let lifecycle = Lifecycle::new();
        let draining = lifecycle.draining();
        lifecycle.spawn("other", async move {
            draining.cancelled().await;
            Ok::<_, Infallible>(())
        });
        lifecycle.spawn("mortal", async move {
            match mode {
                "error" => Err("no more"),
                "panic" => panic!("on purpose"),
                _ => Ok(()),
            }
        });
        let failure = lifecycle.run(PATIENCE).await.expect_err(mode);
        assert_eq!(failure.task, "mortal");
        assert!(failure.reason.contains(expected), "{}", failure.reason);
    }
}

#[tokio::test]
async fn a_finite_task_may_end() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn_finite("once", async { Ok::<_, Infallible>(()) });
    assert_eq!(lifecycle.finish(PATIENCE).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_drain_is_aborted_after_the_patience() {
    let lifecycle = Lifecycle::new();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    lifecycle.spawn("stubborn", async move {
        std::future::pending::<()>().await;
        drop(held);
        Ok::<_, Infallible>(())
    });
    assert_eq!(lifecycle.finish(Duration::from_secs(5)).await, Ok(()));
    // Aborting is asynchronous; the task's state is dropped when the runtime gets to it.
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
}

const CHILD: &str = "SERVICE_RUNTIME_TEST_CHILD";

#[tokio::test]
#[ignore = "the body of the process that the test below starts and signals"]
async fn signalled_process() {
    assert!(std::env::var_os(CHILD).is_some(), "started by the test below only");
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals();
    // A stubborn task: draining alone would take for ever.
    lifecycle.spawn("stubborn", async {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(())
    });
    let draining = lifecycle.draining();
    lifecycle.spawn("reporter", async move {
        println!("\nserving");
        draining.cancelled().await;
        println!("\ndraining");
        Ok::<_, Infallible>(())
    });
    assert_eq!(lifecycle.run(Duration::from_secs(120)).await, Ok(()));
}

#[test]
fn the_first_signal_drains_and_the_second_ends_at_once() -> anyhow::Result<()> {
    use std::io::{BufRead, BufReader};
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", "--nocapture", "lifecycle::signalled_process"])
        .env(CHILD, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().expect("piped");
    let mut seen = BufReader::new(output).lines();
    let pid = child.id().to_string();
    for (line, signal) in [("serving", "-INT"), ("draining", "-TERM")] {
        anyhow::ensure!(seen.by_ref().any(|next| next.is_ok_and(|next| next == line)), "never said `{line}`");
        std::process::Command::new("sh").args(["-c", &format!("kill {signal} {pid}")]).status()?;
    }
    anyhow::ensure!(child.wait()?.success(), "ended with a failure");
    Ok(())
}
