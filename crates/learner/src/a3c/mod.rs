//! Actor–critic with actors that lag behind the learner (Mnih et al., "Asynchronous Methods for Deep Reinforcement
//! Learning", 2016), corrected by V-trace (Espeholt et al., 2018).
//!
//! | module | what |
//! |---|---|
//! | [`optimise`] | the gradient steps on what actors played |
//! | [`lane`], [`actor`] | environments that go from actor to actor, and what an actor plays in them |
//! | [`learner`] | consumes segments in any order and says in which |
//! | [`threads`] | actors on threads |
//! | [`run`] | learner and actors at work, overlapped |
//! | [`remote`] | leases of lanes to actors of other processes, and what they send back |
//! | [`replay`] | the same run again, from the order in which it consumed |
//!
//! The deterministic form is [`crate::Learner`]: rollout and update alternate, and a lag is simulated. In the asynchronous
//! form, actors play lanes with the newest policy there is while the learner optimises. A segment is a function of the
//! run's seed, the state of its lane and the policy that acted; its lane's state is a function of the segments before.
//! So the order of consumption, with the version of the policy that acted in each, is all that makes one asynchronous
//! run differ from another: whoever keeps it can have the run again, bit for bit.
pub mod actor;
pub mod lane;
pub mod learner;
pub mod optimise;
pub mod remote;
pub mod replay;
pub mod run;
mod tally;
pub mod threads;

pub use actor::{ActorSegment, SegmentActor};
pub use lane::{Lane, LaneCounters, PolicyVersion, SegmentDigest, segment_envs};
pub use learner::{AsyncLearner, AsyncUpdate, Consumed};
pub use remote::{Choices, Lease, RemoteActor, RemoteSegment};
pub use run::{AsyncRun, Door, RemoteAnswer, RemoteRequest};
pub use threads::ActorThreads;
