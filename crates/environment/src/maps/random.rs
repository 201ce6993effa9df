//! Single obstacles on an open floor.

use crate::rng::below;
use rand_chacha::ChaCha8Rng;

/// `count` obstacles (3 to 8 if `None`) on distinct cells, row-major, `true` = blocked. The caller draws again if
/// they cut the floor in two.
pub fn generate(width: usize, height: usize, count: Option<usize>, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut obstacles = vec![false; width * height];
    let count = count.unwrap_or_else(|| 3 + below(rng, 6)).min(width * height / 2);
    let mut placed = 0;
    while placed < count {
        let cell = below(rng, width * height);
        placed += usize::from(!std::mem::replace(&mut obstacles[cell], true));
    }
    obstacles
}
