//! Does it accept sessions? The first two messages of the frontend/backend protocol 3.0, as `pg_isready` does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Asks for a session; a request for authentication means that the server is up.
pub(crate) fn probe(port: u16, database: &str) -> Result<(), String> {
    match first_answer(port, database) {
        Ok(b'R') => Ok(()),
        Ok(b'E') => Err("it is still starting".to_owned()),
        Ok(other) => Err(format!("port {port} answered byte {other:#04x}, which is not Postgres")),
        Err(error) => Err(error.to_string()),
    }
}

fn first_answer(port: u16, database: &str) -> std::io::Result<u8> {
    let timeout = Duration::from_millis(500);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(&startup_message(database))?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer[0])
}

/// Length (including itself), protocol version 3.0, then name and value strings, each ended by a zero, and a zero.
fn startup_message(database: &str) -> Vec<u8> {
    const PROTOCOL: i32 = 3 << 16;
    let parameters = format!("user\0{database}\0database\0{database}\0\0");
    let length = i32::try_from(parameters.len() + 8).unwrap_or(i32::MAX);
    [&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes()[..], parameters.as_bytes()].concat()
}
