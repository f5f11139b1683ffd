//! Bytes into lines.

use bytes::{Bytes, BytesMut};

/// Splits a stream of bytes into lines that end in `\n`, `\r\n` or `\r`. The end of a line is not part of it.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: BytesMut,
    searched: usize,
    /// In the file, in bytes: behind the last line that was taken.
    place: u64,
}

impl Lines {
    /// Starts at that place.
    pub fn at(place: u64) -> Lines {
        Lines { buffer: BytesMut::new(), searched: 0, place }
    }

    /// The place after the last line that was taken.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Where the next bytes have to come from.
    pub fn read_from(&self) -> u64 {
        self.place + self.buffer.len() as u64
    }

    /// How many bytes wait for the end of their line.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line. A `\r` at the very end waits for the next byte, which may be its `\n`.
    pub fn next_line(&mut self) -> Option<Bytes> {
        let rest = &self.buffer[self.searched..];
        let Some(found) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + found;
        let length = match (self.buffer[end], self.buffer.get(end + 1)) {
            (b'\n', _) => 1,
            (_, Some(b'\n')) => 2,
            (_, Some(_)) => 1,
            (_, None) => return None,
        };
        let mut line = self.buffer.split_to(end + length);
        self.place += line.len() as u64;
        self.searched = 0;
        line.truncate(end);
        Some(line.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines) -> Vec<Bytes> {
        std::iter::from_fn(|| lines.next_line()).collect()
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line_once() {
        let mut lines = Lines::default();
        lines.push(b"a\nb\r\nc\rd\r");
        assert_eq!(all(&mut lines), ["a", "b", "c"]);
        lines.push(b"\n\ne");
        assert_eq!(all(&mut lines), ["d", ""]);
        assert_eq!(lines.waiting(), 1);
        assert_eq!(lines.place(), 11);
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_arrive() {
        let text = "eins\r\nzwölf\n𝄞 drei\n\nend\n";
        let mut whole = Lines::default();
        whole.push(text.as_bytes());
        let expected = all(&mut whole);
        let mut single = Lines::default();
        let mut seen = Vec::new();
        for byte in text.as_bytes() {
            single.push(&[*byte]);
            seen.extend(all(&mut single));
        }
        assert_eq!(seen, expected);
        assert_eq!(single.place(), whole.place());
        assert_eq!(whole.place(), text.len() as u64);
    }
}
