//! A disk in memory: it can be full, it can fail to sync, and it can be cut and damaged between two starts.

use curfew::state::journal::disk::{Disk, Tape};
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Default)]
pub struct Inside {
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many bytes there is room for; `None` for no end of it.
    pub room: Option<usize>,
    /// So many syncs from now on fail.
    pub bad_syncs: usize,
    /// No file can be cut.
    pub uncuttable: bool,
    /// No file can be removed.
    pub unremovable: bool,
    /// Whoever reads waits behind so many bytes of a file, as long as this stands here.
    pub waits_at: Option<u64>,
    /// Somebody waits there.
    pub waiting: bool,
    /// No file can be opened.
    pub unreadable: bool,
    /// Whoever writes panics.
    pub cursed: bool,
    pub syncs: usize,
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Inside>>);

impl Memory {
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// Another disk with these files: what a machine finds after it lost power.
    pub fn of(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(Inside { files, ..Inside::default() })))
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.inside().files.clone()
    }
}

/// A reader that may be made to wait.
struct Slow(Cursor<Vec<u8>>, Memory);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = self.0.position();
        let left = self.1.inside().waits_at.map(|until| until.saturating_sub(at));
        if left == Some(0) {
            self.1.inside().waiting = true;
            while self.1.inside().waits_at.is_some() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        let most = left.filter(|left| *left > 0).map_or(into.len(), |left| into.len().min(left as usize));
        self.0.read(&mut into[..most])
    }
}

struct Writing {
    disk: Memory,
    name: String,
}

impl Disk for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.inside().files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Tape>> {
        let mut inside = self.inside();
        if inside.files.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        inside.files.insert(name.into(), Vec::new());
        Ok(Box::new(Writing { disk: self.clone(), name: name.into() }))
    }

    fn open(&self, name: &str) -> io::Result<(u64, Box<dyn Read + Send>)> {
        if self.inside().unreadable {
            return Err(io::Error::other("too many open files"));
        }
        let bytes = self.inside().files.get(name).cloned().ok_or(ErrorKind::NotFound)?;
        Ok((bytes.len() as u64, Box::new(Slow(Cursor::new(bytes), self.clone()))))
    }

    fn cut(&self, name: &str, length: u64) -> io::Result<()> {
        let mut inside = self.inside();
        if inside.uncuttable {
            return Err(ErrorKind::Other.into());
        }
        inside.files.get_mut(name).ok_or(ErrorKind::NotFound)?.truncate(length as usize);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inside = self.inside();
        let bytes = inside.files.remove(from).ok_or(ErrorKind::NotFound)?;
        inside.files.insert(to.into(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.inside().unremovable {
            return Err(ErrorKind::Other.into());
        }
        self.inside().files.remove(name).map(|_| ()).ok_or(ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Tape for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let cursed = self.disk.inside().cursed;
        assert!(!cursed, "a fault of the gateway");
        let mut inside = self.disk.inside();
        let used: usize = inside.files.values().map(Vec::len).sum();
        let fits = inside.room.map_or(bytes.len(), |room| room.saturating_sub(used).min(bytes.len()));
        inside.files.get_mut(&self.name).ok_or(ErrorKind::NotFound)?.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inside = self.disk.inside();
        inside.syncs += 1;
        if inside.bad_syncs == 0 {
            return Ok(());
        }
        inside.bad_syncs -= 1;
        Err(io::Error::other("the disk does not answer"))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        Disk::cut(&self.disk, &self.name, length)
    }
}
