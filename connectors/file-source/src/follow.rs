//! The file on disk: it may be missing, grow, be cut, or be replaced by another.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::lines::{Lines, Place, characters};

/// How many bytes one read asks for.
const READ_BYTES: usize = 256 * 1024;

/// Where a task stopped, as far as it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stored {
    /// Characters, as Kafka Connect stores them.
    pub character: u64,
    /// Bytes; unknown if Kafka Connect wrote the position.
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
            None => (Place::default(), None),
            Some(stored) => resume(&mut file, stored, inode, metadata.len())?,
        };
        file.seek(SeekFrom::Start(place.byte))?;
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
fn resume(file: &mut File, stored: Stored, inode: u64, length: u64) -> io::Result<(Place, Option<String>)> {
    let start = |why: &str| Ok((Place::default(), Some(format!("the file is read from its start: {why}"))));
    if stored.inode.is_some_and(|known| known != inode) {
        return start("it is not the file that was read before");
    }
    let byte = match stored.byte {
        Some(byte) => byte,
        None => byte_of_character(file, stored.character)?,
    };
    if byte > length {
        return start("it has become shorter");
    }
    Ok((Place { byte, character: stored.character }, None))
}

/// The byte at which a count of characters ends: for positions that Kafka Connect wrote.
fn byte_of_character(file: &mut File, wanted: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(READ_BYTES, file).bytes();
    let (mut bytes, mut seen) = (0, 0);
    while seen < wanted {
        let Some(byte) = reader.next().transpose()? else { break };
        seen += characters(&[byte]);
        bytes += 1;
    }
    while let Some(Ok(0x80..=0xbf)) = reader.next() {
        bytes += 1;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_characters_leads_to_its_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "zwölf\n𝄞\nend\n").unwrap();
        let mut file = File::open(&path).unwrap();
        assert_eq!(byte_of_character(&mut file, 6).unwrap(), 7);
        file.rewind().unwrap();
        assert_eq!(byte_of_character(&mut file, 9).unwrap(), 12);
    }
}
