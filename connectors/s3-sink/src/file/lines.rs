//! Records one after the other: lines of JSON, or bytes with a separator.

use connector_api::Result;
use connector_api::data::Payload;

use super::body::other_form;
use super::buffers::Buffers;
use super::content::Content;
use super::pieces::{Codec, Pieces};

/// The bytes of a file whose records stand one after the other.
#[derive(Debug)]
pub(crate) struct Lines {
    pieces: Pieces,
    /// What follows each record that is bytes; `None` for lines of JSON.
    separator: Option<Vec<u8>>,
    mark: usize,
}

impl Lines {
    /// Nothing yet.
    pub fn new(separator: Option<Vec<u8>>, codec: Codec, buffers: &Buffers) -> Lines {
        Lines { pieces: Pieces::new(codec, buffers), separator, mark: 0 }
    }

    pub fn write(&mut self, value: &Payload) -> Result<usize> {
        let tail = self.pieces.tail();
        self.mark = tail.len();
        match (&self.separator, value) {
            (None, Payload::Json(json)) => {
                tail.extend_from_slice(json);
                on_one_line(&mut tail[self.mark..]);
                tail.push(b'\n');
            }
            (Some(separator), Payload::Bytes(bytes)) => {
                tail.extend_from_slice(bytes);
                tail.extend_from_slice(separator);
            }
            _ => return Err(other_form()),
        }
        Ok(tail.len() - self.mark)
    }

    pub fn undo(&mut self) {
        self.pieces.tail().truncate(self.mark);
    }

    pub fn settle(&mut self) {
        self.pieces.settle();
    }

    pub fn held(&self) -> usize {
        self.pieces.held()
    }

    pub fn part(&mut self, at_least: usize) -> Option<Content> {
        self.pieces.part(at_least)
    }

    pub fn rest(&mut self) -> Content {
        self.pieces.rest()
    }
}

/// JSON may have line ends between its parts, never inside a text: they become spaces.
fn on_one_line(json: &mut [u8]) {
    if let Some(first) = memchr::memchr2(b'\n', b'\r', json) {
        json[first..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_or_bytes_with_a_separator() {
        let mut lines = Lines::new(None, Codec::None, &Buffers::default());
        for json in ["{\"a\":1}", "{\n\"a\":\r\n1}", "\"x\""] {
            lines.write(&Payload::Json(json.into())).unwrap();
        }
        assert!(lines.write(&Payload::Bytes("a".into())).is_err());
        lines.write(&Payload::Json("5".into())).unwrap();
        lines.undo();
        assert_eq!(lines.rest().to_vec(), b"{\"a\":1}\n{ \"a\":  1}\n\"x\"\n");
        let mut bytes = Lines::new(Some(b"--".to_vec()), Codec::None, &Buffers::default());
        bytes.write(&Payload::Bytes("a\nb".into())).unwrap();
        assert_eq!(bytes.rest().to_vec(), b"a\nb--");
    }
}
