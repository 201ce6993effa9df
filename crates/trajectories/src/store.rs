//! Where bytes live: a folder (`file:///…`, the default) or a bucket of an object store that speaks S3 (`s3://…`).
//!
//! A put is durable and atomic: files are written beside their name, flushed to the disk, renamed, and the folder is
//! flushed too. Keys are relative by construction; nothing can be read or written outside the store's root.

mod key;

use crate::error::{Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::ops::Range;
use std::sync::Arc;

/// A handle on the object store; clones share it.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    store: Arc<dyn object_store::ObjectStore>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

impl ObjectStore {
    /// Opens `file:///absolute/folder` (made if it does not exist) or `s3://bucket/prefix` (credentials and endpoint from the usual
    /// `AWS_…` variables).
    ///
    /// # Errors
    /// `StoreUrl` that says what to write instead.
    pub fn open(url: &str) -> Result<Self> {
        let readable =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self::open_with(url, std::env::vars_os().filter_map(readable))
    }

    /// The same with other variables than those of the process.
    pub fn open_with(url: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        match url.split_once("://") {
            Some(("file", folder)) if folder.starts_with('/') => Self::local(std::path::Path::new(folder)),
            Some(("s3", bucket)) => open_s3(url, bucket, variables),
            _ => Err(store_url(url, "write file:///absolute/folder or s3://bucket/prefix")),
        }
    }

    /// Opens a folder, making it if it does not exist.
    pub fn local(folder: &std::path::Path) -> Result<Self> {
        let refused = |reason: &dyn std::fmt::Display| store_url(&folder.display().to_string(), reason);
        std::fs::create_dir_all(folder).map_err(|error| refused(&error))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| refused(&error))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)) })
    }

    /// Stores `bytes` under `key`, replacing what was there; durable when this returns.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<Stored> {
        let path = key::path(key)?;
        let stored = Stored { key: key.to_owned(), sha256: sha256(&bytes), bytes: bytes.len() as u64 };
        self.store.put(&path, PutPayload::from(bytes)).await.map_err(failed("write", key))?;
        Ok(stored)
    }

    /// All bytes under `key`.
    pub async fn get(&self, key: &str) -> Result<Bytes> {
        let path = key::path(key)?;
        let object = self.store.get(&path).await.map_err(failed("read", key))?;
        object.bytes().await.map_err(failed("read", key))
    }

    /// All bytes under `key`, if they are those with this SHA-256 (lower-case hexadecimal).
    ///
    /// # Errors
    /// `Digest` when other bytes are there.
    pub async fn get_recorded(&self, key: &str, digest: &str) -> Result<Bytes> {
        let bytes = self.get(key).await?;
        if sha256(&bytes) == digest { Ok(bytes) } else { Err(Error::Digest { key: key.to_owned() }) }
    }

    /// The bytes in `range`, which ends inside the object.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let path = key::path(key)?;
        self.store.get_range(&path, range).await.map_err(failed("read", key))
    }

    /// The bytes in each of `ranges`; near ones are read together.
    pub async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let path = key::path(key)?;
        self.store.get_ranges(&path, ranges).await.map_err(failed("read", key))
    }

    /// Size in bytes; `None` when there is nothing under `key`.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        let path = key::path(key)?;
        match self.store.head(&path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", key)(error)),
        }
    }

    /// Keys below the folder `prefix`, sorted.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let path = key::path(prefix)?;
        let objects = self.store.list(Some(&path)).map_ok(|object| object.location.to_string());
        let mut keys: Vec<String> = objects.try_collect().await.map_err(failed("list", prefix))?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Deletes what is under `key`; nothing there is no error.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let path = key::path(key)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete", key)(error)),
        }
    }
}

/// SHA-256 in lower-case hexadecimal (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open_s3(url: &str, bucket: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<ObjectStore> {
    let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let mut store = AmazonS3Builder::new().with_bucket_name(bucket);
    for (name, value) in variables.into_iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(setting) = name.to_ascii_lowercase().parse() {
            store = store.with_config(setting, value);
        }
    }
    let store = store.build().map_err(|error| store_url(url, error))?;
    let prefix = prefix.trim_end_matches('/');
    let prefix = if prefix.is_empty() { object_store::path::Path::default() } else { key::path(prefix)? };
    Ok(ObjectStore { store: Arc::new(PrefixStore::new(store, prefix)) })
}

fn store_url(url: &str, reason: impl std::fmt::Display) -> Error {
    Error::StoreUrl { url: url.to_owned(), reason: reason.to_string() }
}

fn failed<'a>(action: &'static str, key: &'a str) -> impl Fn(object_store::Error) -> Error + 'a {
    move |reason| Error::Store { action, key: key.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn urls_that_cannot_be_used_say_what_to_write() {
        for url in ["", "var/store", "file://relative", "ftp://x/y"] {
            let error = ObjectStore::open(url).unwrap_err().to_string();
            assert!(error.contains("file:///absolute/folder"), "{error}");
        }
    }
}
