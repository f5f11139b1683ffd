//! The field tables: a message is a list of fields, each with the versions in which it exists.
//!
//! `message!` turns such a table into a struct with both directions of the codec:
//!
//! ```text
//! pub struct Example {
//!     always: i32 [0..],                        in every version
//!     old: String [0..=3],                      gone from version 4
//!     newer: i32 [2..] = -1,                    -1 where it is absent
//!     list: Option<Vec<String>> [0.., null 1..],  null is refused before version 1
//!     extra: Option<String> [3.., tag 0],       a tagged field (KIP-482)
//! }
//! ```
//!
//! Encoding leaves out what the version does not have, whatever its value ("ignorable" in Kafka's terms, here for every
//! field): who needs a field to arrive asks for a version that has it. Unknown tagged fields are skipped, and bytes after
//! the last field are tolerated, because clients in the field send some.

use bytes::BufMut;

use crate::primitives::{EncodeError, Field, Layout, put_unsigned_varint};

/// In which versions a field exists, where it may be null, and its tag if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub from: i16,
    pub to: i16,
    pub null_from: i16,
    pub tag: Option<u32>,
}

impl Spec {
    pub const fn new(from: i16, to: i16) -> Self {
        Self { from, to, null_from: 0, tag: None }
    }

    pub const fn null(self, null_from: i16) -> Self {
        Self { null_from, ..self }
    }

    pub const fn tag(self, tag: u32) -> Self {
        Self { tag: Some(tag), ..self }
    }

    pub const fn covers(&self, layout: Layout) -> bool {
        self.from <= layout.version && layout.version <= self.to
    }

    pub const fn is_inline(&self, layout: Layout) -> bool {
        self.tag.is_none() && self.covers(layout)
    }

    pub const fn is_tagged(&self, layout: Layout) -> bool {
        self.tag.is_some() && self.covers(layout)
    }
}

/// Collects the tagged fields of one struct, which are written in the order of their tags after the inline ones.
#[derive(Default)]
pub struct Tags {
    count: u32,
    bytes: Vec<u8>,
}

impl Tags {
    pub fn push<T: Field>(&mut self, tag: u32, value: &T, layout: Layout) -> Result<(), EncodeError> {
        let mut body = Vec::new();
        value.write(&mut body, layout)?;
        put_unsigned_varint(&mut self.bytes, tag);
        let len = u32::try_from(body.len()).map_err(|_| EncodeError::Long { len: body.len() })?;
        put_unsigned_varint(&mut self.bytes, len);
        self.bytes.put_slice(&body);
        self.count += 1;
        Ok(())
    }

    pub fn finish(self, out: &mut Vec<u8>) {
        put_unsigned_varint(out, self.count);
        out.put_slice(&self.bytes);
    }
}

macro_rules! spec {
    ($lo:literal ..) => {
        $crate::message::Spec::new($lo, i16::MAX)
    };
    ($lo:literal ..= $hi:literal) => {
        $crate::message::Spec::new($lo, $hi)
    };
    ($lo:literal .., null $null:literal ..) => {
        $crate::message::Spec::new($lo, i16::MAX).null($null)
    };
    ($lo:literal ..= $hi:literal, null $null:literal ..) => {
        $crate::message::Spec::new($lo, $hi).null($null)
    };
    ($lo:literal .., tag $tag:literal) => {
        $crate::message::Spec::new($lo, i16::MAX).tag($tag)
    };
}

macro_rules! field_default {
    () => {
        Default::default()
    };
    ($default:literal) => {
        $default
    };
}

macro_rules! message {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident : $ty:ty [ $($spec:tt)* ] $(= $default:literal)? , )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[doc = ""]
                #[doc = concat!("Versions `", stringify!($($spec)*), "`.")]
                pub $field: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::message::field_default!($($default)?), )* }
            }
        }

        impl $crate::primitives::Field for $name {
            const MIN_SIZE: usize = 1;

            fn bulk(&self) -> usize {
                0 $( + $crate::primitives::Field::bulk(&self.$field) )*
            }

            #[allow(unused_mut, unused_variables)]
            fn write(
                &self,
                out: &mut Vec<u8>,
                layout: $crate::primitives::Layout,
            ) -> Result<(), $crate::primitives::EncodeError> {
                $({
                    const SPEC: $crate::message::Spec = $crate::message::spec!($($spec)*);
                    if SPEC.is_inline(layout) {
                        if layout.version < SPEC.null_from && $crate::primitives::Field::is_null(&self.$field) {
                            let version = layout.version;
                            return Err($crate::primitives::EncodeError::Null { field: stringify!($field), version });
                        }
                        $crate::primitives::Field::write(&self.$field, out, layout)?;
                    }
                })*
                if layout.flexible {
                    let mut tags = $crate::message::Tags::default();
                    $({
                        const SPEC: $crate::message::Spec = $crate::message::spec!($($spec)*);
                        if let Some(tag) = SPEC.tag && SPEC.is_tagged(layout) {
                            let default: $ty = $crate::message::field_default!($($default)?);
                            if self.$field != default {
                                tags.push(tag, &self.$field, layout)?;
                            }
                        }
                    })*
                    tags.finish(out);
                }
                Ok(())
            }

            #[allow(unused_mut, unused_variables)]
            fn read(
                input: &mut $crate::reader::Reader,
                layout: $crate::primitives::Layout,
            ) -> Result<Self, $crate::reader::DecodeError> {
                let mut message = Self::default();
                $({
                    const SPEC: $crate::message::Spec = $crate::message::spec!($($spec)*);
                    if SPEC.is_inline(layout) {
                        message.$field = $crate::primitives::Field::read(input, layout)?;
                        if layout.version < SPEC.null_from && $crate::primitives::Field::is_null(&message.$field) {
                            let version = layout.version;
                            return Err($crate::reader::DecodeError::Null { field: stringify!($field), version });
                        }
                    }
                })*
                if layout.flexible {
                    for _ in 0..input.unsigned_varint()? {
                        let (tag, mut body) = input.tagged()?;
                        $({
                            const SPEC: $crate::message::Spec = $crate::message::spec!($($spec)*);
                            if SPEC.is_tagged(layout) && SPEC.tag == Some(tag) {
                                message.$field = $crate::primitives::Field::read(&mut body, layout)?;
                            }
                        })*
                        input.settle(&body);
                    }
                }
                Ok(message)
            }
        }

        #[cfg(test)]
        impl $crate::arbitrary::Arbitrary for $name {
            #[allow(unused_mut, unused_variables)]
            fn arbitrary(
                entropy: &mut $crate::arbitrary::Entropy,
                layout: $crate::primitives::Layout,
                _nullable: bool,
            ) -> Self {
                let mut message = Self::default();
                $({
                    const SPEC: $crate::message::Spec = $crate::message::spec!($($spec)*);
                    if SPEC.covers(layout) && (SPEC.tag.is_none() || layout.flexible) {
                        let nullable = layout.version >= SPEC.null_from;
                        message.$field = $crate::arbitrary::Arbitrary::arbitrary(entropy, layout, nullable);
                    }
                })*
                message
            }
        }
    )*};
}

pub(crate) use {field_default, message, spec};
