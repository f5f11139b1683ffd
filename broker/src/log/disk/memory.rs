//! A disk in memory with faults, for tests: it knows what would survive a power cut, runs full, fails and writes short.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, Entry};

/// A disk whose state is shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    /// What a lookup finds.
    names: BTreeMap<PathBuf, Node>,
    /// What a lookup would find after a power cut.
    safe_names: BTreeMap<PathBuf, Node>,
    next_inode: u64,
    faults: Faults,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    Dir,
    File(u64),
}

#[derive(Debug, Default)]
struct Inode {
    content: Vec<u8>,
    safe: Vec<u8>,
}

/// What shall go wrong.
#[derive(Debug, Default, Clone)]
pub struct Faults {
    /// Bytes that all files together may have; `None` for no limit.
    pub room: Option<usize>,
    /// Every sync fails with EIO, and what it should have saved is lost.
    pub syncs_fail: bool,
    /// A single write takes at most this many bytes.
    pub write_at_most: Option<usize>,
    /// How many syncs there were, of files, folders and everything.
    pub syncs: usize,
    /// After so many changes and syncs nothing happens any more, as if the process had died there.
    pub dies_after: Option<usize>,
    /// How many changes and syncs there were.
    pub steps: usize,
}

impl MemoryDisk {
    /// Sets or reads the faults.
    pub fn faults<R>(&self, change: impl FnOnce(&mut Faults) -> R) -> R {
        change(&mut self.0.lock().faults)
    }

    /// A disk as a power cut would leave it: everything that was not synced is gone.
    pub fn after_power_cut(&self) -> Self {
        self.copy(true)
    }

    /// A disk as a killed process would leave it: everything that was written is there.
    pub fn after_kill(&self) -> Self {
        self.copy(false)
    }

    fn copy(&self, power_cut: bool) -> Self {
        let state = self.0.lock();
        let mut names = if power_cut { state.safe_names.clone() } else { state.names.clone() };
        let known = names.clone();
        names.retain(|path, _| path.ancestors().all(|dir| known.contains_key(dir)));
        let alive: BTreeSet<u64> = names.values().filter_map(Node::inode).collect();
        let inodes = state.inodes.iter().filter(|(id, _)| alive.contains(id));
        let survivor = |inode: &Inode| {
            let content = if power_cut { inode.safe.clone() } else { inode.content.clone() };
            Inode { safe: content.clone(), content }
        };
        let inodes = inodes.map(|(id, inode)| (*id, survivor(inode))).collect();
        let next_inode = state.next_inode;
        Self(Arc::new(Mutex::new(State {
            inodes,
            safe_names: names.clone(),
            names,
            next_inode,
            faults: Faults::default(),
        })))
    }

    /// Changes a file's content behind everybody's back, synced.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let id = state.names.get(path).and_then(Node::inode).unwrap();
        let inode = state.inodes.get_mut(&id).unwrap();
        change(&mut inode.content);
        inode.safe = inode.content.clone();
    }

    /// Every path, folders included.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }
}

impl Node {
    fn inode(&self) -> Option<u64> {
        match self {
            Self::Dir => None,
            Self::File(id) => Some(*id),
        }
    }
}

impl State {
    fn used(&self) -> usize {
        self.inodes.values().map(|inode| inode.content.len()).sum()
    }

    /// A change or a sync is about to happen.
    fn step(&mut self) -> io::Result<()> {
        self.faults.steps += 1;
        let dead = self.faults.dies_after.is_some_and(|last| self.faults.steps > last);
        if dead { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.step()?;
        self.faults.syncs += 1;
        if self.faults.syncs_fail { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn file(&mut self, path: &Path, create: bool) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None if !create => Err(io::ErrorKind::NotFound.into()),
            None if !path.parent().is_some_and(|dir| self.names.contains_key(dir)) => {
                Err(io::ErrorKind::NotFound.into())
            }
            None if self.faults.room.is_some_and(|room| self.used() >= room) => Err(io::ErrorKind::StorageFull.into()),
            None => {
                self.step()?;
                self.next_inode += 1;
                let id = self.next_inode;
                self.inodes.insert(id, Inode::default());
                self.names.insert(path.to_owned(), Node::File(id));
                Ok(id)
            }
        }
    }

    /// Makes the entries of one folder safe, those below it not.
    fn save_names(&mut self, of: impl Fn(&Path) -> bool) {
        self.safe_names.retain(|path, _| !of(path));
        let names = self.names.iter().filter(|(path, _)| of(path)).map(|(path, node)| (path.clone(), *node));
        self.safe_names.extend(names.collect::<Vec<_>>());
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.0.lock().file(path, false)?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), inode }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.0.lock().file(path, true)?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), inode }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        for dir in path.ancestors() {
            state.names.entry(dir.to_owned()).or_insert(Node::Dir);
            // The log folder itself stands for one that was there before.
            if dir.ancestors().count() <= 2 {
                state.safe_names.insert(dir.to_owned(), Node::Dir);
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.0.lock();
        if state.names.get(dir) != Some(&Node::Dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        let entry = |(path, node): (&PathBuf, &Node)| {
            Some(Entry { name: path.file_name()?.to_str()?.to_owned(), is_dir: *node == Node::Dir })
        };
        Ok(inside.filter_map(entry).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let moved: Vec<_> =
            state.names.iter().filter(|(path, _)| path.starts_with(from)).map(|(p, n)| (p.clone(), *n)).collect();
        for (path, node) in moved {
            state.names.remove(&path);
            let below = path.strip_prefix(from).unwrap();
            let target = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
            state.names.insert(target, node);
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.names.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.sync()?;
        state.save_names(|path| path.parent() == Some(dir));
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.sync()?;
        state.save_names(|_| true);
        state.inodes.values_mut().for_each(|inode| inode.safe = inode.content.clone());
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    inode: u64,
}

impl MemoryFile {
    fn with<R>(&self, use_inode: impl FnOnce(&mut Inode) -> R) -> R {
        use_inode(self.disk.0.lock().inodes.get_mut(&self.inode).unwrap())
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, out: &mut Vec<u8>, len: usize, at: u64) -> io::Result<usize> {
        self.with(|inode| {
            let rest = inode.content.get(at as usize..).unwrap_or_default();
            let read = &rest[..len.min(rest.len())];
            out.extend_from_slice(read);
            Ok(read.len())
        })
    }

    fn write_at(&self, parts: &[&[u8]], at: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.step()?;
        let mut bytes = parts.concat();
        bytes.truncate(state.faults.write_at_most.unwrap_or(usize::MAX));
        let old = state.inodes[&self.inode].content.len();
        let room = state.faults.room.map_or(usize::MAX, |room| room.saturating_sub(state.used()) + old);
        let at = at as usize;
        let free = room.max(old).saturating_sub(at);
        if free == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes.truncate(free);
        let inode = state.inodes.get_mut(&self.inode).unwrap();
        inode.content.resize(inode.content.len().max(at + bytes.len()), 0);
        inode.content[at..at + bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|inode| inode.content.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.0.lock().step()?;
        self.with(|inode| inode.content.resize(len as usize, 0));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.sync()?;
        let inode = state.inodes.get_mut(&self.inode).unwrap();
        inode.safe = inode.content.clone();
        Ok(())
    }
}
