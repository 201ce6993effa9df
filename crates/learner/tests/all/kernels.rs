//! Every kernel against plain loops, bit for bit.
use learner::kernels::{Finish, Kernels, Rows};
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

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec(prop_oneof![Just(0.0_f32), -2.0_f32..2.0], len)
}

prop_compose! {
    fn problem()(inner in 1_usize..40, rows in 0_usize..20, outputs in prop_oneof![Just(8), Just(16), Just(24), Just(64), Just(128)])
        (x in floats(30 * (inner + 3)), w in floats(inner * outputs), bias in floats(outputs),
         delta in floats(rows * outputs), index in proptest::collection::vec(0_u32..30, rows), inner in Just(inner), outputs in Just(outputs))
        -> (Vec<f32>, Vec<f32>, Vec<f32>, Vec<f32>, Vec<u32>, usize, usize) {
        (x, w, bias, delta, index, inner, outputs)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_instruction_sets_agree_with_the_definition((x, w, bias, delta, index, inner, outputs) in problem()) {
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
