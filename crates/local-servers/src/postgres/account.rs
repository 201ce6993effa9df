//! The unprivileged user that Postgres runs as when we are root, and how it reaches the data directory.

use crate::StartError;
use nix::unistd::{Uid, User, chown};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A user to change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None` when we are not root and need not change. An existing cluster keeps its owner.
    pub(crate) fn choose(cluster: &Path) -> Result<Option<Self>, StartError> {
        let owner = std::fs::metadata(cluster).ok().map(|found| Self { user: found.uid(), group: found.gid() });
        let us = Uid::effective();
        match owner {
            Some(owner) if !us.is_root() && owner.user != us.as_raw() => {
                Err(StartError::ForeignData { path: cluster.to_owned(), owner: owner.user })
            }
            _ if !us.is_root() => Ok(None),
            Some(owner) if owner.user != 0 => Ok(Some(owner)),
            _ => Self::unprivileged().map(Some),
        }
    }

    fn unprivileged() -> Result<Self, StartError> {
        let find = |name| User::from_name(name).ok().flatten();
        let user = find("postgres").or_else(|| find("nobody")).ok_or(StartError::NoUnprivilegedUser)?;
        Ok(Self { user: user.uid.as_raw(), group: user.gid.as_raw() })
    }

    pub(crate) fn own(self, path: &Path) -> Result<(), StartError> {
        chown(path, Some(self.user.into()), Some(self.group.into()))
            .map_err(|error| StartError::io("change the owner of", path)(error.into()))
    }

    /// Runs a command as this user, with none of our supplementary groups.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}
