//! The rollout as the optimiser reads it.
use super::loss::Sample;
use crate::kernels::Rows;

/// A finished rollout: one entry per robot-step, in the order (environment, step, robot).
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// Observations, `len × observation_len`.
    pub observations: &'a [f32],
    pub observation_len: usize,
    pub actions: &'a [u8],
    pub masks: &'a [u8],
    pub log_probs: &'a [f32],
    pub values: &'a [f32],
    /// Normalised advantages.
    pub advantages: &'a [f32],
    /// Targets of the value.
    pub returns: &'a [f32],
}

impl<'a> Batch<'a> {
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The observations of some entries, in place.
    pub fn rows(&self, index: &'a [u32]) -> Rows<'a> {
        Rows { data: self.observations, stride: self.observation_len, index }
    }

    #[inline(always)]
    pub fn sample(&self, at: u32) -> Sample {
        let at = at as usize;
        Sample {
            action: self.actions[at],
            mask: self.masks[at],
            log_prob: self.log_probs[at],
            value: self.values[at],
            advantage: self.advantages[at],
            target: self.returns[at],
        }
    }
}
