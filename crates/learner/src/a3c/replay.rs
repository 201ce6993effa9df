//! An asynchronous run again, from the order in which it consumed.
use std::collections::VecDeque;

use super::actor::SegmentActor;
use super::lane::PolicyVersion;
use super::learner::{AsyncLearner, AsyncUpdate, Consumed};
use crate::error::LearnerError;

/// Plays every segment anew, with the policy that the log says it was played with.
pub struct Replay {
    actor: SegmentActor,
    /// The newest last, as many as a segment may lag behind.
    policies: VecDeque<PolicyVersion>,
}

impl Replay {
    /// From where `learner` stands, which has nothing in play.
    pub fn new(learner: &AsyncLearner) -> Self {
        let actor = SegmentActor::new("replay".into(), learner.settings().clone());
        Self { actor, policies: VecDeque::from([learner.newest().clone()]) }
    }

    /// Lets `learner` consume the next segment of the order; the update, if this was its last one.
    ///
    /// # Errors
    /// `Diverged` if it comes out with another digest: another binary, another processor or another run.
    pub fn step(
        &mut self,
        learner: &mut AsyncLearner,
        consumed: &Consumed,
    ) -> Result<Option<AsyncUpdate>, LearnerError> {
        let version = consumed.policy_version;
        let policy = self.policies.iter().find(|policy| policy.version == version);
        let policy = policy.ok_or(LearnerError::UnknownPolicy { version })?;
        let stale = || LearnerError::Stale { lane: consumed.lane, segment: consumed.segment };
        let lane = learner.take_lane(consumed.lane).ok_or_else(stale)?;
        let mut segment = self.actor.play(lane, policy)?;
        if (segment.lane.segment, segment.digest) != (consumed.segment, consumed.digest) {
            let (lane, found, expected) = (consumed.lane, segment.digest, consumed.digest);
            return Err(LearnerError::Diverged { lane, segment: consumed.segment, found, expected });
        }
        segment.actor = consumed.actor.clone();
        let update = learner.consume(segment)?;
        self.policies.push_back(learner.newest().clone());
        if self.policies.len() as u64 > learner.max_policy_lag() + 1 {
            self.policies.pop_front();
        }
        Ok(update)
    }
}
