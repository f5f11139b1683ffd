//! Cutting the server's messages out of a buffer. A message is a letter, a length that counts itself, and a body.

use bytes::Bytes;

use crate::replication::Malformed;

/// The largest message that is taken, in bytes: more than the server itself can hold of one row.
pub const MESSAGE_LIMIT: usize = 1 << 30;

/// Letter and length of a message.
pub const HEADER: usize = 5;

/// The letter and the whole length, header included, of the message at the start of `buffer`; `None` if its header has
/// not come yet.
pub fn header(buffer: &[u8]) -> Result<Option<(u8, usize)>, Malformed> {
    let Some(&[tag, a, b, c, d]) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
    let length = i32::from_be_bytes([a, b, c, d]);
    match usize::try_from(length) {
        Ok(length) if (4..=MESSAGE_LIMIT).contains(&length) => Ok(Some((tag, length + 1))),
        _ => Err(Malformed("a message has an impossible length")),
    }
}

/// How many bytes at the start of `buffer` are whole messages; `see` is shown each of them.
pub fn whole(buffer: &[u8], mut see: impl FnMut(u8, &[u8])) -> Result<usize, Malformed> {
    let mut end = 0;
    while let Some((tag, length)) = header(&buffer[end..])? {
        let Some(message) = buffer.get(end..end + length) else { break };
        see(tag, &message[HEADER..]);
        end += length;
    }
    Ok(end)
}

/// Whole messages, read one by one. Bodies are slices of one buffer.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    buffer: Bytes,
    at: usize,
}

impl Frames {
    /// Messages in a buffer that holds whole ones only.
    pub fn new(buffer: Bytes) -> Frames {
        Frames { buffer, at: 0 }
    }

    /// The next message's letter and body, without moving past it.
    pub fn peek(&self) -> Result<Option<(u8, &[u8])>, Malformed> {
        let Some((tag, length)) = header(&self.buffer[self.at..])? else { return Ok(None) };
        Ok(self.buffer.get(self.at + HEADER..self.at + length).map(|body| (tag, body)))
    }

    /// Moves past the next message.
    pub fn advance(&mut self) -> Result<(), Malformed> {
        if let Some((_, length)) = header(&self.buffer[self.at..])? {
            self.at = (self.at + length).min(self.buffer.len());
        }
        Ok(())
    }

    /// The buffer that bodies are slices of.
    pub fn buffer(&self) -> &Bytes {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend((body.len() as i32 + 4).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    proptest! {
        #[test]
        fn messages_are_found_again_wherever_the_buffer_ends(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6), cut in 0usize..150
        ) {
            let all: Vec<u8> = bodies.iter().flat_map(|body| message(b'd', body)).collect();
            let cut = cut.min(all.len());
            let mut seen = 0;
            let end = whole(&all[..cut], |tag, body| { assert_eq!((tag, body), (b'd', &bodies[seen][..])); seen += 1 }).unwrap();
            prop_assert!(end <= cut);
            let mut frames = Frames::new(Bytes::from(all[..end].to_vec()));
            for body in &bodies[..seen] {
                prop_assert_eq!(frames.peek().unwrap(), Some((b'd', &body[..])));
                frames.advance().unwrap();
            }
            prop_assert_eq!(frames.peek().unwrap(), None);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = whole(&bytes, |_, _| {});
        }
    }

    #[test]
    fn lying_lengths_are_refused_before_anything_is_read() {
        for length in [i32::MIN, -1, 0, 3, i32::MAX] {
            let mut bytes = vec![b'd'];
            bytes.extend(length.to_be_bytes());
            assert!(header(&bytes).is_err(), "{length}");
        }
    }
}
