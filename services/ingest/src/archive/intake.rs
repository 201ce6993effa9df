//! From a message to a segment, or to the reason why it can never be one.

use super::run_archive::RunArchive;
use contracts::events::Split;
use contracts::{RunId, subjects};
use event_log::Delivery;
use trajectories::{Recording, Segment, SegmentHeader};

/// What a message turned out to be.
pub(super) enum Intake {
    /// To be held until its file is written.
    Segment(Segment),
    /// In a file already, or of a run that records nothing: to be acknowledged.
    Done,
    /// Never to be archived, and why.
    Poison(String),
}

/// The run and split that a message names.
pub(super) fn address(delivery: &Delivery) -> Result<(RunId, Split), String> {
    subjects::parse_trajectory(&delivery.subject)
        .ok_or_else(|| "the subject is not patrol.traj.<run_id>.<train|eval|baseline|external>".to_owned())
}

/// Judges a message of a known run.
pub(super) fn judge(delivery: &Delivery, split: Split, archive: &RunArchive) -> Intake {
    let header = match SegmentHeader::from_headers(|name| delivery.header(name)) {
        Ok(header) => header,
        Err(error) => return Intake::Poison(error.to_string()),
    };
    let records_nothing = archive.recordings(split, header.number).contains(&Recording::None);
    if records_nothing || archive.has(split, &header.producer, header.number) {
        return Intake::Done;
    }
    match Segment::decode(header, &delivery.payload, archive.limits(split)) {
        Ok(segment) => Intake::Segment(segment),
        Err(error) => Intake::Poison(error.to_string()),
    }
}
