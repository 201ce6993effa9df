//! Standard output: what a command was asked for. Everything else goes to standard error.

use crate::failure::Failure;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a line.
///
/// # Errors
/// As [`print`].
pub fn line(text: impl Display) -> Result<(), Failure> {
    print(format_args!("{text}\n"))
}

/// Prints `text` as it is.
///
/// # Errors
/// When it cannot be written. A closed pipe (`| head`) is none: its reader has seen enough, and the exit code still tells
/// what became of the command.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    is_read(write!(out, "{text}").and_then(|()| out.flush())).map(|_| ())
}

/// Whether anybody reads what was written.
///
/// # Errors
/// For everything but a closed pipe.
pub fn is_read(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).context("standard output cannot be written").into()),
    }
}
