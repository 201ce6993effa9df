//! A policy as safetensors: named tensors without padding, matrices `inputs × outputs`.
use super::{ACTIONS, HEADS, Mlp, MlpShape, VALUE};
use crate::checkpoint::container::{ContainerError, Reader, Writer};

/// Name of the architecture in the metadata.
const ARCHITECTURE: &str = "mlp-relu";

/// Widths beyond these are refused before memory is allocated.
const MAX_OBSERVATIONS: usize = 1 << 16;
const MAX_HIDDEN: usize = 1_024;

/// Adds the network's tensors and architecture.
pub fn write(network: &Mlp, writer: &mut Writer) {
    let (s, p) = (network.shape(), network.parameters());
    writer.metadata("architecture", ARCHITECTURE);
    writer.f32s("hidden1.weight", &[s.observations, s.hidden], p[s.w1()].iter().copied());
    writer.f32s("hidden1.bias", &[s.hidden], p[s.b1()].iter().copied());
    writer.f32s("hidden2.weight", &[s.hidden, s.hidden], p[s.w2()].iter().copied());
    writer.f32s("hidden2.bias", &[s.hidden], p[s.b2()].iter().copied());
    let rows = || p[s.w3()].chunks_exact(HEADS);
    writer.f32s("policy.weight", &[s.hidden, ACTIONS], rows().flat_map(|row| row[..ACTIONS].iter().copied()));
    writer.f32s("policy.bias", &[ACTIONS], p[s.b3()][..ACTIONS].iter().copied());
    writer.f32s("value.weight", &[s.hidden, 1], rows().map(|row| row[VALUE]));
    writer.f32s("value.bias", &[1], [p[s.b3()][VALUE]]);
}

/// Reads a network: names, types, shapes and finiteness are checked.
pub fn read(reader: &Reader) -> Result<Mlp, ContainerError> {
    reader.expect("architecture", ARCHITECTURE)?;
    let shape = read_shape(reader)?;
    let mut p = vec![0.0; shape.len()];
    let mut copy = |range: std::ops::Range<usize>, name: &str, sizes: &[usize]| {
        reader.f32s(name, sizes).map(|values| p[range].copy_from_slice(&values))
    };
    copy(shape.w1(), "hidden1.weight", &[shape.observations, shape.hidden])?;
    copy(shape.b1(), "hidden1.bias", &[shape.hidden])?;
    copy(shape.w2(), "hidden2.weight", &[shape.hidden, shape.hidden])?;
    copy(shape.b2(), "hidden2.bias", &[shape.hidden])?;
    let (policy, value) =
        (reader.f32s("policy.weight", &[shape.hidden, ACTIONS])?, reader.f32s("value.weight", &[shape.hidden, 1])?);
    for ((row, policy), &value) in p[shape.w3()].chunks_exact_mut(HEADS).zip(policy.chunks_exact(ACTIONS)).zip(&value) {
        row[..ACTIONS].copy_from_slice(policy);
        row[VALUE] = value;
    }
    let bias = &mut p[shape.b3()];
    bias[..ACTIONS].copy_from_slice(&reader.f32s("policy.bias", &[ACTIONS])?);
    bias[VALUE] = reader.f32s("value.bias", &[1])?[0];
    Ok(Mlp::from_parameters(shape, p))
}

fn read_shape(reader: &Reader) -> Result<MlpShape, ContainerError> {
    let found = reader.shape("hidden1.weight")?;
    match found[..] {
        [observations @ 1..=MAX_OBSERVATIONS, hidden @ 8..=MAX_HIDDEN] if hidden.is_multiple_of(8) => {
            Ok(MlpShape { observations, hidden })
        }
        _ => Err(ContainerError::Tensor {
            name: "hidden1.weight".to_owned(),
            found: format!("{found:?}"),
            expected: format!("[1 to {MAX_OBSERVATIONS}, a multiple of 8 up to {MAX_HIDDEN}]"),
        }),
    }
}
