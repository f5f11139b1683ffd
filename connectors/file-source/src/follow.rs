//! The file on disk: it may be missing, grow, be cut, or be replaced by another.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::lines::Lines;

/// How many bytes one read asks for.
const READ_BYTES: usize = 256 * 1024;

/// Where a task stopped, as far as it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stored {
    /// What Kafka Connect stores. It adds up characters (UTF-16 units) and, when it starts, passes over as many bytes: so it is never
    /// beyond the place that was reached, and before it where the file has more than ASCII.
    pub position: u64,
    /// The place in bytes; unknown if Kafka Connect wrote the position.
    pub byte: Option<u64>,
    /// The file's number on its file system, to tell a replaced file.
    pub inode: Option<u64>,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// New bytes.
    Bytes,
    /// Nothing new.
    Nothing,
    /// The file is not there.
    Missing,
    /// The file was cut or replaced: reading starts anew, for that reason.
    Anew(String),
}

/// Follows one file by its path.
pub(crate) struct Follow {
    path: PathBuf,
    stored: Option<Stored>,
    open: Option<Open>,
    buffer: Vec<u8>,
}

struct Open {
    file: File,
    inode: u64,
}

impl Follow {
    pub fn new(path: PathBuf, stored: Option<Stored>) -> Follow {
        Follow { path, stored, open: None, buffer: vec![0; READ_BYTES] }
    }

    /// The open file's number.
    pub fn inode(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.inode)
    }

    /// Reads what is new into `lines`.
    pub fn read(&mut self, lines: &mut Lines) -> io::Result<Found> {
        if self.open.is_none() {
            return self.open(lines);
        }
        let Some(open) = &mut self.open else { return Ok(Found::Missing) };
        let count = open.file.read(&mut self.buffer)?;
        if count > 0 {
            lines.push(&self.buffer[..count]);
            return Ok(Found::Bytes);
        }
        self.look_for_change(lines)
    }

    fn open(&mut self, lines: &mut Lines) -> io::Result<Found> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        let inode = metadata.ino();
        let (place, anew) = match self.stored.take() {
            None => (0, None),
            Some(stored) => resume(&mut file, stored, inode, metadata.len())?,
        };
        file.seek(SeekFrom::Start(place))?;
        *lines = Lines::at(place);
        self.open = Some(Open { file, inode });
        Ok(anew.map_or(Found::Bytes, Found::Anew))
    }

    /// At the end of the open file: has it been cut, or has another taken its place?
    fn look_for_change(&mut self, lines: &mut Lines) -> io::Result<Found> {
        let Some(open) = &self.open else { return Ok(Found::Missing) };
        if open.file.metadata()?.len() < lines.read_from() {
            return Ok(self.anew(lines, "it has become shorter"));
        }
        match fs::metadata(&self.path) {
            Ok(found) if found.ino() != open.inode => Ok(self.anew(lines, "another file has taken its place")),
            _ => Ok(Found::Nothing),
        }
    }

    fn anew(&mut self, lines: &mut Lines, why: &str) -> Found {
        let lost = lines.waiting();
        self.open = None;
        *lines = Lines::default();
        let cut = if lost > 0 { format!(" (its last {lost} bytes were no whole line)") } else { String::new() };
        Found::Anew(format!("{} is read from its start: {why}{cut}", self.path.display()))
    }
}

/// The place that was stored, if the file still has it.
fn resume(file: &mut File, stored: Stored, inode: u64, length: u64) -> io::Result<(u64, Option<String>)> {
    let start = |why: &str| Ok((0, Some(format!("the file is read from its start: {why}"))));
    if stored.inode.is_some_and(|known| known != inode) {
        return start("it is not the file that was read before");
    }
    let byte = match stored.byte {
        Some(byte) => byte,
        None => line_start(file, stored.position)?,
    };
    if byte > length {
        return start("it has become shorter");
    }
    Ok((byte, None))
}

/// Where the line begins in which a position of Kafka Connect lies, which may be in the middle of one.
fn line_start(file: &mut File, position: u64) -> io::Result<u64> {
    let mut end = position;
    while end > 0 {
        let begin = end.saturating_sub(READ_BYTES as u64);
        file.seek(SeekFrom::Start(begin))?;
        let mut chunk = Vec::new();
        (&mut *file).take(end - begin).read_to_end(&mut chunk)?;
        if let Some(found) = chunk.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            return Ok(begin + found as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_kafka_connect_leads_to_the_start_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let long = "x".repeat(READ_BYTES + 10);
        fs::write(&path, format!("zwölf\n𝄞\n{long}\nend\n")).unwrap();
        let mut file = File::open(&path).unwrap();
        let end = 12 + long.len() as u64;
        for (position, start) in [(0, 0), (6, 0), (7, 7), (9, 7), (12, 12), (end, 12), (end + 1, end + 1)] {
            assert_eq!(line_start(&mut file, position).unwrap(), start, "{position}");
        }
    }
}
