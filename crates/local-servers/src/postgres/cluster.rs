//! The files of a Postgres cluster: made once, whole or not at all, by `initdb`.

use super::account::Account;
use super::{Durability, PostgresOptions};
use crate::{StartError, postgres_major_version, process};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A cluster that exists and whose password is known.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    data: PathBuf,
    account: Option<Account>,
    pub(crate) password: String,
}

impl Cluster {
    /// Makes it if need be. An interrupted attempt leaves `data.partial`, which the next one removes.
    pub(crate) fn prepare(options: &PostgresOptions) -> Result<Self, StartError> {
        let directory = std::path::absolute(&options.data_dir).map_err(StartError::io("resolve", &options.data_dir))?;
        let data = directory.join("data");
        let account = Account::choose(&data)?;
        let password_file = directory.join("password");
        if data.exists() {
            check_version(options)?;
            remove_stale_pid_file(&data);
            let password = std::fs::read_to_string(&password_file).map_err(StartError::io("read", &password_file))?;
            return Ok(Self { data, account, password: password.trim().to_owned() });
        }
        let password = write_password(&password_file)?;
        let partial = Self { data: directory.join("data.partial"), account, password };
        partial.initialise(options, &password_file)?;
        std::fs::rename(&partial.data, &data).map_err(StartError::io("rename", &partial.data))?;
        Ok(Self { data, ..partial })
    }

    /// The server's command line.
    pub(crate) fn server(&self, options: &PostgresOptions, port: u16) -> Result<Command, StartError> {
        let mut command = self.command(options, "postgres", &[])?;
        let fsync = if options.durability == Durability::Durable { "on" } else { "off" };
        let port = port.to_string();
        let mut settings = vec![("port", port.as_str()), ("fsync", fsync), ("full_page_writes", fsync)];
        settings.extend(SETTINGS);
        settings.extend(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        Ok(command)
    }

    fn initialise(&self, options: &PostgresOptions, password_file: &Path) -> Result<(), StartError> {
        if self.data.exists() {
            std::fs::remove_dir_all(&self.data).map_err(StartError::io("remove", &self.data))?;
        }
        std::fs::create_dir_all(&self.data).map_err(StartError::io("create", &self.data))?;
        if let Some(account) = self.account {
            account.own(&self.data)?;
            account.own(password_file)?;
        }
        let mut initdb = self.command(options, "initdb", &NEW_CLUSTER)?;
        initdb.arg(format!("--username={}", options.database));
        let password = inherit(&mut initdb, File::open(password_file).map_err(StartError::io("open", password_file))?);
        initdb.arg(format!("--pwfile={password}"));
        if options.durability == Durability::Volatile {
            initdb.arg("--no-sync");
        }
        run(initdb, "initdb", "", &options.log)?;
        let mut create_database = self.command(options, "postgres", &["--single"])?;
        create_database.args(["-c", "log_min_messages=warning", "postgres"]);
        let statement = format!("CREATE DATABASE \"{}\"\n", options.database);
        run(create_database, "postgres", &statement, &options.log)
    }

    /// A program of Postgres on this cluster, as the right user.
    ///
    /// Started by root, that user may not be able to walk to the data directory (a checkout below a closed home). So
    /// the child inherits it as an open file and reaches it through `/proc/self/fd`, which asks for no rights on the
    /// directories above; nothing is copied or opened up for it.
    fn command(&self, options: &PostgresOptions, program: &str, first: &[&str]) -> Result<Command, StartError> {
        let mut command = Command::new(options.bin_dir.join(program));
        command.args(first).arg("-D");
        if let Some(account) = self.account {
            let directory = File::open(&self.data).map_err(StartError::io("open", &self.data))?;
            let path = inherit(&mut command, directory);
            account.apply(command.arg(path).current_dir("/"));
        } else {
            command.arg(&self.data);
        }
        Ok(command)
    }
}

/// Order is that of bytes on every machine, and upper and lower case are known of every letter; the locale is part of glibc
/// and of Debian and Ubuntu before it was.
const NEW_CLUSTER: [&str; 4] = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8"];

/// Small, for one machine; what matters for safety (`fsync`, `synchronous_commit`) keeps the server's default.
const SETTINGS: [(&str, &str); 12] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "60"),
    ("shared_buffers", "32MB"),
    ("max_wal_size", "512MB"),
    ("wal_compression", "on"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] "),
    ("lc_messages", "C"),
];

fn check_version(options: &PostgresOptions) -> Result<(), StartError> {
    let found = postgres_major_version(&options.data_dir).unwrap_or_else(|| "an unknown version".to_owned());
    let program = options.bin_dir.join("postgres");
    let output = Command::new(&program).arg("--version").output().map_err(StartError::io("run", &program))?;
    // "postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)"
    let text = String::from_utf8_lossy(&output.stdout);
    let installed = text.split_whitespace().nth(2).and_then(|version| version.split('.').next()).unwrap_or("unknown");
    if found == installed {
        return Ok(());
    }
    let (data_dir, bin_dir, installed) = (options.data_dir.clone(), options.bin_dir.clone(), installed.to_owned());
    Err(StartError::PostgresVersion { data_dir, bin_dir, found, installed })
}

/// Postgres leaves `postmaster.pid` behind when it is killed, and takes any live process of that id for its
/// predecessor. We hold the directory's lock, so only a process that is a Postgres can be one.
fn remove_stale_pid_file(data: &Path) {
    let file = data.join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&file) else { return };
    let pid = text.lines().next().unwrap_or_default().trim();
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim() != "postgres" {
        let _ = std::fs::remove_file(&file);
    }
}

/// 192 bits from the kernel, readable by us (and the server's user) only.
fn write_password(file: &Path) -> Result<String, StartError> {
    let mut bytes = [0_u8; 24];
    let random = Path::new("/dev/urandom");
    File::open(random).and_then(|mut source| source.read_exact(&mut bytes)).map_err(StartError::io("read", random))?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let write = || {
        let mut output = File::options().create(true).write(true).truncate(true).mode(0o600).open(file)?;
        writeln!(output, "{password}")
    };
    write().map_err(StartError::io("write", file))?;
    Ok(password)
}

/// Lets the child keep an open file; returns the path under which it finds it.
fn inherit(command: &mut Command, file: File) -> String {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the closure makes one async-signal-safe system call between fork and exec, on a file that it owns.
    unsafe {
        command.pre_exec(move || {
            nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
            Ok(())
        });
    }
    path
}

/// Runs a program to its end with the given standard input, its output appended to the log.
fn run(mut command: Command, program: &'static str, input: &str, log: &Path) -> Result<(), StartError> {
    let output = process::open_log(log).map_err(StartError::io("open", log))?;
    let errors = output.try_clone().map_err(StartError::io("open", log))?;
    command.stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0);
    process::die_with_parent(&mut command, Signal::SIGTERM);
    let path = Path::new(command.get_program()).to_owned();
    let mut child = command.spawn().map_err(StartError::io("run", &path))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that ends early closes the pipe; its exit status tells why.
        let _ = pipe.write_all(input.as_bytes());
    }
    let status = child.wait().map_err(StartError::io("wait for", &path))?;
    if status.success() {
        return Ok(());
    }
    Err(StartError::Exited { program, status, last_line: process::last_line(log), log: log.to_owned() })
}
