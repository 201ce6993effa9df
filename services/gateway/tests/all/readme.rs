//! What the README tells a client to do, done: its code blocks against a real system.

use crate::world::World;
use anyhow::{Context, Result};
use std::process::Stdio;
use std::time::Duration;
use test_support::{python_code, run_to_end, workspace_root};
use tokio::process::Command;

/// Longest time that an example may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// Code blocks of `language` that contain `mark`.
fn blocks(readme: &str, language: &str, mark: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let blocks = readme.split(&opening).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains(mark)).map(str::to_owned).collect()
}

fn readme(name: &str) -> Result<String> {
    std::fs::read_to_string(workspace_root().join(name)).context(name.to_owned())
}

/// The only such block, talking to this test's servers.
fn example(world: &World, language: &str, mark: &str) -> Result<String> {
    let found = blocks(&readme("README.md")?, language, mark);
    let [block] = found.as_slice() else { anyhow::bail!("{} blocks in {language} with `{mark}`", found.len()) };
    let nats = world.nats.url();
    Ok(block.replace("nats://127.0.0.1:4222", &nats).replace("127.0.0.1:8000", &world.address.to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_examples_do_what_they_say() -> Result<()> {
    let world = World::with_trainer().await?;
    let mut curl = Command::new("sh");
    curl.args(["-euc", &example(&world, "sh", "# with curl")?]).stdin(Stdio::null()).kill_on_drop(true);
    let written = run_to_end(curl, LIMIT).await?;
    assert!(written.contains(r#""name":"first""#) && written.contains(r#""total":1"#), "{written}");

    let written = run_to_end(python_code(&example(&world, "python", "pip install httpx websockets")?)?, LIMIT).await?;
    assert!(written.contains("mean threat 0.") && written.ends_with("from Python completed\n"), "{written}");

    let written = run_to_end(python_code(&example(&world, "python", "pip install nats-py")?)?, LIMIT).await?;
    for event in ["run requested", "run started", "training progressed", "run completed"] {
        assert!(written.contains(event), "{event}: {written}");
    }
    Ok(())
}

#[test]
fn the_japanese_readme_has_the_same_clients() -> Result<()> {
    let (english, japanese) = (readme("README.md")?, readme("README.ja.md")?);
    for (language, mark) in [("python", "pip install"), ("sh", "# with curl")] {
        let blocks = (blocks(&english, language, mark), blocks(&japanese, language, mark));
        assert!(!blocks.0.is_empty());
        assert_eq!(blocks.0, blocks.1, "{language}");
    }
    Ok(())
}
