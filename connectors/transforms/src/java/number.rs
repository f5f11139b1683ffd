//! Numbers as Java reads and writes them.

use std::fmt::{Display, LowerExp};

/// `Double.toString`, `Float.toString`: plain from a thousandth to ten million, with an exponent elsewhere, always with a
/// point. The digits are the fewest that name the number, as since Java 19.
pub(crate) fn float_text<F: Display + LowerExp + Into<f64> + Copy>(number: F) -> String {
    let wide: f64 = number.into();
    if wide.is_nan() {
        return "NaN".to_owned();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if wide == 0.0 || (1e-3..1e7).contains(&wide.abs()) {
        return with_point(format!("{number}"));
    }
    let scientific = format!("{number:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => format!("{}E{exponent}", with_point(digits.to_owned())),
        None => scientific,
    }
}

fn with_point(mut digits: String) -> String {
    if !digits.contains('.') {
        digits.push_str(".0");
    }
    digits
}

/// `Double.parseDouble` but for numbers in base 16: spaces around it do not count, a suffix `f` or `d` is passed over.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    named(text).or_else(|| plain(text)?.parse().ok())
}

/// The same as `Float.parseFloat`.
pub(crate) fn parse_float32(text: &str) -> Option<f32> {
    named(text).map(|number| number as f32).or_else(|| plain(text)?.parse().ok())
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character <= ' ')
}

fn named(text: &str) -> Option<f64> {
    let text = trimmed(text);
    let magnitude = match text.trim_start_matches(['+', '-']) {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => return None,
    };
    match text.len() - text.trim_start_matches(['+', '-']).len() {
        0 | 1 => Some(if text.starts_with('-') { -magnitude } else { magnitude }),
        _ => None,
    }
}

/// The digits for Rust's reader, which also takes words that Java does not.
fn plain(text: &str) -> Option<&str> {
    let text = trimmed(text);
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    digits.bytes().all(allowed).then_some(digits)
}

/// A decimal literal, as `BigDecimal` reads them: digits, and how many of them stand behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    negative: bool,
    /// Without a point, and without zeros in front.
    digits: String,
    /// Below zero where an exponent moves the point to the right of the digits.
    scale: i64,
}

/// The largest exponent that is read: more would be written out as that many zeros.
const MAX_EXPONENT: i64 = 1000;
/// The longest literal that is read, in bytes.
const MAX_LITERAL_BYTES: usize = 1000;

impl Literal {
    /// Reads a literal such as `-1.50` or `12e3`.
    pub fn parse(text: &str) -> Option<Literal> {
        if text.len() > MAX_LITERAL_BYTES {
            return None;
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > MAX_EXPONENT {
            return None;
        }
        let digits = digits.trim_start_matches('0').to_owned();
        Some(Literal { negative: text.starts_with('-'), digits, scale: fraction.len() as i64 - exponent })
    }

    /// How many digits stand behind the point.
    pub fn scale(&self) -> i64 {
        self.scale
    }

    /// The number as an integer, if it is a whole one that fits.
    pub fn whole(&self) -> Option<i64> {
        let (whole, fraction) = self.parts();
        if fraction.bytes().any(|digit| digit != b'0') {
            return None;
        }
        self.signed(&whole).parse().ok()
    }

    /// What stands before the point, if that fits.
    pub fn truncated(&self) -> Option<i64> {
        self.signed(&self.parts().0).parse().ok()
    }

    /// The nearest float.
    pub fn float(&self) -> f64 {
        self.plain().parse().unwrap_or(f64::NAN)
    }

    /// The nearest small float.
    pub fn float32(&self) -> f32 {
        self.plain().parse().unwrap_or(f32::NAN)
    }

    /// All digits, without an exponent.
    pub fn plain(&self) -> String {
        let (whole, fraction) = self.parts();
        let number = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        self.signed(&number)
    }

    fn signed(&self, number: &str) -> String {
        if self.negative { format!("-{number}") } else { number.to_owned() }
    }

    /// The digits before and behind the point.
    fn parts(&self) -> (String, String) {
        if self.scale <= 0 {
            let zeros = if self.digits.is_empty() { 0 } else { usize::try_from(-self.scale).unwrap_or(0) };
            let whole = format!("{}{}", self.digits, "0".repeat(zeros));
            return (if whole.is_empty() { "0".to_owned() } else { whole }, String::new());
        }
        let scale = usize::try_from(self.scale).unwrap_or(0);
        let padded = format!("{:0>width$}", self.digits, width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        (whole.to_owned(), fraction.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_print_as_in_java() {
        let doubles = [1.0, 0.1, 1e7, 1.5e-3, 1e-4, 123456.75, -0.0, 1.0e21, 9999999.0, 1.234e-10];
        let texts =
            ["1.0", "0.1", "1.0E7", "0.0015", "1.0E-4", "123456.75", "-0.0", "1.0E21", "9999999.0", "1.234E-10"];
        assert_eq!(doubles.map(float_text), texts);
        assert_eq!([0.1f32, 16777216.0, 1e10].map(float_text), ["0.1", "1.6777216E7", "1.0E10"]);
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(float_text), ["NaN", "Infinity", "-Infinity"]);
    }

    #[test]
    fn floats_are_read_as_in_java() {
        let good = [" 1.5 ", "1e3", "+.5", "5.", "-Infinity", "1.5f", "2D", "1.e2"];
        let numbers = [1.5, 1000.0, 0.5, 5.0, f64::NEG_INFINITY, 1.5, 2.0, 100.0];
        assert_eq!(good.map(parse_float), numbers.map(Some));
        for bad in ["", "inf", "nan", "infinity", "1,5", "--1", "e", "1_0", "+-NaN", "f"] {
            assert_eq!(parse_float(bad), None, "{bad}");
            assert_eq!(parse_float32(bad), None, "{bad}");
        }
    }

    #[test]
    fn literals_are_read_with_exponents() {
        let plain = |text| Literal::parse(text).map(|literal| literal.plain());
        let texts = ["1e3", "-1.50", "12E-4", "007", ".5", "5.", "+0", "1.0e1000"];
        let plains = texts.map(|text| plain(text).unwrap());
        assert_eq!(plains[..7], ["1000", "-1.50", "0.0012", "7", "0.5", "5", "0"]);
        assert_eq!(plains[7].len(), 1001);
        for bad in ["", "-", ".", "1e", "1e1001", "e5", "1.2.3", "0x1", "NaN"] {
            assert_eq!(plain(bad), None, "{bad}");
        }
        let whole = |text| Literal::parse(text).and_then(|literal| literal.whole());
        assert_eq!(["1.00", "1.5", "9223372036854775808", "1e2"].map(whole), [Some(1), None, None, Some(100)]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: f64, small: f32) {
            prop_assert!(parse_float(&float_text(number)).is_some_and(|read| read == number || read.is_nan() && number.is_nan()));
            prop_assert!(parse_float32(&float_text(small)).is_some_and(|read| read == small || read.is_nan() && small.is_nan()));
        }

        #[test]
        fn nothing_panics(text in "[-+0-9.eEfdx ]{0,12}") {
            let _ = (parse_float(&text), parse_float32(&text));
            if let Some(literal) = Literal::parse(&text) {
                let _ = (literal.whole(), literal.truncated(), literal.plain(), literal.float(), literal.float32());
            }
        }
    }
}
