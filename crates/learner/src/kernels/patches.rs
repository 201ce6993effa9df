//! The patches of an image as the rows of a matrix, read in place.
use super::gemm::Inputs;

/// Where the patches of square planes lie: `starts` of all patches, and the places of a patch's cells from there, in the
/// order (plane, row, column).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchLayout {
    starts: Vec<u32>,
    columns: Vec<u32>,
    /// Floats that an image must have.
    extent: usize,
}

impl PatchLayout {
    /// Patches of `kernel × kernel` cells of `planes` planes, each `side × side`, every `stride` cells.
    ///
    /// # Panics
    /// If a patch is larger than the image, or `stride` is 0.
    pub fn new(planes: usize, side: usize, kernel: usize, stride: usize) -> Self {
        assert!(kernel <= side && stride > 0, "patches must fit into the image");
        let places = (0..=side - kernel).step_by(stride);
        let starts = places.clone().flat_map(|y| places.clone().map(move |x| (y * side + x) as u32)).collect();
        let cells = (0..planes).flat_map(|plane| (0..kernel).map(move |row| (plane * side + row) * side));
        let columns = cells.flat_map(|start| (start..start + kernel).map(|place| place as u32)).collect();
        Self { starts, columns, extent: planes * side * side }
    }

    /// Number of patches.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Cells of a patch.
    pub fn inner(&self) -> usize {
        self.columns.len()
    }
}

/// The patches of one image.
#[derive(Clone, Copy)]
pub struct Patches<'a> {
    pub data: &'a [f32],
    pub layout: &'a PatchLayout,
}

impl<'a> Patches<'a> {
    /// The cells of all patches, one patch after the other.
    pub fn cells(self) -> impl Iterator<Item = f32> + 'a {
        let Self { data, layout } = self;
        layout.starts.iter().flat_map(move |start| layout.columns.iter().map(move |at| data[(start + at) as usize]))
    }
}

// SAFETY: starts and columns are private and made together: their sums are below `extent`.
unsafe impl Inputs for Patches<'_> {
    fn rows(self) -> usize {
        self.layout.len()
    }

    fn holds(self, inner: usize) -> bool {
        inner == self.layout.inner() && self.data.len() >= self.layout.extent
    }

    #[inline(always)]
    unsafe fn row(self, row: usize) -> *const f32 {
        // SAFETY: the caller stays below `rows`; the start of a patch is within the image.
        unsafe { self.data.as_ptr().add(*self.layout.starts.get_unchecked(row) as usize) }
    }

    #[inline(always)]
    unsafe fn column(self, column: usize) -> usize {
        // SAFETY: the caller stays below the number of columns.
        unsafe { *self.layout.columns.get_unchecked(column) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two planes of 3 × 3 cells, numbered: patches of 2 × 2.
    #[test]
    fn patches_by_hand() {
        let data: Vec<f32> = (0..18).map(|cell| cell as f32).collect();
        let cells = |stride| {
            let layout = PatchLayout::new(2, 3, 2, stride);
            Patches { data: &data, layout: &layout }
                .cells()
                .collect::<Vec<_>>()
                .chunks(8)
                .map(<[f32]>::to_vec)
                .collect()
        };
        let one: Vec<Vec<f32>> = cells(1);
        assert_eq!(one.len(), 4);
        assert_eq!(one[0], [0.0, 1.0, 3.0, 4.0, 9.0, 10.0, 12.0, 13.0]);
        assert_eq!(one[3], [4.0, 5.0, 7.0, 8.0, 13.0, 14.0, 16.0, 17.0]);
        let two: Vec<Vec<f32>> = cells(2);
        assert_eq!(two, [one[0].clone()]);
    }
}
