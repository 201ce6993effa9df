//! One instance per directory, by an advisory lock that the kernel drops with its holder.

use crate::StartError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held while this value lives; a killed holder loses it at once, so a stale lock cannot exist.
#[derive(Debug)]
pub struct InstanceLock {
    file: File,
}

impl InstanceLock {
    /// Takes the lock and writes our process id into the file for the message that a second instance prints.
    ///
    /// # Errors
    /// [`StartError::Held`] with the holder's process id; [`StartError::Io`] when the file cannot be made.
    pub fn acquire(path: &Path) -> Result<Self, StartError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(StartError::io("create", parent))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StartError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::Held { path: path.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(StartError::io("lock", path)(source)),
        }
        write_holder(&mut file).map_err(StartError::io("write", path))?;
        Ok(Self { file })
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two different files of one name.
        let _ = self.file.set_len(0);
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "(unknown)".to_owned(),
    }
}
