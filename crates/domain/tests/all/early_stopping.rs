use contracts::Event;
use contracts::config::{EarlyStopping, EvaluationSettings};
use contracts::events::EvaluationCompleted;
use domain::early_stopping::Course;

const SETTINGS: EvaluationSettings =
    EvaluationSettings { episodes: 20, early_stopping: Some(EarlyStopping { patience: 2, min_delta: 0.01 }) };

fn evaluation(timestep: u64, mean_threat: f64) -> EvaluationCompleted {
    let json = include_str!("../../../../schemas/samples/patrol.evaluation.completed.v1.json");
    let Ok(Event::EvaluationCompleted(sample)) = Event::decode("patrol.evaluation.completed.v1", json.as_bytes())
    else {
        panic!("a frozen sample")
    };
    let mut evaluation = EvaluationCompleted { timestep, ..*sample };
    evaluation.sampled.mean_threat.mean = mean_threat;
    evaluation.protocol.episodes = SETTINGS.episodes;
    evaluation
}

/// Whether patience has run out after each evaluation.
fn exhausted(settings: &EvaluationSettings, evaluations: &[EvaluationCompleted]) -> Vec<bool> {
    let mut course = Course::default();
    let after = evaluations.iter().map(|evaluation| {
        course = course.after(settings, evaluation);
        course.is_exhausted(settings)
    });
    after.collect()
}

#[test]
fn patience_runs_out_without_a_large_enough_improvement() {
    let course = [(1, 0.5), (2, 0.495), (3, 0.48), (4, 0.48), (5, 0.475)];
    let course = course.map(|(step, threat)| evaluation(step, threat));
    // The third is .02 better than the first; .005 and nothing do not count.
    assert_eq!(exhausted(&SETTINGS, &course), [false, false, false, false, true]);
    let never = EvaluationSettings { early_stopping: None, ..SETTINGS };
    assert_eq!(exhausted(&never, &course), [false; 5]);
}

#[test]
fn evaluations_that_clients_ask_for_end_nothing() {
    let (first, old, uploaded) = (evaluation(5, 0.5), evaluation(3, 0.6), evaluation(0, 0.9));
    let mut longer = evaluation(9, 0.6);
    longer.protocol.episodes = 100;
    let course = [first.clone(), old, uploaded, first, longer];
    assert_eq!(exhausted(&SETTINGS, &course), [false; 5]);
}
