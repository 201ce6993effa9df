//! Parquet's packed numbers: ULEB128, and the hybrid of runs and bit-packed groups.
//!
//! Source: Apache Parquet format, "Data encodings", "Run Length Encoding / Bit-Packing Hybrid".

/// Values in one bit-packed group.
const GROUP: usize = 8;

/// Bits that hold every number up to `max`.
pub(super) fn width(max: u16) -> u8 {
    (u16::BITS - max.leading_zeros()) as u8
}

/// Appends `value` in base 128, least significant digit first.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a run: `count` times `value`, which has at most `width` bits.
pub(super) fn push_run(bytes: &mut Vec<u8>, count: usize, value: u16, width: u8) {
    push_varint(bytes, (count as u64) << 1);
    bytes.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
}

/// Appends `values` of at most `width` bits as one run if all are the same, else bit-packed; the last group is filled up
/// with zeros.
pub(super) fn push_hybrid(bytes: &mut Vec<u8>, values: &[u16], width: u8) {
    let Some(first) = values.first() else { return };
    if values.iter().fold(true, |same, value| same & (value == first)) {
        return push_run(bytes, values.len(), *first, width);
    }
    push_varint(bytes, (values.len().div_ceil(GROUP) as u64) << 1 | 1);
    bytes.reserve(values.len().div_ceil(GROUP) * usize::from(width));
    let (groups, rest) = values.as_chunks::<GROUP>();
    groups.iter().for_each(|group| push_group(bytes, group, width));
    if !rest.is_empty() {
        let mut group = [0; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        push_group(bytes, &group, width);
    }
}

/// Appends packed bits (least significant first, as Arrow has them) as one bit-packed run of width 1.
pub(super) fn push_flags(bytes: &mut Vec<u8>, flags: usize, packed: &[u8]) {
    push_varint(bytes, (flags.div_ceil(GROUP) as u64) << 1 | 1);
    bytes.extend_from_slice(packed);
}

fn push_group(bytes: &mut Vec<u8>, group: &[u16; GROUP], width: u8) {
    let half = |four: &[u16]| {
        // Pairs, then pairs of pairs, without a branch.
        let pair = |low: u16, high: u16| u64::from(low) | u64::from(high) << width;
        pair(four[0], four[1]) | pair(four[2], four[3]) << (2 * width)
    };
    let packed = u128::from(half(&group[..4])) | u128::from(half(&group[4..])) << (4 * width);
    bytes.extend_from_slice(&packed.to_le_bytes()[..usize::from(width)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_specification_s_example_is_packed_as_it_says() {
        let mut bytes = Vec::new();
        push_hybrid(&mut bytes, &[0, 1, 2, 3, 4, 5, 6, 7], 3);
        assert_eq!(bytes, [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        let mut bytes = Vec::new();
        push_hybrid(&mut bytes, &[4; 100], 3);
        assert_eq!(bytes, [0b1100_1000, 0b1, 4]);
        assert_eq!([0, 1, 2, 255, 256, u16::MAX].map(width), [0, 1, 2, 8, 9, 16]);
    }

    proptest! {
        /// Bit `i` of value `n` is bit `n × width + i` of the bytes.
        #[test]
        fn every_bit_stands_where_it_belongs(bits in 1u8..=16, values in prop::collection::vec(any::<u16>(), 2..70)) {
            let values: Vec<u16> = values.into_iter().map(|value| value & (u16::MAX >> (16 - bits))).collect();
            prop_assume!(values.iter().any(|value| *value != values[0]));
            let mut bytes = Vec::new();
            push_hybrid(&mut bytes, &values, bits);
            prop_assert_eq!(bytes.remove(0), (values.len().div_ceil(8) << 1 | 1) as u8);
            prop_assert_eq!(bytes.len(), values.len().div_ceil(8) * usize::from(bits));
            for (index, value) in values.iter().enumerate() {
                for bit in 0..usize::from(bits) {
                    let at = index * usize::from(bits) + bit;
                    prop_assert_eq!(bytes[at / 8] >> (at % 8) & 1, (value >> bit) as u8 & 1);
                }
            }
        }
    }
}
