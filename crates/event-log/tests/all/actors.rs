//! A run's learner and actors elsewhere.
use crate::world::{connect, run};
use anyhow::Result;
use event_log::{ActorAnswer, ActorRequest, Error};
use std::time::Duration;
use test_support::TestNats;

const SOON: Duration = Duration::from_secs(10);

fn request(segment: &'static str) -> ActorRequest {
    ActorRequest { actor: "barn-1".into(), segment: segment.into() }
}

#[tokio::test]
async fn an_actor_is_answered_by_the_learner_of_its_run_only() -> Result<()> {
    let nats = TestNats::start().await?;
    let (learner, actor) = (connect(&nats, "trainer").await?, connect(&nats, "actor").await?);
    let mut requests = learner.serve_actors(run(1)).await?;
    // Subscribing is not acknowledged: until the server knows of it, nobody is there.
    let mut answers = vec![ActorAnswer::Complete, ActorAnswer::Wait, ActorAnswer::Play("lease".into())];
    let serve = async {
        while let Some(answer) = answers.pop() {
            let (_, reply) = requests.next().await.expect("a request");
            reply.answer(answer).await?;
        }
        anyhow::Ok(())
    };
    let ask = async {
        let mut heard = Vec::new();
        while heard.len() < 3 {
            match actor.ask_learner(run(1), request(""), SOON).await {
                Err(Error::Missing { .. }) => tokio::task::yield_now().await,
                answer => heard.push(answer?),
            }
        }
        anyhow::Ok(heard)
    };
    let (served, heard) = tokio::join!(serve, ask);
    served?;
    assert_eq!(heard?, [ActorAnswer::Play("lease".into()), ActorAnswer::Wait, ActorAnswer::Complete]);
    let nobody = actor.ask_learner(run(2), request("played"), SOON).await.expect_err("nobody");
    assert!(matches!(nobody, Error::Missing { .. }), "{nobody}");
    Ok(())
}
