use crate::world::{connect, event, run};
use anyhow::Result;
use event_log::{Definitions, Error, ErrorClass, EventLog, EventLogConfig, ExpectedVersion::Any, ReadOptions};
use futures::StreamExt;
use std::time::Duration;
use test_support::{TestDirectory, TestNats};

const ACCOUNTS: &str = r#"
authorization {
  users = [
    { user: admin, password: a }
    { user: publisher, password: p, permissions: {
        publish: ["patrol.cmd.>"], subscribe: ["_INBOX.publisher.>"] } }
  ]
}
"#;

fn config(nats: &TestNats, user: &str, password: &str) -> EventLogConfig {
    let mut config = EventLogConfig::new(nats.url().replace("nats://", &format!("nats://{user}:{password}@")), user);
    config.request_timeout = Duration::from_secs(20);
    config
}

#[tokio::test]
async fn a_refused_call_says_so_at_once() -> Result<()> {
    let directory = TestDirectory::new("accounts")?;
    let file = directory.path().join("accounts.conf");
    std::fs::write(&file, ACCOUNTS)?;
    let nats = TestNats::start_with(|options| options.config = Some(file)).await?;

    let wrong = EventLog::connect(config(&nats, "publisher", "wrong")).await.err().expect("an error");
    assert_eq!(wrong.class(), ErrorClass::Refused, "{wrong}");
    assert!(connect(&nats, "anonymous").await.is_err());

    EventLog::connect(config(&nats, "admin", "a")).await?.ensure(&Definitions::embedded()?).await?;
    let publisher = EventLog::connect(config(&nats, "publisher", "p")).await?;
    let envelope = event("run", run(1), "start", 7).envelope;
    publisher.send_command("patrol.cmd.run.start", &envelope, "{}".into()).await?;
    // Well below the request's time-out of 20 s, which is all that the client library would report.
    let refused = tokio::time::timeout(Duration::from_secs(10), async {
        let append = publisher.append(&event("run", run(1), "requested", 1), &Any).await.unwrap_err();
        let read = publisher.read(ReadOptions::until_now(1)).next().await.expect("an error").unwrap_err();
        [append, read]
    });
    for error in refused.await? {
        assert!(matches!(&error, Error::Refused { .. }), "{error}");
    }
    Ok(())
}
