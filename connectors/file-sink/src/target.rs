//! The file on disk, or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where lines go.
pub(crate) enum Target {
    File(File),
    Stdout,
}

/// A piece of a line at the end of the file, which has been moved out of the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub bytes: u64,
    pub moved_to: PathBuf,
}

impl Target {
    /// Opens the file for appending. A process that was killed while it wrote can leave a piece of a line at the end;
    /// the whole record comes again, so the piece is moved to `<file>.torn`: neither lost nor taken for a record.
    pub fn open(path: &Path) -> io::Result<(Target, Option<Torn>)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock()
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another task or process writes to it"))?;
        let torn = move_torn_end(&mut file, path)?;
        Ok((Target::File(file), torn))
    }

    /// Appends whole lines.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Target::File(file) => file.write_all(lines),
            Target::Stdout => io::stdout().lock().write_all(lines),
        }
    }

    /// Returns once the disk has everything that was appended.
    pub fn sync(&mut self) -> io::Result<()> {
        match self {
            Target::File(file) => file.sync_data(),
            Target::Stdout => io::stdout().lock().flush(),
        }
    }
}

fn move_torn_end(file: &mut File, path: &Path) -> io::Result<Option<Torn>> {
    let length = file.metadata()?.len();
    let whole = end_of_last_line(file, length)?;
    if whole == length {
        return Ok(None);
    }
    let mut piece = Vec::new();
    file.seek(SeekFrom::Start(whole))?;
    file.read_to_end(&mut piece)?;
    piece.push(b'\n');
    let mut name = path.as_os_str().to_owned();
    name.push(".torn");
    let moved_to = PathBuf::from(name);
    let mut torn = OpenOptions::new().create(true).append(true).open(&moved_to)?;
    torn.write_all(&piece)?;
    torn.sync_data()?;
    file.set_len(whole)?;
    Ok(Some(Torn { bytes: length - whole, moved_to }))
}

/// The length of the file up to and with its last line end.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    const CHUNK: u64 = 64 * 1024;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let mut chunk = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        let first = Target::open(&path).unwrap();
        assert!(Target::open(&path).is_err());
        drop(first);
        assert!(Target::open(&path).is_ok());
    }

    #[test]
    fn a_torn_end_is_moved_away_and_whole_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        for (before, after, torn) in [
            (String::new(), String::new(), None),
            ("a\nb\n".to_owned(), "a\nb\n".to_owned(), None),
            ("a\nb".to_owned(), "a\n".to_owned(), Some("b\n".to_owned())),
            (format!("a\n{}", "x".repeat(200_000)), "a\n".to_owned(), Some(format!("{}\n", "x".repeat(200_000)))),
            ("x".to_owned(), String::new(), Some("x\n".to_owned())),
        ] {
            fs::write(&path, before).unwrap();
            let _ = fs::remove_file(folder.path().join("out.txt.torn"));
            let (mut target, moved) = Target::open(&path).unwrap();
            target.append(b"next\n").unwrap();
            drop(target);
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{after}next\n"));
            let kept = moved.map(|torn| fs::read_to_string(torn.moved_to).unwrap());
            assert_eq!(kept, torn);
        }
    }
}
