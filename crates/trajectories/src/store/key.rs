//! Keys of objects: relative, plain, and never climbing.

use crate::error::{Error, Result};
use object_store::path::Path;

/// Longest key, bytes.
const MAX_LENGTH: usize = 512;

/// The store's own form of `key`.
pub(super) fn path(key: &str) -> Result<Path> {
    let refuse = |reason| Error::Key { key: key.chars().take(80).collect(), reason };
    if key.is_empty() || key.len() > MAX_LENGTH {
        return Err(refuse("it must have 1 to 512 bytes"));
    }
    if key.starts_with('/') {
        return Err(refuse("it must be relative"));
    }
    if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._=-/".contains(&b)) {
        return Err(refuse("it may hold only letters, digits and . _ = - /"));
    }
    if key.split('/').any(|part| part.is_empty() || part.bytes().all(|b| b == b'.')) {
        return Err(refuse("it may not hold empty parts, `.` or `..`"));
    }
    Path::parse(key).map_err(|_| refuse("the store does not accept it"))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn nothing_leaves_the_root() {
        for key in ["", "/etc/passwd", "..", "a/../b", "a//b", "a/./b", "a/", "a\\b", "a b", "a%2e%2e/b", "ü", "a\0b"]
        {
            assert!(path(key).is_err(), "{key:?} was accepted");
        }
        assert!(path(&"a".repeat(513)).is_err());
        for key in ["a", "trajectories/steps/run_id=1/split=train/part-train-0-1.parquet", ".hidden"] {
            assert_eq!(path(key).unwrap().as_ref(), key);
        }
    }
}
