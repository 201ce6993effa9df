//! Every kernel against plain loops, bit for bit.
use learner::kernels::{Finish, Kernels, PatchLayout, Patches, Rows};
use proptest::prelude::*;

fn affine_by_definition(x: &Rows, w: &[f32], bias: Option<&[f32]>, finish: Finish, outputs: usize) -> Vec<f32> {
    let inner = w.len() / outputs;
    let mut out = Vec::new();
    for &row in x.index {
        for j in 0..outputs {
            let mut sum = bias.map_or(0.0, |bias| bias[j]);
            for k in 0..inner {
                sum = x.data[row as usize * x.stride + k].mul_add(w[k * outputs + j], sum);
            }
            let keep = match finish {
                Finish::Linear => true,
                Finish::Relu => sum > 0.0,
                Finish::Gate(gate) => gate[out.len()] > 0.0,
            };
            out.push(if keep { sum } else { 0.0 });
        }
    }
    out
}

/// −0 as +0.
fn unsigned_zeros(values: Vec<f32>) -> Vec<f32> {
    values.into_iter().map(|value| if value == 0.0 { 0.0 } else { value }).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn floats(len: usize) -> BoxedStrategy<Vec<f32>> {
    proptest::collection::vec(prop_oneof![Just(0.0_f32), -2.0_f32..2.0], len).boxed()
}

/// Most of it 0, also for several columns on end.
fn sparse_floats(len: usize) -> BoxedStrategy<Vec<f32>> {
    let run = (0_usize..12, prop_oneof![4 => Just(0.0_f32), 1 => -2.0_f32..2.0, 1 => Just(-0.0_f32)]);
    let runs = proptest::collection::vec(run, len / 4);
    runs.prop_map(move |runs| {
        let values = runs.into_iter().flat_map(|(length, value)| std::iter::repeat_n(value, length));
        values.chain(std::iter::repeat(0.0)).take(len).collect()
    })
    .boxed()
}

prop_compose! {
    fn problem(columns: usize, input: fn(usize) -> BoxedStrategy<Vec<f32>>)
        (inner in 1..columns, rows in 0_usize..20, outputs in prop_oneof![Just(8), Just(16), Just(24), Just(64), Just(128)])
        (x in input(30 * (inner + 3)), w in floats(inner * outputs), bias in floats(outputs),
         delta in floats(rows * outputs), index in proptest::collection::vec(0_u32..30, rows), inner in Just(inner), outputs in Just(outputs))
        -> (Vec<f32>, Vec<f32>, Vec<f32>, Vec<f32>, Vec<u32>, usize, usize) {
        (x, w, bias, delta, index, inner, outputs)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_instruction_sets_agree_with_the_definition((x, w, bias, delta, index, inner, outputs) in problem(40, floats)) {
        let x = Rows { data: &x, stride: inner + 3, index: &index };
        for kernels in Kernels::available() {
            for finish in [Finish::Linear, Finish::Relu, Finish::Gate(&delta)] {
                let mut out = vec![f32::NAN; index.len() * outputs];
                kernels.affine(x, &w, Some(&bias), finish, &mut out, outputs);
                prop_assert_eq!(bits(&out), bits(&affine_by_definition(&x, &w, Some(&bias), finish, outputs)));
            }
            let mut gradient = w.clone();
            kernels.outer(x, &delta, &mut gradient, outputs);
            let mut expected = w.clone();
            for (b, &row) in index.iter().enumerate() {
                for k in 0..inner {
                    for j in 0..outputs {
                        let sum = &mut expected[k * outputs + j];
                        *sum = x.data[row as usize * x.stride + k].mul_add(delta[b * outputs + j], *sum);
                    }
                }
            }
            prop_assert_eq!(bits(&gradient), bits(&expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn terms_that_are_left_out_change_nothing((x, w, bias, delta, index, inner, outputs) in problem(300, sparse_floats)) {
        let x = Rows { data: &x, stride: inner + 3, index: &index };
        for kernels in Kernels::available() {
            for finish in [Finish::Linear, Finish::Relu, Finish::Gate(&delta)] {
                for bias in [None, Some(&bias[..])] {
                    let mut out = vec![f32::NAN; index.len() * outputs];
                    kernels.affine_sparse(x, &w, bias, finish, &mut out, outputs);
                    let expected = unsigned_zeros(affine_by_definition(&x, &w, bias, finish, outputs));
                    prop_assert_eq!(bits(&out), bits(&expected));
                }
            }
            let (mut gradient, mut expected) = (w.clone(), w.clone());
            kernels.outer_sparse(x, &delta, &mut gradient, outputs);
            kernels.outer(x, &delta, &mut expected, outputs);
            prop_assert_eq!(bits(&gradient), bits(&expected));
        }
    }
}

/// Patches read in place against the same patches copied out ("im2col").
#[test]
fn a_convolution_is_a_product_with_the_patches() {
    let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) * 0.03;
    for (planes, side, kernel, stride) in [(1, 9, 3, 2), (4, 13, 3, 2), (2, 5, 5, 1), (3, 7, 2, 5)] {
        let image: Vec<f32> = (0..planes * side * side).map(value).collect();
        let layout = PatchLayout::new(planes, side, kernel, stride);
        let patches = Patches { data: &image, layout: &layout };
        let (copied, inner) = (patches.cells().collect::<Vec<f32>>(), planes * kernel * kernel);
        assert_eq!((copied.len(), layout.inner()), (layout.len() * inner, inner));
        let index: Vec<u32> = (0..layout.len() as u32).collect();
        let rows = Rows { data: &copied, stride: inner, index: &index };
        for kernels in Kernels::available() {
            for outputs in [8, 16, 64] {
                let weights: Vec<f32> = (0..inner * outputs).map(|i| value(i + 7)).collect();
                let (mut convolved, mut product) =
                    (vec![f32::NAN; layout.len() * outputs], vec![0.0; layout.len() * outputs]);
                kernels.affine(patches, &weights, None, Finish::Relu, &mut convolved, outputs);
                kernels.affine(rows, &weights, None, Finish::Relu, &mut product, outputs);
                assert_eq!(bits(&convolved), bits(&product));
                let (mut of_patches, mut of_rows) = (weights.clone(), weights);
                kernels.outer(patches, &product, &mut of_patches, outputs);
                kernels.outer(rows, &product, &mut of_rows, outputs);
                assert_eq!(bits(&of_patches), bits(&of_rows));
            }
        }
    }
}

#[test]
#[should_panic(expected = "too small")]
fn an_image_that_is_too_small_is_refused() {
    let layout = PatchLayout::new(1, 5, 3, 1);
    let patches = Patches { data: &[0.0; 24], layout: &layout };
    Kernels::detect().affine(patches, &[0.0; 72], None, Finish::Linear, &mut [0.0; 72], 8);
}
