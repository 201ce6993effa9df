//! Addresses of servers as people write them, checked before anything is started or waited for.
//!
//! Whether something answers there is found out by those who connect.

use service_runtime::EnvironmentReader;
use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;

/// Notes what cannot be an address or a credentials file; absent variables are no mistake here.
pub fn check(variables: &mut EnvironmentReader) {
    let _ = variables.optional::<Nats>("NATS_URL");
    let _ = variables.optional::<Postgres>("DATABASE_URL");
    let _ = variables.optional::<Store>("PATROL_STORE_URL");
    let _ = variables.optional::<Credentials>("NATS_CREDENTIALS");
}

/// One or several servers of a cluster.
struct Nats;
struct Postgres;
struct Store;
struct Credentials;

impl FromStr for Nats {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = text.split(',').all(|address| after_scheme(address.trim(), &["nats", "tls"]).is_some());
        all.then_some(Self).ok_or("write nats://host:port, several of them separated by commas")
    }
}

impl FromStr for Postgres {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = after_scheme(text, &["postgres", "postgresql"]);
        rest.map(|_| Self).ok_or("write postgres://user:password@host:port/database")
    }
}

impl FromStr for Store {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folder = || after_scheme(text, &["file"]).filter(|folder| folder.starts_with('/'));
        let bucket = || after_scheme(text, &["s3"]).filter(|bucket| !bucket.starts_with('/'));
        folder().or_else(bucket).map(|_| Self).ok_or("write file:///absolute/folder or s3://bucket/prefix")
    }
}

impl FromStr for Credentials {
    type Err = std::io::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        File::open(PathBuf::from(text)).map(|_| Self)
    }
}

/// What follows `scheme://`, if it is one of `schemes` and anything follows.
fn after_scheme<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    let (scheme, rest) = text.split_once("://")?;
    (schemes.contains(&scheme) && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(name: &str, value: &str) -> Vec<String> {
        let mut variables = EnvironmentReader::from_pairs([(name, value)]);
        check(&mut variables);
        variables.finish().err().map(|error| error.mistakes).unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_an_address_is_one_line_that_says_what_to_write() {
        let wrong = [
            ("NATS_URL", "nonsense", "nats://host:port"),
            ("NATS_URL", "http://x:1", "nats://host:port"),
            ("NATS_URL", "nats://a:4222,", "separated by commas"),
            ("DATABASE_URL", "nonsense", "postgres://"),
            ("DATABASE_URL", "mysql://me:hush@db/x", "postgres://"),
            ("PATROL_STORE_URL", "nonsense", "file:///absolute/folder"),
            ("PATROL_STORE_URL", "file://relative", "file:///absolute/folder"),
            ("PATROL_STORE_URL", "s3://", "s3://bucket/prefix"),
            ("PATROL_STORE_URL", "s3:///prefix", "s3://bucket/prefix"),
            ("NATS_CREDENTIALS", "/no/such/file", "No such file"),
        ];
        for (name, value, advice) in wrong {
            let told = mistakes(name, value);
            assert_eq!(told.len(), 1, "{name}={value}: {told:?}");
            assert!(told[0].starts_with(&format!("{name}: ")) && told[0].contains(advice), "{told:?}");
            assert!(!told[0].contains("hush") && told[0].lines().count() == 1, "{told:?}");
        }
    }

    #[test]
    fn addresses_are_taken_as_documented() {
        let right = [
            ("NATS_URL", "nats://a:4222, nats://user:password@b:4222"),
            ("NATS_URL", "tls://token@a"),
            ("DATABASE_URL", "postgres://patrol:secret@db:5432/patrol"),
            ("DATABASE_URL", "postgresql:///patrol?host=/run/postgresql"),
            ("PATROL_STORE_URL", "file:///store"),
            ("PATROL_STORE_URL", "s3://bucket"),
            ("PATROL_STORE_URL", ""),
            ("NATS_CREDENTIALS", "/dev/null"),
        ];
        for (name, value) in right {
            assert_eq!(mistakes(name, value), [""; 0], "{name}={value}");
        }
    }
}
