//! Decimal numbers of any size, kept in the form in which databases send them.

use std::fmt;

use num_bigint::BigInt;

use super::Text;

/// A decimal number: plain digits with an optional sign and point, never an exponent.
///
/// Kept as text because that is how it arrives and how JSON prints it; the binary form of Kafka Connect's `Decimal`
/// (big-endian two's complement of the unscaled number) is computed only where it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(Text);

/// The text is not a plain decimal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDecimal(pub String);

impl fmt::Display for BadDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a plain decimal number", self.0)
    }
}

impl std::error::Error for BadDecimal {}

impl Decimal {
    /// Takes digits such as `-12.50`. `NaN`, infinities and exponents are refused.
    pub fn new(text: Text) -> Result<Decimal, BadDecimal> {
        if is_plain(text.as_bytes()) { Ok(Decimal(text)) } else { Err(BadDecimal(text.to_string())) }
    }

    /// From Kafka Connect's binary form: `unscaled` is big-endian two's complement, the value is `unscaled / 10^scale`.
    pub fn from_unscaled(unscaled: &[u8], scale: u32) -> Decimal {
        let number = BigInt::from_signed_bytes_be(unscaled);
        let negative = number.sign() == num_bigint::Sign::Minus;
        let mut digits = number.magnitude().to_string();
        let scale = scale as usize;
        if digits.len() <= scale {
            digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
        }
        if scale > 0 {
            digits.insert(digits.len() - scale, '.');
        }
        if negative {
            digits.insert(0, '-');
        }
        Decimal(digits.into())
    }

    /// The digits, as they print.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many digits stand behind the point.
    pub fn scale(&self) -> u32 {
        self.0.find('.').map_or(0, |point| (self.0.len() - point - 1) as u32)
    }

    /// Kafka Connect's binary form at this scale. `None` if digits other than zero would be lost.
    pub fn unscaled(&self, scale: u32) -> Option<Vec<u8>> {
        let mut digits: Vec<u8> = self.0.bytes().filter(|byte| *byte != b'.').collect();
        let (have, want) = (self.scale() as usize, scale as usize);
        if have > want {
            let cut = digits.split_off(digits.len() - (have - want));
            if cut.iter().any(|digit| *digit != b'0') {
                return None;
            }
        } else {
            digits.resize(digits.len() + (want - have), b'0');
        }
        Some(twos_complement(&digits))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    parts.next().is_some_and(all_digits) && parts.next().is_none_or(all_digits)
}

/// Shortest big-endian two's complement of a number in ASCII digits. Numbers of up to 18 digits take the quick way.
fn twos_complement(digits: &[u8]) -> Vec<u8> {
    let (negative, magnitude) = match digits.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, digits),
    };
    if magnitude.len() <= 18 {
        let number = magnitude.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        return shortest(if negative { -number } else { number });
    }
    let number = BigInt::parse_bytes(digits, 10).unwrap_or_default();
    number.to_signed_bytes_be()
}

fn shortest(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let filler = if number < 0 { 0xff } else { 0 };
    let mut start = 0;
    while start < 7 && bytes[start] == filler && (bytes[start + 1] ^ filler) & 0x80 == 0 {
        start += 1;
    }
    bytes[start..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_numbers_are_taken() {
        for good in ["0", "-1", "12.50", "0.000", "123456789012345678901234567890.1"] {
            assert!(Decimal::new(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "-", ".5", "5.", "1e3", "NaN", "1.2.3", "+1", " 1"] {
            assert!(Decimal::new(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn digits_that_count_are_not_cut_off() {
        let number = Decimal::new("1.25".into()).unwrap();
        assert_eq!(number.unscaled(1), None);
        assert_eq!(number.unscaled(3), Some(vec![0x04, 0xe2]));
        assert_eq!(Decimal::new("1.50".into()).unwrap().unscaled(1), Some(vec![15]));
    }

    proptest! {
        #[test]
        fn the_binary_form_gives_the_number_back(number in any::<i128>(), scale in 0u32..30) {
            let bytes = BigInt::from(number).to_signed_bytes_be();
            let decimal = Decimal::from_unscaled(&bytes, scale);
            prop_assert!(is_plain(decimal.as_str().as_bytes()), "{}", decimal);
            prop_assert_eq!(decimal.unscaled(scale), Some(bytes));
        }

        #[test]
        fn short_numbers_take_the_same_form_as_long_ones(number in any::<i64>()) {
            prop_assert_eq!(shortest(number), BigInt::from(number).to_signed_bytes_be());
        }
    }
}
