//! A policy in the Open Neural Network Exchange format, for every runtime that reads it.
//!
//! | value | type | meaning |
//! |---|---|---|
//! | input `observation` | float, batch × features | one robot's features per row; `observation_layout` among the metadata names them |
//! | input `action_mask` | bool, batch × 4 | which of forward, turn left, turn right and patrol are legal |
//! | output `logits` | float, batch × 4 | −10⁹ for illegal actions |
//! | output `probabilities` | float, batch × 4 | of the actions; 0 for illegal ones |
//! | output `value` | float, batch × 1 | expected discounted return, in the reward's scale of training |
//!
//! The same policy gives the same bytes.
mod graph;
mod messages;

use graph::{Builder, integer, integers, matrix};
use messages::{BOOL, FLOAT, Model, OperatorSet, Property};
use prost::Message;

use crate::network::maps::Image;
use crate::network::{ACTIONS, HEADS, Maps, Network, VALUE};
use crate::policy::Policy;

/// Version 7 of the format and 13 of its operators, both of 2020: what any runtime in use today reads.
const IR_VERSION: i64 = 7;
const OPERATOR_SET: i64 = 13;

/// Far below every logit: its probability underflows to zero.
const ILLEGAL: f32 = -1e9;

impl Policy {
    /// The policy as an ONNX model.
    pub fn to_onnx(&self) -> Vec<u8> {
        let network = self.network();
        let mut builder = Builder::default();
        let observations = network.shape().observations;
        builder.input(matrix("observation", FLOAT, observations, "features of one robot per row"));
        builder.input(matrix("action_mask", BOOL, ACTIONS, "legal: forward, turn left, turn right, patrol"));
        let features = network.shape().maps.as_ref().map(|maps| convolutions(&mut builder, network, maps));
        let features = features.map_or("observation", |()| "features");
        layers(&mut builder, network, features);
        builder.output(matrix("logits", FLOAT, ACTIONS, "of the legal actions; far below them for illegal ones"));
        builder.output(matrix("probabilities", FLOAT, ACTIONS, "of the actions; 0 for illegal ones"));
        builder.output(matrix("value", FLOAT, 1, "expected discounted return"));
        let architecture = ("architecture", network.shape().architecture().name().to_owned());
        let properties = self.properties().into_iter().chain([architecture]);
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "patrol".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(builder.finish("policy")),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPERATOR_SET }],
            metadata_props: properties.map(|(key, value)| Property { key: key.to_owned(), value }).collect(),
        };
        model.encode_to_vec()
    }
}

/// Hidden layers and heads.
fn layers(builder: &mut Builder, network: &Network, features: &str) {
    let (s, p) = (network.shape(), network.parameters());
    let mut input = features;
    for (name, weights, bias) in [("hidden1", s.w1(), s.b1()), ("hidden2", s.w2(), s.b2())] {
        dense(builder, &format!("{name}.sum"), input, &p[weights], &p[bias]);
        builder.node(name, "Relu", &[&format!("{name}.sum")], Vec::new());
        input = name;
    }
    let head = |columns: std::ops::Range<usize>| {
        let rows = p[s.w3()].chunks_exact(HEADS).flat_map(|row| row[columns.clone()].iter().copied());
        (rows.collect::<Vec<f32>>(), &p[s.b3()][columns.clone()])
    };
    let (weights, bias) = head(0..ACTIONS);
    dense(builder, "policy", input, &weights, bias);
    builder.floats("illegal", &[], [ILLEGAL].into_iter());
    builder.node("logits", "Where", &["action_mask", "policy", "illegal"], Vec::new());
    builder.node("probabilities", "Softmax", &["logits"], vec![integer("axis", 1)]);
    let (weights, bias) = head(VALUE..VALUE + 1);
    dense(builder, "value", input, &weights, bias);
}

/// input·weights + bias.
fn dense(builder: &mut Builder, name: &str, input: &str, weights: &[f32], bias: &[f32]) {
    let [weight_name, bias_name] = ["weight", "bias"].map(|what| format!("{name}.{what}"));
    builder.floats(&weight_name, &[weights.len() / bias.len(), bias.len()], weights.iter().copied());
    builder.floats(&bias_name, &[bias.len()], bias.iter().copied());
    builder.node(name, "Gemm", &[input, &weight_name, &bias_name], Vec::new());
}

/// `features`: what the convolutions make of the images, then the scalars.
fn convolutions(builder: &mut Builder, network: &Network, maps: &Maps) {
    let mut parts = Vec::new();
    for image in &maps.images {
        convolution(builder, network, image);
        parts.push(image.name.to_owned());
    }
    for scalars in &maps.scalars {
        let name = format!("scalars.{}", scalars.start);
        builder.columns(&name, "observation", scalars.clone());
        parts.push(name);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    builder.node("features", "Concat", &parts, vec![integer("axis", 1)]);
}

/// The outputs of one convolution, in the order (patch, channel).
fn convolution(builder: &mut Builder, network: &Network, image: &Image) {
    let name = |what: &str| format!("{}.{what}", image.name);
    let mut planes = Vec::new();
    for (number, plane) in image.planes.iter().enumerate() {
        let [flat, square, sides, padded, margins] =
            ["flat", "square", "sides", "plane", "margins"].map(|what| name(&format!("{what}{number}")));
        builder.columns(&flat, "observation", plane.from..plane.from + plane.side * plane.side);
        // 0 stands for the size of the batch.
        builder.integers(&sides, &[0, 1, plane.side, plane.side]);
        builder.node(&square, "Reshape", &[&flat, &sides], Vec::new());
        let margin = (image.side - plane.side) / 2;
        builder.integers(&margins, &[0, 0, margin, margin, 0, 0, margin, margin]);
        builder.node(&padded, "Pad", &[&square, &margins], Vec::new());
        planes.push(padded);
    }
    let planes: Vec<&str> = planes.iter().map(String::as_str).collect();
    builder.node(&name("image"), "Concat", &planes, vec![integer("axis", 1)]);

    let weights = &network.parameters()[image.weights.clone()];
    let of_channel = |channel| weights.iter().skip(channel).step_by(image.channels).copied();
    let sizes = [image.channels, image.planes.len(), image.kernel, image.kernel];
    builder.floats(&name("weight"), &sizes, (0..image.channels).flat_map(of_channel));
    let bias = &network.parameters()[image.bias.clone()];
    builder.floats(&name("bias"), &[image.channels], bias.iter().copied());
    let inputs = [name("image"), name("weight"), name("bias")];
    let attributes = vec![
        integers("kernel_shape", &[image.kernel, image.kernel]),
        integers("strides", &[image.stride, image.stride]),
    ];
    builder.node(&name("sum"), "Conv", &inputs.each_ref().map(String::as_str), attributes);
    builder.node(&name("outputs"), "Relu", &[&name("sum")], Vec::new());
    builder.node(&name("ordered"), "Transpose", &[&name("outputs")], vec![integers("perm", &[0, 2, 3, 1])]);
    builder.node(image.name, "Flatten", &[&name("ordered")], vec![integer("axis", 1)]);
}
