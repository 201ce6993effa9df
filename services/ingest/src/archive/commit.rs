//! Writing one run of consecutive segments: files, then their events, in that order.

use super::context::Context;
use super::error::Error;
use super::run_archive::RunArchive;
use contracts::events::{BlobRef, FileWritten, SegmentRange, Split, Table};
use contracts::{Envelope, Event, EventId, FileId, RunId, subjects};
use event_log::{ExpectedVersion, NewEvent};
use trajectories::write::{self, Overlap, ParquetFile, WriteError};
use trajectories::{RecordBatch, Recording, Segment, Stored, layout};
use uuid::Uuid;

/// Consecutive segments of one producer, never empty.
pub(super) struct Chunk {
    pub split: Split,
    pub range: SegmentRange,
    pub segments: Vec<Segment>,
}

/// The files of a chunk, in memory.
pub(super) enum Encoded {
    Files(Vec<(Table, ParquetFile)>),
    /// A segment contradicts the ones before it: its position in the chunk, and how.
    Contradiction(usize, Overlap),
}

/// Sorts and encodes a chunk, on a thread for such work.
pub(super) async fn encode(chunk: &Chunk, archive: &RunArchive) -> Result<Encoded, Error> {
    let recordings = |segment: &Segment| archive.recordings(chunk.split, segment.header.number);
    let segments: Vec<(Segment, Vec<Recording>)> = chunk.segments.iter().map(|s| (s.clone(), recordings(s))).collect();
    tokio::task::spawn_blocking(move || encode_now(segments)).await?
}

fn encode_now(segments: Vec<(Segment, Vec<Recording>)>) -> Result<Encoded, Error> {
    let kept =
        segments.into_iter().map(|(segment, recordings)| recordings.into_iter().try_fold(segment, Segment::apply));
    let kept = kept.collect::<Result<Vec<Segment>, _>>()?;
    let mut files = Vec::new();
    for table in Table::ALL {
        let batches = kept.iter().enumerate().filter_map(|(at, segment)| Some((at, segment.batch(table)?)));
        let (places, batches): (Vec<usize>, Vec<&RecordBatch>) = batches.unzip();
        match write::table(table, &batches) {
            Ok(file) => files.extend(file.map(|file| (table, file))),
            Err(WriteError::Overlap(overlap)) => return Ok(Encoded::Contradiction(places[overlap.batch], overlap)),
            Err(WriteError::Other(error)) => return Err(error.into()),
        }
    }
    Ok(Encoded::Files(files))
}

/// Makes the files durable, appends their events in one atomic batch, and brings `archive` up to date. If they spend the run's
/// budget, the change of the recording level is in the batch: every process that archives the run sees both or neither.
///
/// # Errors
/// A conflict when another process archived something of this run since `archive` was loaded. Files of this call that no
/// event names are found when it is loaded again.
pub(super) async fn store(
    context: &Context,
    archive: &mut RunArchive,
    chunk: &Chunk,
    files: Vec<(Table, ParquetFile)>,
) -> Result<(), Error> {
    let mut events = Vec::new();
    for (table, file) in files {
        let key = layout::file(table, archive.run, chunk.split, &chunk.range);
        let stored = context.store.put(&key, file.bytes.clone()).await?;
        events.push(Event::FileWritten(Box::new(file_written(archive.run, chunk, table, &file, stored))));
    }
    if events.is_empty() {
        return Ok(());
    }
    if let Some(change) = archive.change_due(&events, chunk) {
        tracing::info!(run.id = %archive.run, segment = change.segment, "recording actions only from now on: {}", change.reason);
        // Before the files, so that the last event of the batch is the version that the next one expects.
        events.insert(0, Event::RecordingChanged(change));
    }
    let filter = subjects::event("archive", Some(archive.run), "file_written");
    let expected = ExpectedVersion::exact(filter, archive.version);
    let new = events.iter().map(|event| new_event(context, event)).collect::<Result<Vec<_>, _>>()?;
    let appended = context.log.append_batch(&new, &expected).await?;
    if appended.duplicate {
        // Another process wrote the same files, and perhaps others before that are not known here: `archive` stays behind,
        // so that the next append is refused and the run is loaded again.
        return Ok(());
    }
    for event in &events {
        archive.evolve(event, appended.sequence);
        count(context, event);
    }
    sweep(context, archive).await;
    Ok(())
}

/// Deletes files whose segments are archived in other files. It must not fail what has just been committed: what cannot
/// be deleted now is found again when the run is loaded again.
pub(super) async fn sweep(context: &Context, archive: &mut RunArchive) {
    for key in archive.take_superseded() {
        match context.store.delete(&key).await {
            Ok(()) => tracing::info!(object.key = %key, "deleted a file that a dead process left without an event"),
            Err(error) => tracing::warn!(object.key = %key, "a file without an event stays: {error}"),
        }
    }
}

/// An event under the id that it has however often it is made.
pub(super) fn new_event(context: &Context, event: &Event) -> Result<NewEvent, Error> {
    let id = EventId(match event {
        Event::FileWritten(file) => file.run_id.derive(&format!("file_written/{}", file.blob.uri)),
        Event::RecordingChanged(change) => change.run_id.derive("recording_changed"),
        Event::MessageDeadLettered(letter) => {
            let name = format!("dead-letter/{}/{}", letter.stream, letter.sequence);
            Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
        }
        other => Uuid::new_v5(&Uuid::NAMESPACE_OID, other.kind().as_bytes()),
    });
    let envelope = Envelope::for_event(event, id, "ingest", context.clock.now());
    Ok(NewEvent::new(event, envelope)?)
}

fn file_written(run: RunId, chunk: &Chunk, table: Table, file: &ParquetFile, stored: Stored) -> FileWritten {
    FileWritten {
        run_id: run,
        file_id: FileId(run.derive(&stored.key)),
        split: chunk.split,
        table,
        blob: BlobRef { uri: stored.key, sha256: stored.sha256, bytes: stored.bytes, rows: Some(file.rows) },
        segments: chunk.range.clone(),
        first_episode: file.episodes.map(|(first, _)| first),
        last_episode: file.episodes.map(|(_, last)| last),
        first_step: file.steps.map(|(first, _)| first),
        last_step: file.steps.map(|(_, last)| last),
    }
}

fn count(context: &Context, event: &Event) {
    if let Event::FileWritten(file) = event {
        let rows = file.blob.rows.unwrap_or(0);
        context.metrics.files.inc();
        context.metrics.rows.inc_by(rows);
        context.metrics.bytes.inc_by(file.blob.bytes);
        tracing::debug!(run.id = %file.run_id, object.key = %file.blob.uri, rows, "archived a file");
    }
}
