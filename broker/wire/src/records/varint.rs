//! Zigzag variable-length numbers, as records use them.

/// The longest number takes this many bytes.
pub const MAX_LEN: usize = 10;

/// Writes `value` at `at` and returns the place after it. The buffer must have room for [`MAX_LEN`] bytes.
#[inline]
pub fn put(buffer: &mut [u8], at: usize, value: i64) -> usize {
    let mut rest = zigzag(value);
    let mut at = at;
    while rest >= 0x80 {
        buffer[at] = (rest as u8) | 0x80;
        rest >>= 7;
        at += 1;
    }
    buffer[at] = rest as u8;
    at + 1
}

/// Bytes that `value` takes.
#[inline]
pub fn len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Reads a number that fits 64 bits; the second part is the rest of the bytes.
#[inline]
pub fn get(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((unzigzag(u64::from(first)), rest));
    }
    let mut value = u64::from(first & 0x7f);
    let mut shift = 7;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((unzigzag(value), rest));
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Reads a number that fits 32 bits.
#[inline]
pub fn get_i32(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (value, rest) = get(bytes)?;
    Some((i32::try_from(value).ok()?, rest))
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_read_back_and_take_the_bytes_foretold(shift in 0u32..64, raw: i64) {
            let value = raw >> shift;
            let mut buffer = [0; MAX_LEN];
            let end = put(&mut buffer, 0, value);
            prop_assert_eq!(end, len(value));
            prop_assert_eq!(get(&buffer[..end]), Some((value, &[][..])));
            for cut in 0..end {
                prop_assert_eq!(get(&buffer[..cut]), None);
            }
        }
    }

    #[test]
    fn numbers_too_long_are_refused() {
        assert_eq!(get(&[0xff; 11]), None);
        assert_eq!(get(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
        assert_eq!(get_i32(&[0x80, 0x80, 0x80, 0x80, 0x20]), None);
        assert_eq!(get(&[0x01]), Some((-1, &[][..])));
    }
}
