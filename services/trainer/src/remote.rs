//! Remote actors at the learner's door: requests of the network to the computation, answers back.

use crate::error::Result;
use bytes::Bytes;
use contracts::RunId;
use event_log::{ActorAnswer, ActorRequest, ActorRequests, EventLog, ReplyTo};
use learner::a3c::{Choices, Door, RemoteAnswer, RemoteRequest, RemoteSegment};
use tokio::task::JoinHandle;
use trajectories::ActorChoices;

/// Serves remote actors until dropped.
pub struct Reception {
    task: JoinHandle<()>,
}

impl Reception {
    /// Lets the actors of `run` in through `door`.
    pub async fn open(log: &EventLog, run: RunId, door: Door) -> Result<Self> {
        let requests = log.serve_actors(run).await?;
        Ok(Self { task: tokio::spawn(serve(requests, door)) })
    }
}

impl Drop for Reception {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut requests: ActorRequests, door: Door) {
    let runtime = tokio::runtime::Handle::current();
    while let Some((request, reply)) = requests.next().await {
        let runtime = runtime.clone();
        let answer = Box::new(move |answer: RemoteAnswer| {
            runtime.spawn(send(reply, answer));
        });
        let segment = segment(&request);
        if let Err(late) = door.enter(RemoteRequest { actor: request.actor, segment, answer }) {
            (late.answer)(RemoteAnswer::Wait);
            return;
        }
    }
}

/// What was played, if it can be read.
fn segment(request: &ActorRequest) -> Option<RemoteSegment> {
    if request.segment.is_empty() {
        return None;
    }
    let decoded = ActorChoices::decode(&request.segment).map_err(|error| error.to_string());
    let read = decoded.and_then(|choices| {
        let digest = choices.digest.parse().map_err(|_| "the digest is not a number".to_owned())?;
        let ActorChoices { lease, actions, log_probs, values, final_values, next_values, .. } = choices;
        let choices = Choices { actions, log_probs, values, final_values, next_values };
        Ok(RemoteSegment { lease, choices, digest })
    });
    read.inspect_err(|reason| tracing::warn!(actor = request.actor, "cannot read an actor's segment: {reason}")).ok()
}

async fn send(reply: ReplyTo, answer: RemoteAnswer) {
    let answer = match answer {
        RemoteAnswer::Play(lease) => match lease.to_bytes() {
            Ok(bytes) => ActorAnswer::Play(Bytes::from(bytes)),
            Err(error) => return tracing::error!("a lease cannot be written: {error}"),
        },
        RemoteAnswer::Wait => ActorAnswer::Wait,
        RemoteAnswer::Complete => ActorAnswer::Complete,
    };
    if let Err(error) = reply.answer(answer).await {
        // The lease runs out, and the lane goes to somebody else.
        tracing::warn!("an actor was not answered: {error}");
    }
}
