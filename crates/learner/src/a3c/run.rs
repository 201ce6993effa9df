//! A learner and its actors at work: threads of this process, and whoever asks for a lane from elsewhere.
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::time::{Duration, Instant};

use super::learner::{AsyncLearner, AsyncUpdate, Consumed};
use super::remote::{Lease, RemoteSegment};
use super::replay::Replay;
use super::threads::{ActorThreads, Played};
use crate::error::LearnerError;

/// How long a remote actor may take for a segment.
const LEASE_TIME: Duration = Duration::from_secs(10);
/// How long one that asks for a lane is kept waiting.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often time is looked at while nothing comes.
const TICK: Duration = Duration::from_millis(500);

/// What a remote actor says: what it played, and that it is free.
pub struct RemoteRequest {
    pub actor: String,
    pub segment: Option<RemoteSegment>,
    /// Takes the answer; called once.
    pub answer: Box<dyn FnOnce(RemoteAnswer) + Send>,
}

/// What the learner says to a remote actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteAnswer {
    Play(Box<Lease>),
    /// Nothing to play just now: ask again.
    Wait,
    /// All steps are done.
    Complete,
}

/// Where remote requests go in.
#[derive(Clone)]
pub struct Door(Sender<Message>);

impl Door {
    /// # Errors
    /// The request itself when the run has ended or was let go.
    pub fn enter(&self, request: RemoteRequest) -> Result<(), Box<RemoteRequest>> {
        match self.0.send(Message::Asked(Box::new(request))) {
            Err(SendError(Message::Asked(request))) => Err(request),
            _ => Ok(()),
        }
    }
}

enum Message {
    Played(Box<Played>),
    Asked(Box<RemoteRequest>),
}

/// A lane that a remote actor has, until when.
struct Lent {
    lease: u64,
    until: Instant,
}

/// A learner with its actors.
pub struct AsyncRun {
    learner: AsyncLearner,
    /// What the run consumed in an earlier life and has to consume again first.
    past: VecDeque<Consumed>,
    replay: Replay,
    actors: ActorThreads,
    threads: usize,
    messages: Receiver<Message>,
    door: Door,
    /// Remote actors without a lane, since when.
    asking: VecDeque<(Instant, RemoteRequest)>,
    lent: Vec<Lent>,
    lease_time: Duration,
    refused: u64,
}

impl AsyncRun {
    /// Puts `actors` threads to work for `learner` after it has consumed `past` again.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(learner: AsyncLearner, past: Vec<Consumed>, actors: usize) -> std::io::Result<Self> {
        let (sender, messages) = channel();
        let (door, threads) = (Door(sender.clone()), actors.max(1));
        let deliver = move |segment| sender.send(Message::Played(Box::new(segment))).is_ok();
        let actors = ActorThreads::start(threads, learner.settings(), learner.newest(), deliver)?;
        let (replay, past) = (Replay::new(&learner), past.into());
        Ok(Self {
            learner,
            past,
            replay,
            actors,
            threads,
            messages,
            door,
            asking: VecDeque::new(),
            lent: Vec::new(),
            lease_time: LEASE_TIME,
            refused: 0,
        })
    }

    /// Gives a remote actor this long for a segment before somebody else gets its lane; 10 s unless told otherwise.
    pub fn lend_for(&mut self, time: Duration) {
        self.lease_time = time;
    }

    /// For actors of other processes.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// The next update. A `draining` one leaves nothing in play, unless more than it can consume was so before.
    ///
    /// # Errors
    /// If all steps are done, if the past comes out differently, or if the map of a next episode cannot be made (the run
    /// must then be discarded).
    pub fn update(&mut self, draining: bool) -> Result<AsyncUpdate, LearnerError> {
        let run = self.learner.run();
        if run.is_complete() {
            return Err(LearnerError::Complete { steps: run.steps_done(), total: run.total_steps() });
        }
        while let Some(consumed) = self.past.pop_front() {
            let update = self.replay.step(&mut self.learner, &consumed)?;
            self.actors.publish(self.learner.newest());
            if let Some(update) = update {
                return Ok(AsyncUpdate { replayed: true, ..update });
            }
        }
        loop {
            self.deal(draining)?;
            let update = match self.messages.recv_timeout(TICK) {
                Ok(Message::Played(segment)) => self.learner.consume((*segment)?)?,
                Ok(Message::Asked(request)) => self.hear(*request)?,
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(LearnerError::Actors),
            };
            self.actors.publish(self.learner.newest());
            if let Some(update) = update {
                return Ok(update);
            }
        }
    }

    /// Segments of remote actors that came too late or could not be right.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    pub fn learner(&self) -> &AsyncLearner {
        &self.learner
    }

    pub fn learner_mut(&mut self) -> &mut AsyncLearner {
        &mut self.learner
    }

    /// Gives lanes away: first to those who asked from elsewhere, then to threads that would otherwise have none.
    fn deal(&mut self, draining: bool) -> Result<(), LearnerError> {
        let now = Instant::now();
        let (learner, lent) = (&mut self.learner, &mut self.lent);
        lent.retain(|lent| {
            let in_time = now < lent.until;
            if !in_time {
                learner.revoke(lent.lease);
            }
            in_time
        });
        while let Some((since, request)) = self.asking.pop_front() {
            if now - since > PATIENCE {
                (request.answer)(RemoteAnswer::Wait);
                continue;
            }
            let Some(lease) = self.learner.lease(draining)? else {
                self.asking.push_front((since, request));
                break;
            };
            self.lent.push(Lent { lease: lease.id, until: now + self.lease_time });
            (request.answer)(RemoteAnswer::Play(Box::new(lease)));
        }
        while self.actors.waiting() < self.threads {
            let Some(lane) = self.learner.next_lane(draining) else { break };
            self.actors.give(lane);
        }
        Ok(())
    }

    /// Takes in what a remote actor played, and that it is free.
    fn hear(&mut self, mut request: RemoteRequest) -> Result<Option<AsyncUpdate>, LearnerError> {
        let segment = request.segment.take();
        let accepted = segment.map(|segment| {
            self.lent.retain(|lent| lent.lease != segment.lease);
            self.learner.accept(&request.actor, &segment)
        });
        self.asking.push_back((Instant::now(), request));
        match accepted {
            // Another actor has its lane now, or will have it.
            Some(Err(LearnerError::UnknownLease(_) | LearnerError::Refused { .. })) => {
                self.refused += 1;
                Ok(None)
            }
            Some(other) => other,
            None => Ok(None),
        }
    }
}

impl Drop for AsyncRun {
    /// Nobody is left waiting for an answer.
    fn drop(&mut self) {
        let complete = self.learner.run().is_complete();
        let late = self.messages.try_iter().filter_map(|message| match message {
            Message::Asked(request) => Some(*request),
            Message::Played(_) => None,
        });
        for request in late.chain(self.asking.drain(..).map(|(_, request)| request)) {
            (request.answer)(if complete { RemoteAnswer::Complete } else { RemoteAnswer::Wait });
        }
    }
}
