//! What columns may say: each rule refuses its first violation by name.

use crate::sample::{self, Columns, WORLD};
use anyhow::Result;
use contracts::events::Table;
use trajectories::validation::{check, episode_runs};
use trajectories::{EpisodeRow, MapRow, World, WorldEventRow};

fn refusal_of(change: impl FnOnce(&mut Columns)) -> String {
    let mut columns = Columns::segment(1, 0, 2, 4, 2);
    change(&mut columns);
    let batch = columns.batch().expect("columns of one length");
    check(Table::Steps, &batch, &WORLD).expect_err("it was accepted").to_string()
}

#[test]
fn good_rows_are_accepted() -> Result<()> {
    check(Table::Steps, &Columns::segment(1, 30, 3, 50, 4).batch()?, &WORLD)?;
    check(Table::Episodes, &sample::episodes(0..5)?, &WORLD)?;
    check(Table::Maps, &sample::maps()?, &WORLD)?;
    check(Table::WorldEvents, &sample::world_events(0..5)?, &WORLD)?;
    Ok(())
}

#[test]
fn values_out_of_range_are_named_with_their_row() {
    assert_eq!(refusal_of(|c| c.x[3] = 20), "table `steps`, row 3: `x` is 20, not at most 19");
    assert_eq!(refusal_of(|c| c.heading[2] = 4), "table `steps`, row 2: `heading` is 4, not at most 3");
    assert_eq!(refusal_of(|c| c.action[15] = 9), "table `steps`, row 15: `action` is 9, not at most 3");
    let large = refusal_of(|c| c.episode_index.iter_mut().for_each(|episode| *episode += 1 << 53));
    assert_eq!(large, "table `steps`, row 0: `episode_index` is 9007199254740992, not at most 9007199254740991");
    assert!(refusal_of(|c| c.robot[1] = 10).contains("`robot` is 10"));
    assert!(refusal_of(|c| c.step[15] = 2000).contains("`step` is 2000, not at most 1999"));
    assert!(refusal_of(|c| c.battery[0] = 100.5).contains("`battery` is 100.5, not 0 to 100"));
    assert!(refusal_of(|c| c.team_mean_threat[0] = f32::NAN).contains("`team_mean_threat` is NaN"));
    assert!(refusal_of(|c| c.reward[4] = f32::INFINITY).contains("`reward` is inf, not a finite number"));
}

#[test]
fn steps_grow_within_an_episode() {
    // Rows: (episode 0; steps 0..4 × robots 0, 1), then episode 1.
    assert!(refusal_of(|c| c.step[2] = 3).contains("`step` must grow within episode 0"));
    assert!(refusal_of(|c| c.robot[1] = 0).contains("`step` must grow within episode 0"));
    assert!(refusal_of(|c| c.episode_index[4] = 7).contains("the rows of episode 0 are not contiguous"));
}

#[test]
fn columns_of_different_length_are_refused() {
    let mut columns = Columns::segment(1, 0, 1, 4, 1);
    columns.reward.pop();
    let error = columns.batch().unwrap_err().to_string();
    assert_eq!(error, "column `reward` has 3 values and `step` has 4");
}

#[test]
fn a_run_is_a_stretch_of_one_episode() -> Result<()> {
    let runs = episode_runs(&Columns::segment(1, 0, 2, 4, 2).batch()?)?;
    let shape: Vec<_> = runs.iter().map(|run| (run.episode, run.start, run.length, run.first, run.last)).collect();
    assert_eq!(shape, [(0, 0, 8, (0, 0), (3, 1)), (1, 8, 8, (0, 0), (3, 1))]);
    Ok(())
}

#[test]
fn the_small_tables_have_rules_too() -> Result<()> {
    let refused = |table, batch: trajectories::Result<trajectories::RecordBatch>| {
        check(table, &batch.expect("a batch"), &WORLD).expect_err("it was accepted").to_string()
    };
    let map = MapRow { map_hash: 1, width: 4, height: 4, obstacles: &[0, 0], stations: &[1, 3] };
    check(Table::Maps, &MapRow::batch(&[map])?, &WORLD)?;
    for wrong in
        [MapRow { obstacles: &[0], ..map }, MapRow { stations: &[1], ..map }, MapRow { stations: &[4, 0], ..map }]
    {
        assert!(refused(Table::Maps, MapRow::batch(&[wrong])).contains("row 0"));
    }
    let event = WorldEventRow { kind: "exploded", ..WorldEventRow::default() };
    assert!(refused(Table::WorldEvents, WorldEventRow::batch(&[event])).contains("`kind` is exploded"));
    let episode = EpisodeRow { agent: "x", length: 5, mean_threat: Some(1.5), ..EpisodeRow::default() };
    assert!(
        refused(Table::Episodes, EpisodeRow::batch(std::slice::from_ref(&episode))).contains("`mean_threat` is 1.5")
    );
    let episode = EpisodeRow { mean_threat: None, width: 4, height: 4, num_robots: 1, ..episode };
    let with = |world, starts| [EpisodeRow { world: Some(world), starts: Some(starts), ..episode.clone() }];
    check(Table::Episodes, &EpisodeRow::batch(&with("{}", &[3, 3]))?, &WORLD)?;
    for (world, starts, refusal) in [
        ("[]", &[3, 3][..], "`world` is [], not a JSON object"),
        ("{}", &[4, 3], "`starts` is not a cell of the world for each robot"),
        ("{}", &[3, 3, 2, 2], "`starts` is not a cell of the world for each robot"),
    ] {
        assert!(refused(Table::Episodes, EpisodeRow::batch(&with(world, starts))).contains(refusal));
    }
    let twice = [episode.clone(), episode];
    assert!(refused(Table::Episodes, EpisodeRow::batch(&twice)).contains("episode 0 is there twice"));
    Ok(())
}

#[test]
fn the_world_sets_the_limits() -> Result<()> {
    let small = World { width: 5, ..WORLD };
    assert!(check(Table::Steps, &Columns::segment(1, 10, 1, 20, 1).batch()?, &small).is_err());
    Ok(())
}
