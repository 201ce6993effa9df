//! Recording levels.

use crate::sample::{self, Columns};
use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use contracts::events::Table;
use trajectories::{Recording, write};

#[test]
fn actions_cost_less_than_a_byte_per_step() -> Result<()> {
    let full: Vec<_> = (0..8).map(|n| Columns::segment(3, n, 16, 128, 4).batch()).collect::<Result<_, _>>()?;
    let rows: usize = full.iter().map(|batch| batch.num_rows()).sum();
    let actions = full.iter().map(|batch| Recording::Actions.apply(Table::Steps, batch.clone()));
    let actions = actions.collect::<Result<Vec<_>, _>>()?;
    let size = |batches: &[trajectories::RecordBatch]| -> Result<f64> {
        let file = write::steps(&batches.iter().collect::<Vec<_>>())?;
        Ok(file.map_or(0, |file| file.bytes.len()) as f64 / rows as f64)
    };
    assert!(size(&actions)? < 1.0, "{} bytes a row", size(&actions)?);
    assert!(size(&full)? > 5.0);
    for name in ["episode_index", "step", "robot", "action"] {
        assert_eq!(actions[0].column_by_name(name), full[0].column_by_name(name));
    }
    assert_eq!(actions[0].column_by_name("x").map(|column| column.null_count()), Some(actions[0].num_rows()));
    Ok(())
}

#[test]
fn sampling_keeps_every_nth_episode_whole() -> Result<()> {
    let every_third: Recording = "sampled:3".parse()?;
    let steps = every_third.apply(Table::Steps, Columns::segment(3, 0, 7, 10, 2).batch()?)?;
    let mut kept = steps.column(0).as_primitive::<UInt64Type>().values().to_vec();
    assert_eq!(kept.len(), 3 * 20);
    kept.dedup();
    assert_eq!(kept, [0, 3, 6]);
    assert_eq!(every_third.apply(Table::WorldEvents, sample::world_events(0..7)?)?.num_rows(), 3);
    assert_eq!(every_third.apply(Table::Episodes, sample::episodes(0..7)?)?.num_rows(), 7);
    assert_eq!(every_third.apply(Table::Steps, steps.clone())?, steps);
    Ok(())
}

#[test]
fn none_keeps_nothing() -> Result<()> {
    assert_eq!(Recording::None.apply(Table::Episodes, sample::episodes(0..7)?)?.num_rows(), 0);
    Ok(())
}
