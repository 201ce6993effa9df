//! The wire format: round trips, schemas of other senders, and bytes that nobody has vouched for.

use crate::sample::{self, Columns, WORLD};
use anyhow::Result;
use arrow::array::{Array, ArrayRef, Int64Array, UInt8Array, UInt32Array, UInt64Array};
use arrow::compute::concat_batches;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::RunId;
use contracts::events::{Split, Table};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use trajectories::segment::{MAX_MESSAGE_BYTES, encode, encode_steps};
use trajectories::{Recording, Segment, SegmentHeader, StepColumns};

fn header() -> SegmentHeader {
    SegmentHeader::new("train", 3, Recording::Full)
}

fn decode(payload: &Bytes) -> trajectories::Result<Segment> {
    Segment::decode(header(), payload, &WORLD)
}

/// A stream as any Arrow library writes it.
fn stream(table: Option<&str>, columns: Vec<(&str, ArrayRef)>) -> Result<Bytes> {
    let batch = RecordBatch::try_from_iter(columns)?;
    let metadata: HashMap<String, String> =
        table.map(|table| ("patrol.table".to_owned(), table.to_owned())).into_iter().collect();
    let schema = Arc::new(batch.schema().as_ref().clone().with_metadata(metadata));
    let batch = RecordBatch::try_new(schema.clone(), batch.columns().to_vec())?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?.into())
}

/// The four columns that say which row it is.
fn identity() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("action", Arc::new(UInt8Array::from(vec![3, 0])) as ArrayRef),
        ("robot", Arc::new(UInt8Array::from(vec![0, 0]))),
        ("step", Arc::new(UInt32Array::from(vec![0, 1]))),
        ("episode_index", Arc::new(UInt64Array::from(vec![9, 9]))),
    ]
}

fn refusal(payload: Result<Bytes>) -> Result<String> {
    let error = decode(&payload?).expect_err("it was accepted");
    assert!(error.is_invalid());
    Ok(error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_encoded_is_decoded(seed: u64, steps in 1u32..80, robots in 1u8..5, environments in 1u64..9) {
        let steps = Columns::segment(seed, 2, environments, steps, robots).batch().unwrap();
        let tables = [
            (Table::Steps, steps),
            (Table::Episodes, sample::episodes(0..environments).unwrap()),
            (Table::Maps, sample::maps().unwrap()),
            (Table::WorldEvents, sample::world_events([4, 5]).unwrap()),
        ];
        let messages = encode(&tables).unwrap();
        prop_assert_eq!(messages.len(), 1);
        let segment = decode(&messages[0]).unwrap();
        for (table, batch) in &tables {
            prop_assert_eq!(segment.batch(*table), Some(batch));
        }
    }

    #[test]
    fn broken_bytes_are_refused_or_read_but_never_panic(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let steps = Columns::segment(seed, 0, 2, 3, 2).batch().unwrap();
        let tables = [(Table::Steps, steps), (Table::Maps, sample::maps().unwrap()), (Table::Episodes, sample::episodes([1]).unwrap())];
        let mut bytes = encode(&tables).unwrap()[0].to_vec();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = decode(&Bytes::from(bytes)) {
            prop_assert!(error.is_invalid(), "{error}");
        }
    }
}

/// The steps of all messages in one batch.
fn steps_of(messages: &[Bytes]) -> Result<RecordBatch> {
    let segments = messages.iter().map(decode).collect::<trajectories::Result<Vec<_>>>()?;
    let batches = segments.iter().filter_map(|segment| segment.batch(Table::Steps));
    Ok(concat_batches(&trajectories::schema::schema(Table::Steps), batches)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_compact_form_gives_every_bit_back_in_half_the_bytes(
        seed: u64, number in 0u64..30, steps in 40u32..130, robots in 1u8..6, environments in 2u64..9, drained: bool,
    ) {
        let mut columns = Columns::segment(seed, number, environments, steps, robots);
        if !drained {
            columns.battery.fill(100.0);
        }
        let messages = encode_steps(&columns.borrow(), &[(Table::Maps, sample::maps().unwrap())]).unwrap();
        prop_assert_eq!(messages.len(), 1);
        prop_assert_eq!(&steps_of(&messages).unwrap(), &columns.batch().unwrap());
        prop_assert!(decode(&messages[0]).unwrap().batch(Table::Maps).is_some());
        let plain = encode(&[(Table::Steps, columns.batch().unwrap())]).unwrap();
        let rows = columns.step.len() * 57;
        prop_assert!(plain[0].len() > rows && messages[0].len() < rows * 2 / 3 + 12_000, "{} of {}", messages[0].len(), rows);
    }

    /// What a learner would never send goes the long way, and arrives all the same.
    #[test]
    fn irregular_steps_arrive_as_they_are(seed: u64, robots in 1u8..4, row in any::<prop::sample::Index>(), change in 0..13) {
        let mut columns = Columns::segment(seed, 0, 2, 12, robots);
        let row = row.index(columns.step.len());
        match change {
            0 => columns.step.iter_mut().skip(row).for_each(|step| *step += 1),
            1 => columns.threat_removed[row] += 0.003,
            2 => columns.cells_cleared[row] = 300,
            3 => columns.is_first[row] ^= true,
            4 => columns.is_last[row] ^= true,
            5 => columns.is_terminal[row] ^= true,
            6 => columns.reward[row] += 1.0,
            7 => columns.state_hash[row] ^= 1,
            8 => columns.team_mean_threat[row] *= 0.5,
            9 => columns.battery[row] = 3.0,
            10 => columns.threat_removed[row] = -0.0,
            11 => columns.value[row] = -0.0,
            _ => columns.charging[row] ^= true,
        }
        let sent = encode_steps(&columns.borrow(), &[]).unwrap();
        let wide = trajectories::World { num_robots: 20, ..WORLD };
        let segment = Segment::decode(header(), &sent[0], &wide);
        let read = segment.unwrap().batch(Table::Steps).unwrap().clone();
        // Bits, not values: a zero has a sign.
        prop_assert_eq!(format!("{:?}", read.columns()), format!("{:?}", columns.batch().unwrap().columns()));
    }

    #[test]
    fn a_broken_compact_form_is_refused_or_read_but_never_panics(
        seed: u64,
        robots in 1u8..3,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let columns = Columns::segment(seed, 0, 2, 3, robots);
        let mut bytes = encode_steps(&columns.borrow(), &[]).unwrap()[0].to_vec();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Err(error) = decode(&Bytes::from(bytes)) {
            prop_assert!(error.is_invalid(), "{error}");
        }
    }
}

#[test]
fn a_long_rollout_is_cut_between_teams() -> Result<()> {
    let columns = Columns::segment(3, 0, 9, 1000, 7);
    let messages = encode_steps(&columns.borrow(), &[])?;
    assert!(messages.len() > 1 && messages.iter().all(|message| message.len() <= MAX_MESSAGE_BYTES));
    let sent: usize = messages.iter().map(Bytes::len).sum();
    assert!(sent < columns.step.len() * 30, "{sent} bytes are not the compact form");
    assert_eq!(steps_of(&messages)?, columns.batch()?);
    Ok(())
}

#[test]
fn columns_of_different_lengths_are_refused() -> Result<()> {
    let columns = Columns::segment(3, 0, 2, 10, 2);
    let short = StepColumns { value: Some(&columns.value[1..]), ..columns.borrow() };
    assert!(encode_steps(&short, &[]).is_err_and(|error| error.is_invalid()));
    Ok(())
}

/// The streams of a message, each by itself.
fn streams(message: &Bytes) -> Vec<Bytes> {
    const END: [u8; 8] = [255, 255, 255, 255, 0, 0, 0, 0];
    let ends = (0..message.len() - 7).filter(|at| message[*at..].starts_with(&END)).map(|at| at + END.len());
    let mut start = 0;
    ends.map(|end| message.slice(std::mem::replace(&mut start, end)..end)).collect()
}

#[test]
fn parts_that_contradict_each_other_are_refused() -> Result<()> {
    let message = |steps| anyhow::Ok(encode_steps(&Columns::segment(1, 0, 2, steps, 2).borrow(), &[])?.remove(0));
    let (parts, others) = (streams(&message(5)?), streams(&message(6)?));
    assert_eq!(parts.len(), 3);
    let refuse =
        |parts: &[&Bytes]| refusal(Ok(parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>().into()));
    assert!(refuse(&[&parts[0], &parts[1]])?.contains("is missing"));
    assert!(refuse(&[&parts[1], &parts[0], &parts[2]])?.contains("`teams` is not where it belongs"));
    assert!(refuse(&[&parts[2]])?.contains("`robots` is not where it belongs"));
    for mixed in
        [[&others[0], &parts[1], &parts[2]], [&parts[0], &others[1], &parts[2]], [&parts[0], &parts[1], &others[2]]]
    {
        assert!(refuse(&mixed)?.contains("different numbers of rows"));
    }
    Ok(())
}

/// Every byte of the metadata, not only random ones: offsets and lengths stand there.
#[test]
fn every_single_damaged_byte_is_survived() -> Result<()> {
    let steps = Columns::segment(1, 0, 1, 2, 1).batch()?;
    let bytes = encode(&[(Table::Steps, steps), (Table::Maps, sample::maps()?)])?[0].to_vec();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] = value;
            refused += usize::from(decode(&Bytes::from(damaged)).is_err());
        }
    }
    assert!(refused > bytes.len() / 10, "only {refused} refusals");
    Ok(())
}

#[test]
fn large_segments_become_several_messages() -> Result<()> {
    let steps = Columns::segment(5, 0, 16, 700, 4).batch()?;
    let messages = encode(&[(Table::Steps, steps.clone()), (Table::Episodes, sample::episodes(0..9)?)])?;
    assert!(messages.len() > 2);
    assert!(messages.iter().all(|message| message.len() <= MAX_MESSAGE_BYTES));
    let segments = messages.iter().map(decode).collect::<trajectories::Result<Vec<_>>>()?;
    let rows: Vec<&RecordBatch> = segments.iter().filter_map(|segment| segment.batch(Table::Steps)).collect();
    assert_eq!(arrow::compute::concat_batches(&steps.schema(), rows)?, steps);
    assert_eq!(segments.iter().filter_map(|segment| segment.batch(Table::Episodes)).count(), 1);
    assert_eq!(messages, encode(&[(Table::Steps, steps), (Table::Episodes, sample::episodes(0..9)?)])?);
    Ok(())
}

#[test]
fn nothing_to_encode_is_no_message() -> Result<()> {
    assert!(encode(&[(Table::Steps, Columns::default().batch()?)])?.is_empty());
    Ok(())
}

#[test]
fn columns_may_come_in_any_order_and_optional_ones_may_be_absent() -> Result<()> {
    let segment = decode(&stream(None, identity())?)?;
    let batch = segment.batch(Table::Steps).expect("rows of steps");
    assert_eq!(batch.schema(), trajectories::schema::schema(Table::Steps));
    assert_eq!(batch.column_by_name("reward").map(|column| column.null_count()), Some(2));
    assert_eq!(batch.column(0).as_ref(), &UInt64Array::from(vec![9, 9]) as &dyn Array);
    Ok(())
}

#[test]
fn every_mistake_of_a_schema_is_named() -> Result<()> {
    let mut columns = identity();
    columns.remove(0);
    columns.push(("speed", Arc::new(UInt8Array::from(vec![1, 2]))));
    columns.push(("x", Arc::new(Int64Array::from(vec![1, 2]))));
    let reason = refusal(stream(Some("steps"), columns))?;
    assert_eq!(
        reason,
        "table `steps`: unknown column `speed`, column `x` is Int64, not UInt8, column `action` is missing"
    );
    assert_eq!(refusal(stream(Some("frames"), identity()))?, "`frames` is not a table of the archive");
    let mut columns = identity();
    columns[0].1 = Arc::new(UInt8Array::from(vec![Some(1), None]));
    assert!(refusal(stream(None, columns))?.contains("action"));
    Ok(())
}

#[test]
fn what_is_no_arrow_stream_is_refused() -> Result<()> {
    assert_eq!(refusal(Ok(Bytes::from_static(b"{\"x\": 1}")))?, "not an Arrow IPC stream");
    let whole = stream(None, identity())?;
    assert!(refusal(Ok(whole.slice(..whole.len() - 8)))?.contains("ends in the middle"));
    assert!(decode(&Bytes::new())?.batches().next().is_none());
    Ok(())
}

#[test]
fn headers_round_trip_and_mistakes_are_named() {
    let sent = SegmentHeader { end: true, ..SegmentHeader::new("a-1_B", 12, "sampled:5".parse().unwrap()) };
    let headers = sent.to_headers(RunId(uuid::Uuid::nil()), Split::Eval);
    let read = |change: Option<(&str, Option<&str>)>| {
        SegmentHeader::from_headers(|name| match change {
            Some((changed, value)) if changed == name => value,
            _ => headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()),
        })
    };
    assert_eq!(read(None).unwrap(), sent);
    assert_eq!(read(Some(("Patrol-Recording", None))).unwrap().recording, Recording::Full);
    for (name, value) in [
        ("Patrol-Producer", None),
        ("Patrol-Producer", Some("../x")),
        ("Patrol-Producer", Some("")),
        ("Patrol-Segment", None),
        ("Patrol-Segment", Some("-1")),
        ("Patrol-End", Some("yes")),
    ] {
        let error = read(Some((name, value))).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(read(Some(("Patrol-Recording", Some("sampled:0")))).is_err());
}

/// Written by pyarrow 26 with the example of `docs/trajectories.md`.
#[test]
fn a_segment_of_pyarrow_is_read() -> Result<()> {
    let segment = decode(&Bytes::from_static(include_bytes!("../data/pyarrow.segment")))?;
    let batch = segment.batch(Table::Steps).expect("rows of steps");
    assert_eq!(batch.column_by_name("x").expect("x").as_ref(), &UInt8Array::from(vec![3, 3, 4, 4, 5, 5]) as &dyn Array);
    assert_eq!((batch.num_rows(), segment.batches().count()), (6, 1));
    Ok(())
}
