//! A record as a line.

use connector_api::data::Payload;
use connector_api::{Error, Result};

/// Appends the record's value as one line: text as it is, everything else as JSON on one line, a tombstone as `null`.
///
/// Text that holds line ends is written as JSON, in quotes, since it would not be one line otherwise.
pub(crate) fn write_line(value: &Payload, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Payload::Null => out.extend_from_slice(b"null"),
        Payload::Json(json) if json.first() == Some(&b'"') => write_text(json, out)?,
        Payload::Json(json) => write_json(json, out),
        other => {
            let found = format!("{other:?}");
            let kind = found.split(['(', ' ']).next().unwrap_or_default();
            return Err(Error::fatal(format!("the worker handed over {kind} where JSON was asked for")));
        }
    }
    out.push(b'\n');
    Ok(())
}

fn write_text(json: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let text: String = serde_json::from_slice(json).map_err(|why| Error::reject("not a JSON text").caused_by(why))?;
    if text.contains(['\n', '\r']) {
        out.extend_from_slice(json)
    } else {
        out.extend_from_slice(text.as_bytes())
    }
    Ok(())
}

/// JSON may have line ends between its parts (never inside a text): they become spaces.
fn write_json(json: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(json);
    for byte in &mut out[from..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> String {
        let mut out = Vec::new();
        write_line(&Payload::Json(json.to_owned().into()), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_record_is_one_line() {
        assert_eq!(line("{\"a\":1}"), "{\"a\":1}\n");
        assert_eq!(line("{\n  \"a\": 1\r\n}"), "{   \"a\": 1  }\n");
        assert_eq!(line("\"plain \\u00fc text\""), "plain ü text\n");
        assert_eq!(line("\"two\\nlines\""), "\"two\\nlines\"\n");
        assert_eq!(line("5"), "5\n");
        let mut out = Vec::new();
        write_line(&Payload::Null, &mut out).unwrap();
        assert_eq!(out, b"null\n");
    }
}
