//! A policy as safetensors: named tensors without padding, matrices `inputs × outputs`.
use std::ops::Range;

use environment::ObservationSpec;

use super::maps::Image;
use super::{ACTIONS, Architecture, HEADS, Network, NetworkShape, VALUE};
use crate::checkpoint::container::{ContainerError, Reader, Writer};

/// Widths beyond this are refused before memory is allocated.
const MAX_HIDDEN: usize = 1_024;

/// Adds the network's tensors and architecture.
pub fn write(network: &Network, writer: &mut Writer) {
    let (s, p) = (network.shape(), network.parameters());
    writer.metadata("architecture", s.architecture().name());
    if let Some(maps) = &s.maps {
        writer.metadata("convolutions", maps.description());
    }
    for tensor in tensors(s) {
        writer.f32s(&tensor.name, &tensor.sizes, p[tensor.range].iter().copied());
    }
    let rows = || p[s.w3()].chunks_exact(HEADS);
    writer.f32s("policy.weight", &[s.hidden, ACTIONS], rows().flat_map(|row| row[..ACTIONS].iter().copied()));
    writer.f32s("policy.bias", &[ACTIONS], p[s.b3()][..ACTIONS].iter().copied());
    writer.f32s("value.weight", &[s.hidden, 1], rows().map(|row| row[VALUE]));
    writer.f32s("value.bias", &[1], [p[s.b3()][VALUE]]);
}

/// Reads a network for `observation`: names, types, shapes and finiteness are checked.
pub fn read(reader: &Reader, observation: &ObservationSpec) -> Result<Network, ContainerError> {
    let shape = read_shape(reader, observation)?;
    let mut p = vec![0.0; shape.len()];
    for tensor in tensors(&shape) {
        p[tensor.range].copy_from_slice(&reader.f32s(&tensor.name, &tensor.sizes)?);
    }
    let (policy, value) =
        (reader.f32s("policy.weight", &[shape.hidden, ACTIONS])?, reader.f32s("value.weight", &[shape.hidden, 1])?);
    for ((row, policy), &value) in p[shape.w3()].chunks_exact_mut(HEADS).zip(policy.chunks_exact(ACTIONS)).zip(&value) {
        row[..ACTIONS].copy_from_slice(policy);
        row[VALUE] = value;
    }
    let bias = &mut p[shape.b3()];
    bias[..ACTIONS].copy_from_slice(&reader.f32s("policy.bias", &[ACTIONS])?);
    bias[VALUE] = reader.f32s("value.bias", &[1])?[0];
    Ok(Network::from_parameters(shape, &p))
}

/// A tensor that lies in the parameter vector as it is in the file; the heads do not.
struct Tensor {
    name: String,
    sizes: Vec<usize>,
    range: Range<usize>,
}

fn tensors(shape: &NetworkShape) -> Vec<Tensor> {
    let layer = |name: &str, weights: Range<usize>, bias: Range<usize>| {
        let sizes = vec![weights.len() / bias.len(), bias.len()];
        [
            Tensor { name: format!("{name}.weight"), sizes, range: weights },
            Tensor { name: format!("{name}.bias"), sizes: vec![bias.len()], range: bias },
        ]
    };
    let convolution = |image: &Image| layer(image.name, image.weights.clone(), image.bias.clone());
    let mut tensors: Vec<Tensor> = shape.maps.iter().flat_map(|maps| &maps.images).flat_map(convolution).collect();
    tensors.extend(layer("hidden1", shape.w1(), shape.b1()));
    tensors.extend(layer("hidden2", shape.w2(), shape.b2()));
    tensors
}

fn read_shape(reader: &Reader, observation: &ObservationSpec) -> Result<NetworkShape, ContainerError> {
    let found = reader.metadata("architecture")?;
    let known = [Architecture::Mlp, Architecture::Cnn];
    let architecture =
        known.into_iter().find(|known| known.name() == found).ok_or_else(|| ContainerError::Metadata {
            name: "architecture",
            found: found.to_owned(),
            expected: known.map(Architecture::name).join(" or "),
        })?;
    let found = reader.shape("hidden1.weight")?;
    let shape = match found[..] {
        [_, hidden @ 8..=MAX_HIDDEN] if hidden.is_multiple_of(8) => {
            NetworkShape::new(architecture, observation, hidden)
        }
        _ => {
            return Err(ContainerError::Tensor {
                name: "hidden1.weight".to_owned(),
                found: format!("{found:?}"),
                expected: format!("[features, a multiple of 8 up to {MAX_HIDDEN}]"),
            });
        }
    };
    if let Some(maps) = &shape.maps {
        reader.expect("convolutions", &maps.description())?;
    }
    Ok(shape)
}
