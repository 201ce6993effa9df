use crate::world::{connect, event, run};
use anyhow::Result;
use event_log::{
    ActorAnswer, ActorRequest, Definitions, Error, ErrorClass, EventLog, EventLogConfig, ExpectedVersion::Any,
    NewEvent, Queue, ReadOptions, TrajectoryMessage,
};
use futures::StreamExt;
use std::path::PathBuf;
use std::time::Duration;
use test_support::{TestDirectory, TestNats, workspace_root};

const ROLES: [&str; 8] = ["operator", "ingest", "trainer", "actor", "evaluator", "projector", "gateway", "client"];
/// Well below the request's time-out, which is all that the client library would report of a refusal.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The server as deployed, with each role's name as its password.
async fn production(directory: &TestDirectory) -> Result<TestNats> {
    let files = workspace_root().join("nats");
    let passwords = ROLES.map(|role| format!("NATS_{}_PASSWORD: {role}\n", role.to_uppercase())).concat();
    let permissions = std::fs::read_to_string(files.join("permissions.conf"))?;
    std::fs::write(directory.path().join("permissions.conf"), passwords + &permissions)?;
    for file in ["nats-server.conf", "production.conf"] {
        std::fs::copy(files.join(file), directory.path().join(file))?;
    }
    let config: PathBuf = directory.path().join("production.conf");
    TestNats::start_with(|options| options.config = Some(config)).await
}

async fn role(nats: &TestNats, role: &str) -> Result<EventLog> {
    let url = nats.url().replace("nats://", &format!("nats://{role}:{role}@"));
    let mut config = EventLogConfig::new(url, role);
    config.request_timeout = AT_ONCE * 2;
    Ok(EventLog::connect(config).await?)
}

async fn refused(log: &EventLog, event: &NewEvent) -> Result<()> {
    let error = tokio::time::timeout(AT_ONCE, log.append(event, &Any)).await?.unwrap_err();
    assert!(matches!(&error, Error::Refused { subject, .. } if *subject == event.subject), "{error}");
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once() -> Result<()> {
    let directory = TestDirectory::new("permissions")?;
    let nats = production(&directory).await?;
    let wrong = EventLogConfig::new(nats.url().replace("nats://", "nats://ingest:wrong@"), "ingest");
    let error = tokio::time::timeout(AT_ONCE, EventLog::connect(wrong)).await?.err().expect("an error");
    assert_eq!(error.class(), ErrorClass::Refused, "{error}");
    assert!(connect(&nats, "nobody").await.is_err());
    Ok(())
}

#[tokio::test]
async fn each_role_may_do_its_work_and_nothing_else() -> Result<()> {
    let directory = TestDirectory::new("permissions")?;
    let nats = production(&directory).await?;
    let definitions = Definitions::embedded()?;
    let requested = event("run", run(1), "requested", 1);
    let envelope = &requested.envelope;

    let trainer = role(&nats, "trainer").await?;
    let error = tokio::time::timeout(AT_ONCE, trainer.ensure(&definitions)).await?.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused, "a trainer creates no streams: {error}");
    let ingest = role(&nats, "ingest").await?;
    ingest.ensure(&definitions.clone().with_queue_field(Queue::Commands, "max_deliver", serde_json::json!(20))).await?;
    ingest.ensure(&definitions).await?;
    trainer.ensure(&definitions).await?;

    let client = role(&nats, "client").await?;
    client.send_command("patrol.cmd.run.start", envelope, "{}".into()).await?;
    refused(&client, &requested).await?;
    let read = tokio::time::timeout(AT_ONCE, client.read(ReadOptions::until_now(1)).next()).await?;
    assert!(matches!(read, Some(Err(Error::Refused { .. }))));

    let command = ingest.work_queue(Queue::Commands).await?.pull(1, AT_ONCE).await?.remove(0);
    ingest.append(&requested, &Any).await?;
    ingest.dead_letter(&command, "for the sake of the test").await?;

    let claim = trainer.work_queue(Queue::Runs).await?.pull(1, AT_ONCE).await?.remove(0);
    trainer
        .append_batch(&[event("run", run(1), "started", 2), event("training", run(1), "progressed", 3)], &Any)
        .await?;
    trainer.publish_live(run(1), "frame".into()).await?;
    let subject = format!("patrol.traj.{}.train", run(1));
    let segment = TrajectoryMessage { subject, id: "1".into(), headers: Vec::new(), payload: "x".into() };
    trainer.publish_trajectory(&segment).await?;
    claim.receipt.ack().await?;
    refused(&trainer, &event("evaluation", run(1), "completed", 4)).await?;

    let lifecycle = contracts::subjects::run_lifecycle(run(1));
    assert_eq!(ingest.load(&lifecycle).await?.len(), 2);
    assert_eq!(trainer.load_after(&lifecycle, 1).await?.len(), 1);
    let actor = role(&nats, "actor").await?;
    assert_eq!(actor.load(&lifecycle).await?.len(), 2);
    let mut requests = trainer.serve_actors(run(1)).await?;
    let request = ActorRequest { actor: "barn-1".into(), segment: "played".into() };
    let serve = async {
        let (heard, reply) = requests.next().await.expect("a request");
        reply.answer(ActorAnswer::Play("lease".into())).await?;
        anyhow::Ok(heard)
    };
    // Subscribing is not acknowledged: until the server knows of it, nobody is there.
    let ask = async {
        loop {
            match actor.ask_learner(run(1), request.clone(), AT_ONCE).await {
                Err(Error::Missing { .. }) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    };
    let (answer, heard) = tokio::join!(ask, serve);
    assert_eq!((answer?, heard?), (ActorAnswer::Play("lease".into()), request));
    refused(&actor, &event("training", run(1), "progressed", 9)).await?;

    let projector = role(&nats, "projector").await?;
    projector.ensure(&definitions).await?;
    assert_eq!(projector.read(ReadOptions::until_now(1)).count().await, 3);
    assert_eq!(projector.event_at(2).await?.map(|started| started.sequence), Some(2));
    refused(&projector, &event("run", run(1), "deleted", 5)).await?;

    let gateway = role(&nats, "gateway").await?;
    gateway.subscribe_live(run(1)).await?;
    assert_eq!(gateway.history(&lifecycle, 1).count().await, 2);
    gateway.send_command("patrol.cmd.run.stop", envelope, "{}".into()).await?;
    refused(&gateway, &event("run", run(1), "deleted", 6)).await?;

    let evaluator = role(&nats, "evaluator").await?;
    evaluator.append(&event("evaluation", run(1), "completed", 7), &Any).await?;
    assert_eq!(evaluator.load(&lifecycle).await?.len(), 2);
    refused(&evaluator, &event("run", run(1), "deleted", 8)).await
}
