//! Places in the server's write-ahead log.

use std::fmt;
use std::str::FromStr;

/// A byte position in the write-ahead log. 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// No position.
    pub const NONE: Lsn = Lsn(0);

    /// From the form that offsets keep; anything below zero is a position in the upper half.
    pub fn from_offset(number: i64) -> Lsn {
        Lsn(number as u64)
    }

    /// The form that offsets and events keep.
    pub fn to_offset(self) -> i64 {
        self.0 as i64
    }
}

/// As the server writes it: two hexadecimal numbers.
impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// The text is not `X/Y` in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLsn;

impl FromStr for Lsn {
    type Err = BadLsn;

    fn from_str(text: &str) -> Result<Lsn, BadLsn> {
        let (high, low) = text.split_once('/').ok_or(BadLsn)?;
        let part = |digits: &str| u32::from_str_radix(digits, 16).map_err(|_| BadLsn);
        Ok(Lsn(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_read_as_the_server_writes_them() {
        assert_eq!("16/B374D848".parse(), Ok(Lsn(0x16_B374_D848)));
        assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
        for bad in ["", "16", "16/", "/1", "x/1", "1/100000000"] {
            assert_eq!(bad.parse::<Lsn>(), Err(BadLsn), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_offset_give_the_position_back(number: u64) {
            prop_assert_eq!(Lsn(number).to_string().parse(), Ok(Lsn(number)));
            prop_assert_eq!(Lsn::from_offset(Lsn(number).to_offset()), Lsn(number));
        }
    }
}
