//! Numbers.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use connector_api::data::{Decimal, Schema, Struct, Text, Value};

use super::{Decoder, Scratch, Unreadable};

/// A whole number of the width that is asked for.
pub fn integer<T: TryFrom<i64>>(cell: &[u8]) -> Result<T, Unreadable> {
    let (negative, digits) = match cell.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, cell),
    };
    let mut number: i64 = 0;
    for digit in digits {
        let value = i64::from(digit.wrapping_sub(b'0'));
        let signed = if negative { -value } else { value };
        let next = number.checked_mul(10).and_then(|tens| tens.checked_add(signed));
        number = next.filter(|_| value < 10).ok_or(Unreadable("it is not a whole number in range"))?;
    }
    let fits = T::try_from(number).ok().filter(|_| !digits.is_empty());
    fits.ok_or(Unreadable("it is not a whole number in range"))
}

/// A floating-point number; `NaN` and `Infinity` too.
pub fn float<T: std::str::FromStr>(cell: &[u8]) -> Result<T, Unreadable> {
    let text = std::str::from_utf8(cell).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Unreadable("it is not a number"))
}

const NOT_PLAIN: Unreadable =
    Unreadable("NaN and Infinity have no place in an exact decimal; set `decimal.handling.mode` to string or double");

/// An exact number.
pub fn decimal(text: Text) -> Result<Decimal, Unreadable> {
    Decimal::new(text).map_err(|_| NOT_PLAIN)
}

/// An exact number with its own scale; zeros at the end behind the point do not count.
pub fn variable(text: Text, schema: &Arc<Schema>) -> Result<Struct, Unreadable> {
    let number = decimal(text)?;
    let digits = number.as_str();
    let scale = match digits.split_once('.') {
        Some((_, fraction)) => fraction.trim_end_matches('0').len() as u32,
        None => 0,
    };
    let unscaled = number.unscaled(scale).ok_or(Unreadable("its scale cannot be told"))?;
    Ok(Struct::new(schema.clone(), vec![Value::Int32(scale as i32), Value::Bytes(Bytes::from(unscaled))]))
}

/// An exact number as text. Special values have the names that Debezium gives them.
pub fn decimal_text(text: Text, scale: Option<u32>) -> Result<Text, Unreadable> {
    match &*text {
        "NaN" => return Ok(Text::from_static("NAN")),
        "Infinity" => return Ok(Text::from_static("POSITIVE_INFINITY")),
        "-Infinity" => return Ok(Text::from_static("NEGATIVE_INFINITY")),
        _ => {}
    }
    let have = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    match scale.map(|scale| scale as usize) {
        Some(want) if want > have => Ok(padded(&text, have, want).into()),
        _ => Ok(text),
    }
}

/// The same number with more digits behind the point.
pub fn padded(text: &str, have: usize, want: usize) -> String {
    let point = if have == 0 && want > 0 { "." } else { "" };
    format!("{text}{point}{}", "0".repeat(want - have))
}

/// An amount such as `-$1,234.56`, as the server writes it under `lc_monetary = C`, in one of the decimal forms with
/// `digits` behind the point.
pub fn money(cell: &[u8], form: &Decoder, digits: u32, scratch: &mut Scratch) -> Result<Value, Unreadable> {
    let plain = scratch.bytes(|out| {
        if cell.contains(&b'-') {
            out.put_u8(b'-');
        }
        cell.iter().filter(|byte| byte.is_ascii_digit() || **byte == b'.').for_each(|byte| out.put_u8(*byte));
    });
    let rounded = rounded(&String::from_utf8_lossy(&plain), digits as usize);
    form.decode_text(&rounded, scratch)
}

/// A plain number with exactly so many digits behind the point; a half is rounded up in magnitude.
fn rounded(text: &str, digits: usize) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() <= digits {
        return padded(text, fraction.len(), digits);
    }
    let up = fraction.as_bytes()[digits] >= b'5';
    let mut kept: Vec<u8> = whole.bytes().chain(fraction.bytes().take(digits)).collect();
    if up {
        increase(&mut kept);
    }
    if digits > 0 {
        kept.insert(kept.len() - digits, b'.');
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn increase(digits: &mut Vec<u8>) {
    for at in (0..digits.len()).rev() {
        match digits[at] {
            b'9' => digits[at] = b'0',
            b'-' => return digits.insert(at + 1, b'1'),
            _ => return digits[at] += 1,
        }
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_numbers_of_every_width_are_read(number: i64) {
            let text = number.to_string();
            prop_assert_eq!(integer::<i64>(text.as_bytes()), Ok(number));
            prop_assert_eq!(integer::<i32>(text.as_bytes()).ok(), i32::try_from(number).ok());
            prop_assert_eq!(integer::<i16>(text.as_bytes()).ok(), i16::try_from(number).ok());
        }

        #[test]
        fn arbitrary_bytes_are_no_numbers_or_the_same_as_the_standard_reading(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let standard = std::str::from_utf8(&bytes).ok().filter(|text| !text.starts_with('+')).and_then(|text| text.parse::<i64>().ok());
            prop_assert_eq!(integer::<i64>(&bytes).ok(), standard);
        }
    }

    #[test]
    fn amounts_lose_their_signs_and_commas() {
        let mut scratch = Scratch::default();
        let mut read = |text: &str, digits| money(text.as_bytes(), &Decoder::DecimalText(None), digits, &mut scratch);
        assert_eq!(read("$1,234.56", 2), Ok("1234.56".into()));
        assert_eq!(read("-$0.05", 2), Ok("-0.05".into()));
        assert_eq!(read("$5.50", 3), Ok("5.500".into()));
        assert_eq!(read("-$9.96", 1), Ok("-10.0".into()));
        assert_eq!(read("$9.50", 0), Ok("10".into()));
    }

    #[test]
    fn zeros_behind_the_point_do_not_count_in_a_variable_scale() {
        let schema = Arc::new(super::super::plan::variable_decimal());
        let read = |text: &str| variable(text.into(), &schema).map(|found| found.into_values());
        let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
        assert_eq!(read("12.340"), Ok(vec![Value::Int32(2), bytes(&[0x04, 0xd2])]));
        assert_eq!(read("1200"), Ok(vec![Value::Int32(0), bytes(&[0x04, 0xb0])]));
        assert_eq!(read("NaN"), Err(NOT_PLAIN));
    }

    #[test]
    fn special_numbers_have_names_in_text() {
        let read = |text: &str, scale| decimal_text(text.into(), scale);
        assert_eq!(read("NaN", Some(2)), Ok("NAN".into()));
        assert_eq!(read("-Infinity", None), Ok("NEGATIVE_INFINITY".into()));
        assert_eq!(read("12.5", Some(2)), Ok("12.50".into()));
        assert_eq!(read("12", Some(2)), Ok("12.00".into()));
    }
}
