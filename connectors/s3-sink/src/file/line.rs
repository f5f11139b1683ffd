//! A record as bytes of an object.

use connector_api::data::Payload;
use connector_api::{Error, Result};

/// `format.class`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One line of JSON for each record.
    JsonLines,
    /// The bytes as they are, each record followed by this.
    Bytes(Vec<u8>),
}

impl Shape {
    /// Appends a value.
    pub fn write(&self, value: &Payload, out: &mut Vec<u8>) -> Result<()> {
        match (self, value) {
            (Shape::JsonLines, Payload::Json(json)) => {
                let from = out.len();
                out.extend_from_slice(json);
                on_one_line(&mut out[from..]);
                out.push(b'\n');
                Ok(())
            }
            (Shape::Bytes(separator), Payload::Bytes(bytes)) => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(separator);
                Ok(())
            }
            _ => Err(Error::fatal("the worker handed over a value in another form than was asked for")),
        }
    }
}

/// JSON may have line ends between its parts, never inside a text: they become spaces.
fn on_one_line(json: &mut [u8]) {
    if json.contains(&b'\n') || json.contains(&b'\r') {
        json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_or_bytes_with_a_separator() {
        let mut out = Vec::new();
        for json in ["{\"a\":1}", "{\n\"a\":\r\n1}", "\"x\""] {
            Shape::JsonLines.write(&Payload::Json(json.into()), &mut out).unwrap();
        }
        Shape::Bytes(b"--".to_vec()).write(&Payload::Bytes("a\nb".into()), &mut out).unwrap();
        assert_eq!(out, b"{\"a\":1}\n{ \"a\":  1}\n\"x\"\na\nb--");
        assert!(Shape::JsonLines.write(&Payload::Bytes("a".into()), &mut out).is_err());
    }
}
