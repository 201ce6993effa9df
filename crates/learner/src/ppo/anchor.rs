//! The tour as an anchor of the policy.

use environment::ObservationSpec;
use std::ops::Range;

use super::PpoConfig;
use crate::rollout::buffer::Rollout;

/// Doing what the tour would counts for more, in deviations of the advantage: the gradient of the probability of its action.
/// So a robot leaves the tour only for what is clearly better, however noisy the estimates are.
pub struct Anchor {
    /// Where an observation says what the tour would do, one number per action.
    tour: Range<usize>,
    width: usize,
    weight: f32,
}

impl Anchor {
    /// `None` where nothing is asked for or the policy does not see the tour.
    pub fn of(config: &PpoConfig, observation: &ObservationSpec) -> Option<Self> {
        let tour = observation.block("tour").filter(|_| config.tour_anchor > 0.0)?;
        Some(Self { tour, width: observation.len(), weight: config.tour_anchor })
    }

    /// What to add to the normalised advantage of a row.
    pub fn pay(&self, rollout: &Rollout, row: usize) -> f32 {
        let action = usize::from(rollout.actions[row]);
        self.weight * rollout.observations[row * self.width + self.tour.start + action]
    }
}
