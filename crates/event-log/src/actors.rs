//! Requests of remote actors to the learner of their run: core NATS, not stored. A lost one is simply asked again.

use crate::connection::EventLog;
use crate::error::{Error, Result};
use async_nats::client::Request;
use async_nats::{Client, HeaderMap, Message, Subject, Subscriber};
use bytes::Bytes;
use contracts::{RunId, subjects};
use futures::stream::StreamExt;
use std::time::Duration;

const ACTOR: &str = "Patrol-Actor";
const ANSWER: &str = "Patrol-Answer";

/// What an actor asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRequest {
    pub actor: String,
    /// What it played; empty when it comes anew.
    pub segment: Bytes,
}

/// What the learner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorAnswer {
    /// A lease of a lane.
    Play(Bytes),
    /// Nothing to play just now.
    Wait,
    /// The run is complete.
    Complete,
}

/// Requests of one run's actors as they come.
pub struct ActorRequests {
    subscriber: Subscriber,
    client: Client,
}

/// Where one request is answered.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    client: Client,
    subject: Subject,
}

impl ActorRequests {
    /// The next request; `None` when the connection is closed for good.
    pub async fn next(&mut self) -> Option<(ActorRequest, ReplyTo)> {
        loop {
            let message = self.subscriber.next().await?;
            // Without a name or somewhere to answer it is none of ours.
            if let Some((request, subject)) = read(message) {
                return Some((request, ReplyTo { client: self.client.clone(), subject }));
            }
        }
    }
}

impl ReplyTo {
    /// Answers; returns before the server has it.
    pub async fn answer(&self, answer: ActorAnswer) -> Result<()> {
        let (kind, payload) = match answer {
            ActorAnswer::Play(lease) => ("play", lease),
            ActorAnswer::Wait => ("wait", Bytes::new()),
            ActorAnswer::Complete => ("complete", Bytes::new()),
        };
        let mut headers = HeaderMap::new();
        headers.insert(ANSWER, kind);
        let published = self.client.publish_with_headers(self.subject.clone(), headers, payload).await;
        published.map_err(|error| Error::unavailable("answer to an actor", error))
    }
}

impl EventLog {
    /// Every request of an actor of `run` from now on; survives reconnects.
    pub async fn serve_actors(&self, run: RunId) -> Result<ActorRequests> {
        let client = self.inner.bulk.clone();
        let subscribed = client.subscribe(subjects::actors(run)).await;
        let subscriber = subscribed.map_err(|error| Error::unavailable("requests of actors", error))?;
        Ok(ActorRequests { subscriber, client })
    }

    /// Asks the learner of `run` once and waits up to `patience`.
    ///
    /// # Errors
    /// `Missing` when nobody trains the run right now, retryable ones when no answer came.
    pub async fn ask_learner(&self, run: RunId, request: ActorRequest, patience: Duration) -> Result<ActorAnswer> {
        let mut headers = HeaderMap::new();
        headers.insert(ACTOR, request.actor);
        let subject = subjects::actors(run);
        let asked = Request::new().headers(headers).payload(request.segment).timeout(Some(patience));
        let answer = self.request(&self.inner.bulk, &subject, asked).await?;
        let kind = answer.headers.as_ref().and_then(|headers| headers.get(ANSWER)).map(|value| value.as_str());
        match kind {
            Some("play") => Ok(ActorAnswer::Play(answer.payload)),
            Some("wait") => Ok(ActorAnswer::Wait),
            Some("complete") => Ok(ActorAnswer::Complete),
            other => Err(Error::unavailable(subject, format!("an answer of the kind {other:?}"))),
        }
    }
}

fn read(message: Message) -> Option<(ActorRequest, Subject)> {
    let subject = message.reply?;
    let headers = message.headers?;
    let actor: String = headers.get(ACTOR)?.as_str().chars().take(64).collect();
    Some((ActorRequest { actor, segment: message.payload }, subject))
}
