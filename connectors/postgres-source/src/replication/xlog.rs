//! What travels inside the CopyData messages of a replication stream (PostgreSQL documentation, "Streaming Replication
//! Protocol").

use bytes::{BufMut, BytesMut};

use super::Malformed;
use super::cursor::Cursor;
use crate::lsn::Lsn;

/// What the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromServer<'a> {
    /// One message of the plugin.
    Data {
        /// Where in the log the change stands.
        lsn: Lsn,
        /// The message.
        message: &'a [u8],
    },
    /// A sign of life.
    Keepalive {
        /// The end of what has been decoded and sent.
        end: Lsn,
        /// Whether the server wants an answer at once.
        reply: bool,
    },
}

/// Reads the body of a CopyData message.
pub fn read(body: &[u8]) -> Result<FromServer<'_>, Malformed> {
    let mut cursor = Cursor(body);
    match cursor.u8()? {
        b'w' => {
            let lsn = Lsn(cursor.u64()?);
            cursor.take(16)?;
            Ok(FromServer::Data { lsn, message: cursor.0 })
        }
        b'k' => {
            let end = Lsn(cursor.u64()?);
            cursor.take(8)?;
            Ok(FromServer::Keepalive { end, reply: cursor.u8()? == 1 })
        }
        _ => Err(Malformed("an unknown message inside the stream")),
    }
}

/// Whether a CopyData body is a keepalive that wants an answer.
pub fn wants_reply(body: &[u8]) -> bool {
    matches!(read(body), Ok(FromServer::Keepalive { reply: true, .. }))
}

/// A standby status update, framed as CopyData. `flushed` is what the server may forget.
pub fn status(received: Lsn, flushed: Lsn, want_reply: bool) -> BytesMut {
    let mut out = BytesMut::with_capacity(39);
    out.put_u8(b'd');
    out.put_i32(4 + 34);
    out.put_u8(b'r');
    out.put_u64(received.0.max(flushed.0));
    out.put_u64(flushed.0);
    out.put_u64(flushed.0);
    out.put_i64(0);
    out.put_u8(u8::from(want_reply));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_status_says_what_may_be_forgotten() {
        let bytes = status(Lsn(9), Lsn(5), true);
        assert_eq!(bytes.len(), 39);
        assert_eq!(&bytes[..14], b"d\0\0\0\x26r\0\0\0\0\0\0\0\x09");
        assert_eq!((bytes[21], bytes[38]), (5, 1));
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&body);
        }
    }
}
