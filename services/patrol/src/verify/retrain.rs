//! The run, trained again in this process: every checkpoint has to come out with its recorded digest.

use super::material::Material;
use super::report::Check;
use crate::failure::Failure;
use trainer::Config;

/// Trains the run again to its last checkpoint; nothing is written anywhere.
pub async fn run(mut config: Config, material: &Material) -> Result<Check, Failure> {
    let mut check = Check::new("training");
    let Some(last) = material.checkpoints.last() else {
        check.skip("the run has no checkpoint".to_owned());
        return Ok(check);
    };
    config.event_log.name = "patrol-cli".to_owned();
    let bar = crate::terminal::bar("Training again {bar:30} {pos}/{len} updates, {per_sec}, {eta} left", last.update)?;
    let moved = bar.clone();
    let run = material.requested.run_id;
    let trained = trainer::replay(&config, run, move |update| moved.set_position(update)).await;
    bar.finish_and_clear();
    match trained {
        Ok(report) => {
            for compared in report.checkpoints {
                let differs = compared.recorded != compared.replayed;
                let line = || format!("the checkpoint after update {} has another digest", compared.update);
                check.note(differs.then(line).into_iter().collect());
            }
        }
        Err(trainer::Error::Run { code, message }) => check.note(vec![format!("{code}: {message}")]),
        Err(error) => return Err(error.into()),
    }
    Ok(check)
}
