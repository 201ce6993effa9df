//! Register-blocked matrix products for narrow networks (outputs in multiples of eight).
//!
//! Design rule: every output element is **one fused multiply-add chain in index order**. Blocking, register width,
//! batch size and the number of threads choose which elements are computed together, never the order inside one, so
//! none of them changes a bit.
use super::lanes::Lanes;

/// Rows of a row-major matrix, in any order: a minibatch is read in place, not gathered.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub data: &'a [f32],
    /// Floats from one row to the next.
    pub stride: usize,
    /// Which rows, in order.
    pub index: &'a [u32],
}

/// The left-hand matrix of a product.
///
/// # Safety
/// When `holds(inner)`, `row(r)` plus `column(k)` must be within one allocation for all `r < rows()` and `k < inner`.
pub unsafe trait Inputs: Copy {
    /// Number of rows.
    fn rows(self) -> usize;
    /// Whether there are `inner` columns in every row.
    fn holds(self, inner: usize) -> bool;
    /// Where a row starts.
    ///
    /// # Safety
    /// `row` must be below [`Inputs::rows`].
    unsafe fn row(self, row: usize) -> *const f32;
    /// Floats from the start of a row to this column.
    ///
    /// # Safety
    /// `column` must be below an `inner` that the matrix holds.
    unsafe fn column(self, column: usize) -> usize;
}

// SAFETY: `holds` looks at every row.
unsafe impl Inputs for Rows<'_> {
    fn rows(self) -> usize {
        self.index.len()
    }

    fn holds(self, inner: usize) -> bool {
        let last = self.index.iter().max().map_or(0, |&row| row as usize);
        self.index.is_empty() || last * self.stride + inner <= self.data.len()
    }

    #[inline(always)]
    unsafe fn row(self, row: usize) -> *const f32 {
        // SAFETY: the caller's promise.
        unsafe { self.data.as_ptr().add(*self.index.get_unchecked(row) as usize * self.stride) }
    }

    #[inline(always)]
    unsafe fn column(self, column: usize) -> usize {
        column
    }
}

/// What happens to an output element after its chain is complete.
#[derive(Clone, Copy)]
pub enum Finish<'a> {
    Linear,
    /// max(0, x).
    Relu,
    /// The derivative of ReLU: kept where the given activation (`rows × outputs`) is positive.
    Gate(&'a [f32]),
}

/// Evaluates a call in which the constant `$rows` is how many rows are computed together: those that are left, at most [`BLOCK`].
macro_rules! with_rows {
    ($left:expr, $rows:ident => $call:expr) => {
        match $left {
            1 => with_rows!(@ 1, $rows => $call),
            2 => with_rows!(@ 2, $rows => $call),
            3 => with_rows!(@ 3, $rows => $call),
            4 => with_rows!(@ 4, $rows => $call),
            5 => with_rows!(@ 5, $rows => $call),
            _ => with_rows!(@ $crate::kernels::gemm::BLOCK, $rows => $call),
        }
    };
    (@ $count:expr, $rows:ident => $call:expr) => {{
        const $rows: usize = $count;
        $call
    }};
}
pub(super) use with_rows;

/// Rows computed together: with four registers each, 24 of the 32 AVX-512 registers are accumulators.
pub const BLOCK: usize = 6;

/// `out[b][j] = finish(bias[j] + Σ_k x[b][k]·w[k][j])`, k ascending.
///
/// # Safety
/// The processor must have `L`'s instructions; the lengths must have been checked as `Kernels::affine` does.
#[inline(always)]
pub unsafe fn affine<L: Lanes, const VECTORS: usize>(
    x: impl Inputs,
    weights: &[f32],
    bias: Option<&[f32]>,
    finish: Finish,
    out: &mut [f32],
    outputs: usize,
) {
    let inner = weights.len() / outputs;
    let mut column = 0;
    while column < outputs {
        let mut row = 0;
        while row < x.rows() {
            let shape = Tile { row, column, inner, outputs };
            let left = x.rows() - row;
            // SAFETY: rows row..row+n and columns column..column+VECTORS·WIDTH exist by the caller's checks.
            unsafe {
                with_rows!(left, ROWS => affine_tile::<L, _, ROWS, VECTORS>(x, weights, bias, finish, out, shape))
            }
            row += left.min(BLOCK);
        }
        column += VECTORS * L::WIDTH;
    }
}

/// `gradient[k][j] += Σ_b x[b][k]·delta[b][j]`, b ascending, continuing the chain already in `gradient`.
///
/// # Safety
/// As for [`affine`].
#[inline(always)]
pub unsafe fn outer<L: Lanes, const VECTORS: usize>(
    x: impl Inputs,
    delta: &[f32],
    gradient: &mut [f32],
    outputs: usize,
) {
    let inner = gradient.len() / outputs;
    let mut column = 0;
    while column < outputs {
        let mut row = 0;
        while row < inner {
            let shape = Tile { row, column, inner, outputs };
            let left = inner - row;
            // SAFETY: as above, with rows counted in the gradient.
            unsafe { with_rows!(left, ROWS => outer_tile::<L, _, ROWS, VECTORS>(x, delta, gradient, shape)) }
            row += left.min(BLOCK);
        }
        column += VECTORS * L::WIDTH;
    }
}

#[derive(Clone, Copy)]
struct Tile {
    row: usize,
    column: usize,
    inner: usize,
    outputs: usize,
}

#[inline(always)]
unsafe fn affine_tile<L: Lanes, X: Inputs, const R: usize, const V: usize>(
    x: X,
    weights: &[f32],
    bias: Option<&[f32]>,
    finish: Finish,
    out: &mut [f32],
    tile: Tile,
) {
    // SAFETY: every pointer stays within its slice by the caller's checks.
    unsafe {
        let start: [L::Register; V] = std::array::from_fn(|v| match bias {
            Some(bias) => L::load(bias.as_ptr().add(tile.column + v * L::WIDTH)),
            None => L::splat(0.0),
        });
        let mut sums = [start; R];
        let inputs: [*const f32; R] = std::array::from_fn(|r| x.row(tile.row + r));
        let mut weight = weights.as_ptr().add(tile.column);
        for k in 0..tile.inner {
            let line: [L::Register; V] = std::array::from_fn(|v| L::load(weight.add(v * L::WIDTH)));
            let column = x.column(k);
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = L::splat(*input.add(column));
                for v in 0..V {
                    sums[v] = L::fused(input, line[v], sums[v]);
                }
            }
            weight = weight.add(tile.outputs);
        }
        for (r, sums) in sums.iter().enumerate() {
            let at = (tile.row + r) * tile.outputs + tile.column;
            for (v, &sum) in sums.iter().enumerate() {
                let at = at + v * L::WIDTH;
                L::store(out.as_mut_ptr().add(at), finished::<L>(finish, at, sum));
            }
        }
    }
}

/// What becomes of the sums of the outputs from place `at` on.
///
/// # Safety
/// A gate must have a register of floats there; the processor must have `L`'s instructions.
#[inline(always)]
pub unsafe fn finished<L: Lanes>(finish: Finish, at: usize, sum: L::Register) -> L::Register {
    // SAFETY: the caller's promise.
    unsafe {
        match finish {
            Finish::Linear => sum,
            Finish::Relu => L::where_positive(sum, sum),
            Finish::Gate(gate) => L::where_positive(L::load(gate.as_ptr().add(at)), sum),
        }
    }
}

#[inline(always)]
unsafe fn outer_tile<L: Lanes, X: Inputs, const R: usize, const V: usize>(
    x: X,
    delta: &[f32],
    gradient: &mut [f32],
    tile: Tile,
) {
    // SAFETY: every pointer stays within its slice by the caller's checks.
    unsafe {
        let target = gradient.as_mut_ptr().add(tile.row * tile.outputs + tile.column);
        let mut sums: [[L::Register; V]; R] =
            std::array::from_fn(|r| std::array::from_fn(|v| L::load(target.add(r * tile.outputs + v * L::WIDTH))));
        let mut error = delta.as_ptr().add(tile.column);
        let columns: [usize; R] = std::array::from_fn(|r| x.column(tile.row + r));
        for row in 0..x.rows() {
            let input = x.row(row);
            let line: [L::Register; V] = std::array::from_fn(|v| L::load(error.add(v * L::WIDTH)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let input = L::splat(*input.add(columns[r]));
                for v in 0..V {
                    sums[v] = L::fused(input, line[v], sums[v]);
                }
            }
            error = error.add(tile.outputs);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                L::store(target.add(r * tile.outputs + v * L::WIDTH), sum);
            }
        }
    }
}

/// Runs `iterations` of independent multiply-adds on registers alone; how many were done.
///
/// # Safety
/// The processor must have `L`'s instructions.
#[inline(always)]
pub unsafe fn multiply_adds<L: Lanes, const CHAINS: usize>(iterations: u64) -> u64 {
    // SAFETY: only registers and one local buffer of the widest register are touched.
    unsafe {
        let factor = L::splat(std::hint::black_box(0.5));
        let mut sums = [L::splat(1.0); CHAINS];
        for _ in 0..iterations {
            for sum in &mut sums {
                *sum = L::fused(*sum, factor, factor);
            }
        }
        let mut sink = [0.0; 16];
        for sum in sums {
            L::store(sink.as_mut_ptr(), sum);
            std::hint::black_box(&sink);
        }
    }
    iterations * (CHAINS * L::WIDTH) as u64
}
