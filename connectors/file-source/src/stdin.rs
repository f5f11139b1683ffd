//! Standard input, read on a thread of its own because nothing can interrupt the read.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// How many chunks may wait to be turned into lines.
const CHUNKS: usize = 4;
const CHUNK_BYTES: usize = 64 * 1024;

/// What came of standard input.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

pub(crate) struct Stdin(Receiver<Vec<u8>>);

impl Stdin {
    pub fn start() -> Stdin {
        let (sender, receiver) = sync_channel(CHUNKS);
        std::thread::spawn(move || forward(&sender));
        Stdin(receiver)
    }

    /// Waits at most that long: the thread belongs to this task alone, so it may.
    pub fn read(&self, wait: Duration) -> Input {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.0.recv_timeout(wait) {
            Ok(bytes) => Input::Bytes(bytes),
            Err(Timeout) => Input::Nothing,
            Err(Disconnected) => Input::End,
        }
    }
}

fn forward(sender: &SyncSender<Vec<u8>>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut chunk) {
        if sender.send(chunk[..count].to_vec()).is_err() {
            return;
        }
    }
}
