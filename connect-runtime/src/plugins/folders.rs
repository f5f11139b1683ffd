//! Libraries and programs in the folders of `plugin.path`: which are trusted, which are new.
//!
//! A file is loaded from a copy in the worker's own folder, named by its content: a file that is written over while the worker
//! runs, as a copy on top of it does, would otherwise end the worker.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::library::check_file;
use super::process::{Program, program_of};

/// The largest file that is looked at, in bytes.
const LARGEST_FILE: u64 = 1 << 30;
/// Files that a program names and that are larger are not looked at for changes, in bytes.
const LARGEST_SCRIPT: u64 = 16 << 20;
/// How the files are named that describe programs.
const PROGRAM_ENDING: &str = ".plugin.json";
/// How many files of one folder are looked at.
const MOST_FILES: usize = 10_000;

/// A file or folder that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it is.
    pub location: String,
    /// Why. Completes the sentence "it is not loaded: ...".
    pub reason: String,
}

/// The folders, and what has been found in them.
#[derive(Default)]
pub struct Folders {
    paths: Vec<PathBuf>,
    copies: PathBuf,
    /// Contents that are loaded, by their digest.
    loaded: BTreeSet<String>,
    /// What the last scan refused. The next one looks at it again, since what was in the way may have passed.
    refused: Vec<Refused>,
}

/// A file that may be loaded.
pub struct Found {
    /// Where it was found.
    pub location: String,
    /// What runs it: for a library, its copy.
    pub program: Program,
    digest: String,
}

impl Folders {
    /// These folders; copies go into `copies`, which belongs to this worker alone and is emptied.
    pub fn new(paths: Vec<PathBuf>, copies: PathBuf) -> Folders {
        let _ = fs::remove_dir_all(&copies);
        Folders { paths, copies, ..Folders::default() }
    }

    /// A file that its user trusts, as it is.
    pub fn trust(file: &Path) -> Result<Program, String> {
        let unreadable = |why: io::Error| format!("it cannot be read: {why}");
        let file = fs::canonicalize(file).map_err(unreadable)?;
        let content = fs::read(&file).map_err(unreadable)?;
        if file.to_string_lossy().ends_with(PROGRAM_ENDING) {
            return program_of(&file, &content);
        }
        check_file(&content).map(|()| Program::Library(file))
    }

    /// Files that are not loaded with this content.
    pub fn new_files(&mut self) -> Vec<Found> {
        self.refused.clear();
        let mut found = Vec::new();
        for path in self.paths.clone() {
            match candidates(&path) {
                Ok(files) => files.into_iter().for_each(|file| self.look(&file, &mut found)),
                Err(reason) => self.refused.push(Refused { location: path.display().to_string(), reason }),
            }
        }
        found
    }

    fn look(&mut self, file: &Path, found: &mut Vec<Found>) {
        let location = file.display().to_string();
        let content = match self.trusted_content(file) {
            Ok(content) => content,
            Err(reason) => return self.refused.push(Refused { location, reason }),
        };
        let digest = match program_files(file, &content) {
            // Of a program, all that its description may depend on.
            Some(others) => digest(&[file.display().to_string().into_bytes(), content.clone(), others].concat()),
            None => digest(&content),
        };
        if self.loaded.contains(&digest) {
            return;
        }
        match self.program(file, &digest, &content) {
            Ok(program) => {
                self.loaded.insert(digest.clone());
                found.push(Found { location, program, digest });
            }
            Err(reason) => self.refused.push(Refused { location, reason }),
        }
    }

    /// The content of a file that only its owner can have written, and that lies in one of the folders.
    fn trusted_content(&self, file: &Path) -> Result<Vec<u8>, String> {
        let canonical = fs::canonicalize(file).map_err(|why| format!("it cannot be found: {why}"))?;
        let inside = |folder: &PathBuf| fs::canonicalize(folder).is_ok_and(|folder| canonical.starts_with(folder));
        if !self.paths.iter().any(inside) {
            return Err(format!("it is a link to {}, outside of `plugin.path`", canonical.display()));
        }
        if let Some(folder) = canonical.parent() {
            trusted(&fs::metadata(folder).map_err(|why| format!("its folder cannot be read: {why}"))?)
                .map_err(|why| format!("its folder {} {why}", folder.display()))?;
        }
        let mut opened = File::open(&canonical).map_err(|why| format!("it cannot be opened: {why}"))?;
        let metadata = opened.metadata().map_err(|why| format!("it cannot be read: {why}"))?;
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        trusted(&metadata).map_err(|why| format!("it {why}"))?;
        if metadata.len() > LARGEST_FILE {
            return Err(format!("it is larger than {LARGEST_FILE} bytes"));
        }
        let mut content = Vec::with_capacity(metadata.len() as usize);
        opened.read_to_end(&mut content).map_err(|why| format!("it cannot be read: {why}"))?;
        Ok(content)
    }

    fn program(&self, file: &Path, digest: &str, content: &[u8]) -> Result<Program, String> {
        if is_library(file) {
            check_file(content)?;
            return self.copy(file, digest, content).map(Program::Library);
        }
        let program = program_of(file, content)?;
        if let Program::Command(words, folder) = &program {
            for file in named_files(words, folder) {
                for part in [Some(file.as_path()), file.parent()].into_iter().flatten() {
                    let metadata =
                        fs::metadata(part).map_err(|why| format!("{} cannot be read: {why}", part.display()))?;
                    trusted(&metadata).map_err(|why| format!("its file {} {why}", part.display()))?;
                }
            }
        }
        Ok(program)
    }

    fn copy(&self, file: &Path, digest: &str, content: &[u8]) -> Result<PathBuf, String> {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let copy = self.copies.join(format!("{stem}-{}.so", &digest[..16]));
        write_copy(&self.copies, &copy, content)
            .map_err(|why| format!("it cannot be copied to {}: {why}", copy.display()))?;
        Ok(copy)
    }

    /// The file was not fit after all.
    pub fn refuse(&mut self, found: &Found, reason: String) {
        self.loaded.remove(&found.digest);
        self.refused.push(Refused { location: found.location.clone(), reason });
    }

    /// What the last scan refused.
    pub fn refused(&self) -> Vec<Refused> {
        self.refused.clone()
    }
}

/// The contents of the files that a program names; `None` for a library.
fn program_files(file: &Path, content: &[u8]) -> Option<Vec<u8>> {
    if is_library(file) {
        return None;
    }
    let Ok(Program::Command(words, folder)) = program_of(file, content) else { return Some(Vec::new()) };
    let small = |file: &PathBuf| fs::metadata(file).is_ok_and(|file| file.len() < LARGEST_SCRIPT);
    Some(named_files(&words, &folder).filter(small).filter_map(|file| fs::read(file).ok()).flatten().collect())
}

/// The words of a program's command that are files, seen from its folder.
fn named_files(words: &[String], folder: &Path) -> impl Iterator<Item = PathBuf> {
    words.iter().map(|word| folder.join(word)).filter(|file| file.is_file())
}

fn is_library(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "so")
}

/// The libraries and programs of a folder and of the folders in it, in order.
fn candidates(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |why: io::Error| format!("the folder cannot be read: {why}");
    let mut files = Vec::new();
    let mut take = |path: PathBuf| {
        let is_program = path.to_string_lossy().ends_with(PROGRAM_ENDING);
        if (is_library(&path) || is_program) && files.len() < MOST_FILES {
            files.push(path);
        }
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.is_dir() {
            take(path);
        } else if let Ok(inner) = fs::read_dir(&path) {
            inner.filter_map(Result::ok).for_each(|entry| take(entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether only the worker's user or root can change it. The error completes a sentence that begins with what it is.
fn trusted(metadata: &Metadata) -> Result<(), String> {
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != own {
        return Err(format!("belongs to another user ({}): it must be root's or the worker's own", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("can be written by others (mode {:o}): `chmod go-w` it", metadata.mode() & 0o777));
    }
    Ok(())
}

fn digest(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes it beside and renames it, so that a copy that is there is whole.
fn write_copy(folder: &Path, copy: &Path, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    let part = copy.with_extension(format!("part-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o500).open(&part)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(&part, copy)
}
