//! Sizes of a network, and where each tensor lies in its flat parameter vector.
use std::ops::Range;
use std::sync::Arc;

use environment::ObservationSpec;

use super::{HEADS, Maps};

/// Floats from one row of features to the next are a multiple of this, so that whole registers hold them.
const ALIGNMENT: usize = 64;

/// What comes before the hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// Nothing: a multilayer perceptron sees the features as they are.
    #[default]
    Mlp,
    /// Convolutions over the maps among the features.
    Cnn,
}

impl Architecture {
    /// Its name in a saved policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp-relu",
            Self::Cnn => "cnn-relu",
        }
    }
}

/// Sizes of a network: observations → (convolutions) → hidden → hidden → heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkShape {
    /// Length of one robot's observation.
    pub observations: usize,
    /// Width of both hidden layers, a multiple of 8.
    pub hidden: usize,
    /// The convolutions, if there are any; their parameters come first.
    pub maps: Option<Arc<Maps>>,
}

impl NetworkShape {
    pub fn new(architecture: Architecture, observation: &ObservationSpec, hidden: usize) -> Self {
        match architecture {
            Architecture::Mlp => Self::mlp(observation.len(), hidden),
            Architecture::Cnn => {
                let maps = Some(Arc::new(Maps::of(observation)));
                Self { observations: observation.len(), hidden, maps }
            }
        }
    }

    /// A perceptron for any features.
    pub const fn mlp(observations: usize, hidden: usize) -> Self {
        Self { observations, hidden, maps: None }
    }

    pub fn architecture(&self) -> Architecture {
        if self.maps.is_some() { Architecture::Cnn } else { Architecture::Mlp }
    }

    /// Inputs of the first hidden layer.
    pub fn features(&self) -> usize {
        self.maps.as_ref().map_or(self.observations, |maps| maps.features())
    }

    /// Where a feature that is in no image enters the first hidden layer.
    pub fn input_of(&self, feature: usize) -> Option<usize> {
        self.maps.as_ref().map_or(Some(feature), |maps| maps.input_of(feature))
    }

    /// Floats from one row of features to the next.
    pub fn feature_stride(&self) -> usize {
        self.features().next_multiple_of(ALIGNMENT)
    }

    /// First hidden layer, `features × hidden`, row-major by input.
    pub fn w1(&self) -> Range<usize> {
        let start = self.maps.as_ref().map_or(0, |maps| maps.parameters());
        start..start + self.features() * self.hidden
    }
    pub fn b1(&self) -> Range<usize> {
        after(self.w1(), self.hidden)
    }
    /// Second hidden layer, `hidden × hidden`.
    pub fn w2(&self) -> Range<usize> {
        after(self.b1(), self.hidden * self.hidden)
    }
    pub fn b2(&self) -> Range<usize> {
        after(self.w2(), self.hidden)
    }
    /// Heads, `hidden × HEADS`: columns 0–3 policy, 4 value, 5–7 always zero.
    pub fn w3(&self) -> Range<usize> {
        after(self.b2(), self.hidden * HEADS)
    }
    pub fn b3(&self) -> Range<usize> {
        after(self.w3(), HEADS)
    }
    /// Length of the flat parameter vector.
    pub fn len(&self) -> usize {
        self.b3().end
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Multiply-adds of one row: (forward, backward).
    pub fn macs(&self) -> (usize, usize) {
        let upper = self.hidden * (self.hidden + HEADS);
        let first = self.features() * self.hidden;
        let (convolutions, errors) = self.maps.as_ref().map_or((0, 0), |maps| (maps.macs(), first));
        let forward = convolutions + first + upper;
        (forward, forward + upper + errors)
    }
}

fn after(range: Range<usize>, length: usize) -> Range<usize> {
    range.end..range.end + length
}
