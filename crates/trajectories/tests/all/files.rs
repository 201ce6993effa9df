//! Parquet files: sorted, complete, the same bytes for the same rows, and read no more than needed.

use crate::sample::{self, Columns};
use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{UInt8Type, UInt32Type, UInt64Type};
use contracts::RunId;
use contracts::events::{SegmentRange, Split, Table};
use futures::TryStreamExt;
use proptest::prelude::*;
use trajectories::write::{ROW_GROUP_ROWS, WriteError};
use trajectories::{Detail, ObjectStore, RecordBatch, RecordedSteps, layout, read, schema, write};

type Row = (u64, u32, u8, u64);

/// Identity and state hash of every row.
fn rows(batch: &RecordBatch) -> Vec<Row> {
    let episodes = batch.column(0).as_primitive::<UInt64Type>();
    let steps = batch.column(1).as_primitive::<UInt32Type>();
    let robots = batch.column(2).as_primitive::<UInt8Type>();
    let hashes = batch.column_by_name("state_hash").expect("state_hash").as_primitive::<UInt64Type>();
    (0..batch.num_rows()).map(|r| (episodes.value(r), steps.value(r), robots.value(r), hashes.value(r))).collect()
}

fn segments(seed: u64, count: u64, environments: u64, steps: u32, robots: u8) -> Result<Vec<RecordBatch>> {
    (0..count).map(|n| Ok(Columns::segment(seed, n, environments, steps, robots).batch()?)).collect()
}

fn file(batches: &[RecordBatch]) -> Result<write::ParquetFile> {
    write::steps(&batches.iter().collect::<Vec<_>>())?.context("rows")
}

struct Stored {
    _folder: tempfile::TempDir,
    store: ObjectStore,
    key: String,
}

async fn stored(file: &write::ParquetFile) -> Result<Stored> {
    let folder = tempfile::tempdir()?;
    let store = ObjectStore::local(folder.path())?;
    let segments = SegmentRange { producer: "train".into(), first: 0, last: 9 };
    let key = layout::file(Table::Steps, RunId(uuid::Uuid::nil()), Split::Train, &segments);
    assert_eq!(layout::segments(&key), Some(segments));
    store.put(&key, file.bytes.clone()).await?;
    Ok(Stored { _folder: folder, store, key })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_file_holds_exactly_the_rows_sorted(
        seed: u64, count in 1u64..6, environments in 1u64..6, steps in 1u32..60, robots in 1u8..4,
    ) {
        let segments = segments(seed, count, environments, steps, robots).unwrap();
        let file = file(&segments).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read: RecordBatch = runtime.block_on(async {
            let stored = stored(&file).await?;
            anyhow::Ok(read::all(&stored.store, Table::Steps, &stored.key).await?)
        }).unwrap();
        let mut wanted: Vec<Row> = segments.iter().flat_map(rows).collect();
        wanted.sort_unstable();
        prop_assert_eq!(rows(&read), wanted);
        prop_assert_eq!(file.rows as usize, read.num_rows());
        prop_assert_eq!(&read, &sorted(&segments).unwrap());
        // All columns follow their row: the same rows in one batch give the same file.
        prop_assert_eq!(&write::steps(&[&read]).unwrap().unwrap().bytes, &file.bytes);
        let mut shuffled = segments.clone();
        shuffled.rotate_left((seed % count) as usize);
        prop_assert_eq!(&self::file(&shuffled).unwrap().bytes, &file.bytes);
    }
}

/// All rows in the order of a file.
fn sorted(segments: &[RecordBatch]) -> Result<RecordBatch> {
    let all = concat_batches(&schema::schema(Table::Steps), segments)?;
    let mut order: Vec<(Row, u64)> = rows(&all).into_iter().zip(0..).collect();
    order.sort_unstable();
    let order = UInt64Array::from_iter_values(order.into_iter().map(|(_, row)| row));
    Ok(take_record_batch(&all, &order)?)
}

/// Values that fit no compact layout, over several pages and row groups.
#[tokio::test]
async fn columns_of_any_kind_come_back_as_they_are() -> Result<()> {
    type Change = fn(&mut Columns);
    let changes: [Change; 6] = [
        |_| {},
        |columns| columns.cells_cleared[7] = 256,
        |columns| columns.reward.iter_mut().zip(0..).for_each(|(reward, row)| *reward = row as f32),
        |columns| columns.battery.fill(-0.0),
        |columns| columns.robot.iter_mut().for_each(|robot| *robot += 246),
        |columns| columns.is_last.iter_mut().zip(0..).for_each(|(flag, row)| *flag = row % 3 == 0),
    ];
    for change in changes {
        let mut segments = [Columns::segment(4, 0, 13, 515, 10), Columns::segment(4, 1, 13, 515, 10)];
        segments.iter_mut().for_each(change);
        let batches = segments.iter().map(|segment| Ok(segment.batch()?)).collect::<Result<Vec<_>>>()?;
        let stored = stored(&file(&batches)?).await?;
        let read = read::all(&stored.store, Table::Steps, &stored.key).await?;
        assert!(read.num_rows() > ROW_GROUP_ROWS);
        assert_eq!(read, sorted(&batches)?);
    }
    Ok(())
}

#[tokio::test]
async fn steps_without_their_optional_columns_are_kept_too() -> Result<()> {
    let full = segments(6, 2, 5, 300, 3)?;
    let kept = full.iter().map(|batch| trajectories::Recording::Actions.apply(Table::Steps, batch.clone()));
    let kept = kept.collect::<trajectories::Result<Vec<_>>>()?;
    let stored = stored(&file(&kept)?).await?;
    let read = read::all(&stored.store, Table::Steps, &stored.key).await?;
    assert_eq!(read.num_rows(), 2 * 5 * 300 * 3);
    let nulls = read.columns().iter().filter(|column| column.null_count() == read.num_rows()).count();
    assert_eq!(nulls, schema::columns(Table::Steps).iter().filter(|column| !column.required).count());
    let actions = |batch: &RecordBatch| {
        batch.column_by_name("action").map(|column| column.as_primitive::<UInt8Type>().values().to_vec())
    };
    assert_eq!(actions(&read), actions(&sorted(&full)?));
    Ok(())
}

#[tokio::test]
async fn playback_reads_only_the_row_groups_it_needs() -> Result<()> {
    let segments = segments(1, 12, 16, 256, 8)?;
    let all = concat_batches(&schema::schema(Table::Steps), &segments)?;
    let file = file(&segments)?;
    assert!(all.num_rows() > 3 * ROW_GROUP_ROWS, "{} rows", all.num_rows());
    let stored = stored(&file).await?;
    let keys = [stored.key.clone()];
    let wanted = |keep: &dyn Fn(&Row) -> bool| -> Vec<Row> {
        let mut wanted: Vec<Row> = rows(&all).into_iter().filter(|row| keep(row)).collect();
        wanted.sort_unstable();
        wanted
    };
    let found = read::episode(&stored.store, Table::Steps, &keys, 3, None).await?;
    assert_eq!(rows(&found.rows), wanted(&|row| row.0 == 3));
    assert!(found.row_groups_read < found.row_groups, "{} of {}", found.row_groups_read, found.row_groups);
    let found = read::episode(&stored.store, Table::Steps, &keys, 3, Some(100..120)).await?;
    assert_eq!(rows(&found.rows), wanted(&|row| row.0 == 3 && (100..120).contains(&row.1)));
    for detail in [Detail::Actions, Detail::Reports] {
        let (recorded, pruning) = read::recorded_steps(&stored.store, &keys, 3, 120, detail).await?;
        assert!(pruning.row_groups_read < pruning.row_groups, "{pruning:?}");
        let rows = read::episode(&stored.store, Table::Steps, &keys, 3, Some(0..120)).await?.rows;
        let mut whole = RecordedSteps::of(&rows)?;
        match detail {
            Detail::Actions => {
                (whole.x, whole.y, whole.heading, whole.reward, whole.battery) = (None, None, None, None, None);
            }
            Detail::Reports => whole.state_hash = None,
        }
        assert_eq!(recorded, whole);
    }
    let found = read::episode(&stored.store, Table::Steps, &keys, 99_999, None).await?;
    assert_eq!((found.rows.num_rows(), found.row_groups_read), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_scan_sees_every_row_once() -> Result<()> {
    let segments = segments(2, 3, 64, 128, 2)?;
    let stored = stored(&file(&segments)?).await?;
    let scan = read::scan(&stored.store, &stored.key, Some(&["step", "action"])).await?;
    let batches: Vec<RecordBatch> = scan.try_collect().await?;
    assert!(batches.iter().all(|batch| batch.num_columns() == 2));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3 * 64 * 128 * 2);
    Ok(())
}

#[test]
fn steps_that_were_sent_before_are_found_out() -> Result<()> {
    let batch = Columns::segment(1, 0, 4, 10, 2).batch()?;
    let other = Columns::segment(1, 1, 4, 10, 2).batch()?;
    match write::steps(&[&batch, &other, &batch.slice(3, 5)]) {
        Err(WriteError::Overlap(overlap)) => assert_eq!((overlap.batch, overlap.episode), (2, 0)),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn small_tables_are_sorted_and_maps_are_kept_once() -> Result<()> {
    let episodes = [sample::episodes([5, 6])?, sample::episodes([1, 2])?];
    let file = write::small(Table::Episodes, &episodes.iter().collect::<Vec<_>>())?.context("rows")?;
    assert_eq!((file.rows, file.episodes, file.steps), (4, Some((1, 6)), None));
    let maps = [sample::maps()?, sample::maps()?];
    let file = write::small(Table::Maps, &maps.iter().collect::<Vec<_>>())?.context("rows")?;
    assert_eq!((file.rows, file.episodes), (2, None));
    let stored = stored(&file).await?;
    assert_eq!(read::all(&stored.store, Table::Maps, &stored.key).await?, sample::maps()?);
    assert!(write::small(Table::WorldEvents, &[])?.is_none());
    Ok(())
}

#[tokio::test]
async fn damaged_files_are_errors() -> Result<()> {
    let file = file(&segments(2, 2, 4, 50, 2)?)?;
    for damage in [0, 4, file.bytes.len() / 2, file.bytes.len() - 9, file.bytes.len() - 200] {
        let mut bytes = file.bytes.to_vec();
        bytes.iter_mut().skip(damage).take(8).for_each(|byte| *byte ^= 0x5a);
        let stored = stored(&write::ParquetFile { bytes: bytes.into(), ..file.clone() }).await?;
        // Some damage hides in values; what matters is that reading ends, with rows or with an error.
        let _ = read::all(&stored.store, Table::Steps, &stored.key).await;
    }
    let stored = stored(&write::ParquetFile { bytes: file.bytes.slice(..40), ..file }).await?;
    assert!(read::all(&stored.store, Table::Steps, &stored.key).await.is_err());
    let missing = read::all(&stored.store, Table::Steps, "trajectories/none").await;
    assert!(missing.is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[test]
fn documents_describe_every_column() {
    let documents = schema::documents();
    assert_eq!(documents.len(), 5);
    for (path, document) in documents {
        assert!(path.starts_with("arrow/"), "{path}");
        let parts = document["parts"].as_array().cloned().unwrap_or_else(|| vec![document]);
        let columns: Vec<_> = parts.iter().flat_map(|part| part["columns"].as_array().expect("columns")).collect();
        assert!(
            columns.len() > 4
                && columns.iter().all(|column| column["description"].as_str().is_some_and(|text| !text.is_empty()))
        );
    }
}
