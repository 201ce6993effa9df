//! The maps among the features as images around the robot, and a convolution over each image (LeCun et al.,
//! "Backpropagation applied to handwritten zip code recognition", 1989).
//!
//! A convolution is a matrix product: its rows are the patches of the image ("im2col"), its columns the channels. Patches
//! overlap, so they are not copied out: [`PatchLayout`] tells the product where to read them.
use std::ops::Range;

use environment::ObservationSpec;

use crate::kernels::{Finish, Kernels, PatchLayout, Patches, Rows};

/// Maps of one spacing that lie over each other, and how their patches are cut.
struct Scale {
    name: &'static str,
    /// Feature blocks that start with a square map; blocks that an observation does not have are left out.
    blocks: &'static [&'static str],
    /// Side of a patch.
    kernel: usize,
    /// Cells from one patch to the next.
    stride: usize,
    /// Rings of zeros around the image.
    padding: usize,
    /// Outputs of a patch.
    channels: usize,
}

const SCALES: [Scale; 2] = [
    Scale {
        name: "near",
        blocks: &["gain_near", "obstacles", "objects", "robots_near"],
        kernel: 3,
        stride: 2,
        padding: 1,
        channels: 16,
    },
    Scale {
        name: "far",
        blocks: &["gain_far", "robots_far", "gain_own"],
        kernel: 3,
        stride: 2,
        padding: 0,
        channels: 16,
    },
];

/// The images that an observation contains. Their outputs and then all features that are in no map, the scalars, are
/// what the first hidden layer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maps {
    pub images: Vec<Image>,
    /// Where the scalars are in the observation.
    pub scalars: Vec<Range<usize>>,
    observations: usize,
}

/// Planes of one scale and the convolution over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub name: &'static str,
    pub planes: Vec<Plane>,
    /// Side of the padded image.
    pub side: usize,
    /// Side of a patch.
    pub kernel: usize,
    /// Cells from one patch to the next.
    pub stride: usize,
    /// Outputs of a patch.
    pub channels: usize,
    /// `patch × channels`; the cells of a patch are in the order (plane, row, column).
    pub weights: Range<usize>,
    pub bias: Range<usize>,
    /// Where the outputs are among the features of the first hidden layer, `patches × channels`.
    pub outputs: Range<usize>,
    /// Where the padded image is in working memory.
    pixels: Range<usize>,
    patches: PatchLayout,
}

/// One square map of the observation in the middle of the padded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Its first feature.
    pub from: usize,
    pub side: usize,
}

impl Maps {
    pub fn of(observation: &ObservationSpec) -> Self {
        let mut maps = Self { images: Vec::new(), scalars: Vec::new(), observations: observation.len() };
        for scale in &SCALES {
            let image = Image::new(scale, observation, maps.images.last());
            maps.images.extend(image);
        }
        let planes: Vec<Plane> = maps.images.iter().flat_map(|image| image.planes.iter().copied()).collect();
        for block in observation.blocks() {
            let mapped = planes.iter().find(|plane| plane.from == block.range.start);
            let start = block.range.start + mapped.map_or(0, |plane| plane.side * plane.side);
            if start < block.range.end {
                maps.scalars.push(start..block.range.end);
            }
        }
        maps
    }

    /// Outputs of all convolutions, and the scalars.
    pub fn features(&self) -> usize {
        self.outputs() + self.scalars.iter().map(Range::len).sum::<usize>()
    }

    /// Outputs of all convolutions.
    pub fn outputs(&self) -> usize {
        self.images.last().map_or(0, |image| image.outputs.end)
    }

    /// Where an observed scalar is among the features.
    pub fn input_of(&self, scalar: usize) -> Option<usize> {
        let place = self.scalars.iter().cloned().flatten().position(|from| from == scalar)?;
        Some(self.outputs() + place)
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.images.last().map_or(0, |image| image.bias.end)
    }

    /// Floats that [`Maps::forward`] and [`Maps::backward`] need as working memory, zero at first.
    pub fn pixels(&self) -> usize {
        self.images.last().map_or(0, |image| image.pixels.end)
    }

    /// Multiply-adds of one row.
    pub fn macs(&self) -> usize {
        self.images.iter().map(|image| image.outputs.len() * image.patches.inner()).sum()
    }

    /// What is convolved and how, to be stored with a policy.
    pub fn description(&self) -> String {
        let image = |i: &Image| {
            let planes = i
                .planes
                .iter()
                .map(|plane| format!("{}+{}x{}", plane.from, plane.side, plane.side))
                .collect::<Vec<_>>();
            format!("{}:{} in {} cells, {}x{} every {}", i.name, planes.join(","), i.side, i.kernel, i.kernel, i.stride)
        };
        self.images.iter().map(image).collect::<Vec<_>>().join(";")
    }

    /// Writes the features of the observations `x`, `stride` apart: max(0, bias + patch·weights), then the scalars.
    pub fn forward(
        &self,
        kernels: Kernels,
        parameters: &[f32],
        x: Rows,
        pixels: &mut [f32],
        features: &mut [f32],
        stride: usize,
    ) {
        for (&row, features) in x.index.iter().zip(features.chunks_exact_mut(stride)) {
            let observation = &x.data[row as usize * x.stride..][..self.observations];
            for image in &self.images {
                let (weights, bias) = (&parameters[image.weights.clone()], &parameters[image.bias.clone()]);
                let outputs = &mut features[image.outputs.clone()];
                kernels.affine(
                    image.draw(observation, pixels),
                    weights,
                    Some(bias),
                    Finish::Relu,
                    outputs,
                    image.channels,
                );
            }
            let mut rest = &mut features[self.outputs()..];
            for scalars in &self.scalars {
                let (here, after) = rest.split_at_mut(scalars.len());
                here.copy_from_slice(&observation[scalars.clone()]);
                rest = after;
            }
        }
    }

    /// Adds the gradient of Σ features·`errors` to `gradient`; `errors` are 0 where the rectifier was closed.
    pub fn backward(
        &self,
        kernels: Kernels,
        x: Rows,
        pixels: &mut [f32],
        errors: &[f32],
        stride: usize,
        gradient: &mut [f32],
    ) {
        for (&row, errors) in x.index.iter().zip(errors.chunks_exact(stride)) {
            let observation = &x.data[row as usize * x.stride..][..self.observations];
            for image in &self.images {
                let errors = &errors[image.outputs.clone()];
                let patches = image.draw(observation, pixels);
                kernels.outer(patches, errors, &mut gradient[image.weights.clone()], image.channels);
                kernels.column_sums(errors, &mut gradient[image.bias.clone()]);
            }
        }
    }
}

impl Image {
    /// The image of this scale, if the observation has one of its maps; its parameters and outputs follow `before`.
    fn new(scale: &Scale, observation: &ObservationSpec, before: Option<&Self>) -> Option<Self> {
        let blocks = observation.blocks().into_iter().filter(|block| scale.blocks.contains(&block.name));
        let plane =
            |block: environment::FeatureBlock| Plane { from: block.range.start, side: block.range.len().isqrt() };
        let planes: Vec<Plane> = blocks.map(plane).collect();
        let side = planes.iter().map(|plane| plane.side).max()? + 2 * scale.padding;
        let patches = PatchLayout::new(planes.len(), side, scale.kernel, scale.stride);
        let start = |end: fn(&Self) -> usize| before.map_or(0, end);
        let [weights, outputs, pixels] =
            [start(|image| image.bias.end), start(|image| image.outputs.end), start(|image| image.pixels.end)];
        let bias = weights + patches.inner() * scale.channels;
        Some(Self {
            name: scale.name,
            side,
            kernel: scale.kernel,
            stride: scale.stride,
            channels: scale.channels,
            weights: weights..bias,
            bias: bias..bias + scale.channels,
            outputs: outputs..outputs + patches.len() * scale.channels,
            pixels: pixels..pixels + planes.len() * side * side,
            planes,
            patches,
        })
    }

    /// Copies the planes of an observation to the middle of the padded image; its patches.
    pub fn draw<'a>(&'a self, observation: &[f32], pixels: &'a mut [f32]) -> Patches<'a> {
        let pixels = &mut pixels[self.pixels.clone()];
        for (plane, pixels) in self.planes.iter().zip(pixels.chunks_exact_mut(self.side * self.side)) {
            let margin = (self.side - plane.side) / 2;
            let rows = observation[plane.from..][..plane.side * plane.side].chunks_exact(plane.side);
            for (row, pixels) in rows.zip(pixels.chunks_exact_mut(self.side).skip(margin)) {
                pixels[margin..margin + plane.side].copy_from_slice(row);
            }
        }
        Patches { data: pixels, layout: &self.patches }
    }
}
