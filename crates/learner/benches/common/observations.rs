//! What robots observe on 20×20 when they do at random what the mask allows.
use environment::{Action, EpisodeKey, ObservationSpec, Purpose, StepRecord, World, WorldConfig};
use learner::random::{self, unit};

/// As many observations, of teams of so many robots, as a run has them; and the length of one.
pub fn observations(robots: usize, rows: usize) -> (Vec<f32>, usize) {
    let config = WorldConfig { num_robots: robots, ..WorldConfig::default() };
    let spec = ObservationSpec::for_world(&config);
    let mut rng = random::stream(1, random::Purpose::Evaluation, 0, 0);
    let mut record = StepRecord::new();
    let mut observed = vec![0.0; rows * spec.len()];
    for (index, rows) in observed.chunks_mut(256 * spec.len()).enumerate() {
        let key = EpisodeKey { run_seed: 1, purpose: Purpose::Test, env_index: index as u32, episode: 0 };
        let mut world = World::new(&config, key).expect("a map");
        world.track_observations(&spec);
        for rows in rows.chunks_mut(robots * spec.len()) {
            let actions: Vec<Action> = (0..robots)
                .map(|robot| {
                    let allowed = world.action_mask(robot).0;
                    let first = (4.0 * unit(&mut rng)) as usize;
                    let action = (first..first + 4).map(|action| action % 4).find(|action| allowed >> action & 1 == 1);
                    Action::ALL[action.expect("an action")]
                })
                .collect();
            world.step(&actions, &mut record);
            rows.chunks_exact_mut(spec.len()).enumerate().for_each(|(robot, row)| spec.write(&world, robot, row));
        }
    }
    (observed, spec.len())
}
