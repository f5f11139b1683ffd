//! Random messages for tests: every field that the version has gets a value drawn from a pool of entropy.

use bytes::Bytes;

use crate::primitives::Layout;
use crate::{ErrorCode, Uuid};

/// Bytes that proptest made and shrinks; an exhausted pool yields zeros, so that shorter pools mean simpler messages.
pub struct Entropy {
    pool: std::vec::IntoIter<u8>,
}

impl Entropy {
    pub fn new(pool: Vec<u8>) -> Self {
        Self { pool: pool.into_iter() }
    }

    fn byte(&mut self) -> u8 {
        self.pool.next().unwrap_or(0)
    }

    fn number(&mut self) -> i64 {
        i64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn len(&mut self) -> usize {
        usize::from(self.byte() % 4)
    }
}

/// A random value that is legal in the layout.
pub trait Arbitrary: Sized {
    fn arbitrary(entropy: &mut Entropy, layout: Layout, nullable: bool) -> Self;
}

macro_rules! number {
    ($($ty:ident),*) => {$(
        impl Arbitrary for $ty {
            fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
                entropy.number() as $ty
            }
        }
    )*};
}
number!(i8, i16, i32, i64);

impl Arbitrary for bool {
    fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
        entropy.byte() & 1 == 1
    }
}

impl Arbitrary for ErrorCode {
    fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
        Self(entropy.number() as i16)
    }
}

impl Arbitrary for Uuid {
    fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
        Self(u128::from(entropy.number().cast_unsigned()) << 64 | u128::from(entropy.number().cast_unsigned()))
    }
}

impl Arbitrary for String {
    fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
        (0..entropy.len()).map(|_| char::from(b'a' + entropy.byte() % 26)).collect()
    }
}

impl Arbitrary for Bytes {
    fn arbitrary(entropy: &mut Entropy, _: Layout, _: bool) -> Self {
        (0..entropy.len()).map(|_| entropy.byte()).collect()
    }
}

impl<T: Arbitrary> Arbitrary for Vec<T> {
    fn arbitrary(entropy: &mut Entropy, layout: Layout, _: bool) -> Self {
        (0..entropy.len()).map(|_| T::arbitrary(entropy, layout, true)).collect()
    }
}

impl<T: Arbitrary> Arbitrary for Option<T> {
    fn arbitrary(entropy: &mut Entropy, layout: Layout, nullable: bool) -> Self {
        (!nullable || !entropy.byte().is_multiple_of(4)).then(|| T::arbitrary(entropy, layout, true))
    }
}
