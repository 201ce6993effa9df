//! Free ports on loopback.

use crate::StartError;
use std::net::{Ipv4Addr, TcpListener};

/// A port that nobody listened on a moment ago; the server may still lose the race for it, and is then tried again.
pub fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StartError::NoPort)?;
    Ok(listener.local_addr().map_err(StartError::NoPort)?.port())
}

/// The preferred port when it is free, else any.
pub fn free_port_or(preferred: u16) -> Result<u16, StartError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, preferred)) {
        Ok(_) => Ok(preferred),
        Err(_) => free_port(),
    }
}
