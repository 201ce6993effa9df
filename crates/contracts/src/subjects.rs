//! NATS subjects: `patrol.cmd.<aggregate>.<verb>`, `patrol.evt.<aggregate>.<run_id>.<event>`,
//! `patrol.traj.<run_id>.<split>`, `patrol.live.<run_id>` and `patrol.actor.<run_id>`.
//!
//! Only run ids stand in a subject: subject indexes live in the server's memory.

use crate::events::Split;
use crate::ids::RunId;

/// Every command.
pub const ALL_COMMANDS: &str = "patrol.cmd.>";
/// Every event.
pub const ALL_EVENTS: &str = "patrol.evt.>";
/// Every trajectory segment.
pub const ALL_TRAJECTORIES: &str = "patrol.traj.>";
/// Stands where an event belongs to no run.
pub const NO_RUN: &str = "none";

/// Subject of the command `verb` on `aggregate`.
pub fn command(aggregate: &str, verb: &str) -> String {
    format!("patrol.cmd.{aggregate}.{verb}")
}

/// Subject of an event; `run` is absent for events that belong to no run.
pub fn event(aggregate: &str, run: Option<RunId>, event: &str) -> String {
    match run {
        Some(run) => format!("patrol.evt.{aggregate}.{run}.{event}"),
        None => format!("patrol.evt.{aggregate}.{NO_RUN}.{event}"),
    }
}

/// Filter for every lifecycle event of one run: the scope of its optimistic concurrency.
pub fn run_lifecycle(run: RunId) -> String {
    format!("patrol.evt.run.{run}.>")
}

/// Filter for every event of any aggregate about one run.
pub fn all_of_run(run: RunId) -> String {
    format!("patrol.evt.*.{run}.>")
}

/// Subject of trajectory segments.
pub fn trajectory(run: RunId, split: Split) -> String {
    format!("patrol.traj.{run}.{}", split.token())
}

/// Reads a trajectory subject back; `None` when it is not one.
pub fn parse_trajectory(subject: &str) -> Option<(RunId, Split)> {
    let mut tokens = subject.strip_prefix("patrol.traj.")?.split('.');
    let run = tokens.next()?.parse().ok()?;
    let split = Split::from_token(tokens.next()?)?;
    tokens.next().is_none().then_some((run, split))
}

/// Subject of the sampled live frames of a run (core NATS, not stored).
pub fn live(run: RunId) -> String {
    format!("patrol.live.{run}")
}

/// Where the learner of a run lends lanes to remote actors and takes what they played (core NATS, request and reply).
pub fn actors(run: RunId) -> String {
    format!("patrol.actor.{run}")
}

/// The aggregate and verb of a command subject; `None` when it is not one.
pub fn parse_command(subject: &str) -> Option<(&str, &str)> {
    let (aggregate, verb) = subject.strip_prefix("patrol.cmd.")?.split_once('.')?;
    (!verb.contains('.')).then_some((aggregate, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trajectory_subjects_round_trip_and_reject_the_rest() {
        let run = RunId(uuid::Uuid::from_u128(7));
        let subject = trajectory(run, Split::External);
        assert_eq!(parse_trajectory(&subject), Some((run, Split::External)));
        assert_eq!(parse_trajectory("patrol.traj.x.external"), None);
        assert_eq!(parse_trajectory(&format!("{subject}.more")), None);
        assert_eq!(parse_command("patrol.cmd.run.start"), Some(("run", "start")));
        assert_eq!(parse_command("patrol.cmd.run.start.now"), None);
    }
}
