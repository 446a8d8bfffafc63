//! Servers that record their writes and syncs, through the preloaded `record.c`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::database;
use crate::support::server::{Server, program};

/// An operation on a file.
#[derive(Debug)]
pub(super) enum Operation {
    Create,
    Unlink,
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
    Sync,
    FailedSync,
}

/// An operation, its file, and the trace's length after it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) operation: Operation,
    pub(super) end: usize,
}

/// A data directory whose servers record their operations.
pub(super) struct Recorded {
    data: PathBuf,
    beside: TempDir,
}

impl Recorded {
    pub(super) fn new(data: &Path) -> Self {
        let beside = tempfile::tempdir().unwrap();
        let data = std::fs::canonicalize(data).unwrap();
        Self { data, beside }
    }

    fn trace_file(&self) -> PathBuf {
        self.beside.path().join("trace")
    }

    fn fail_file(&self) -> PathBuf {
        self.beside.path().join("fail")
    }

    /// What the servers wrote to stderr.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.beside.path().join("log")).unwrap()
    }

    fn command(&self, options: &[&str]) -> Command {
        self.drop_unfinished_record();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.beside.path().join("log"));
        let mut command = program();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
            .args(options)
            .env("LD_PRELOAD", library())
            .env("POWER_DIRECTORY", &self.data)
            .env("POWER_TRACE", self.trace_file())
            .env("POWER_FAIL", self.fail_file())
            .stderr(log.unwrap());
        database::aim(&mut command, &self.data);
        command
    }

    /// Removes a record that a killed server did not finish, so that the next server's records can be read.
    fn drop_unfinished_record(&self) {
        if let Ok(trace) = std::fs::File::options().write(true).open(self.trace_file()) {
            let whole = self.records().last().map_or(0, |last| last.end);
            trace.set_len(u64::try_from(whole).unwrap()).unwrap();
        }
    }

    /// Starts a server on it.
    pub(super) fn start(&self, options: &[&str]) -> Server {
        Server::spawn(self.command(options))
    }

    /// Runs a server that must fail to start.
    pub(super) fn start_in_vain(&self) -> (ExitStatus, String) {
        let output = self.command(&[]).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status, said)
    }

    /// Makes a later sync of a file fail, after `after` successful ones.
    pub(super) fn fail_sync(&self, name: &str, after: usize) {
        // Renamed into place, because a server may check for it at any moment.
        let made = self.beside.path().join("made");
        std::fs::write(&made, format!("{name} {after}")).unwrap();
        std::fs::rename(made, self.fail_file()).unwrap();
    }

    /// Whether the injected failure has happened. No sync fails after this call.
    pub(super) fn has_failed(&self) -> bool {
        std::fs::remove_file(self.fail_file()).is_err()
    }

    /// Current length of the trace.
    pub(super) fn length(&self) -> usize {
        let trace = std::fs::metadata(self.trace_file()).unwrap();
        usize::try_from(trace.len()).unwrap()
    }

    /// All recorded operations.
    pub(super) fn records(&self) -> Vec<Record> {
        let trace = std::fs::read(self.trace_file()).unwrap();
        let mut records = Vec::new();
        let mut at = 0;
        while let Some(length) = trace[at..].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&trace[at..at + length]).unwrap();
            let words: Vec<_> = line.split(' ').collect();
            let [operation, name, offset, length_of_bytes] = words[..] else {
                panic!("{line:?} is no record");
            };
            let offset = offset.parse().unwrap();
            let bytes_from = at + length + 1;
            at = bytes_from;
            let operation = match operation {
                "C" => Operation::Create,
                "U" => Operation::Unlink,
                "T" => Operation::Truncate { size: offset },
                "S" => Operation::Sync,
                "F" => Operation::FailedSync,
                "W" => {
                    at += length_of_bytes.parse::<usize>().unwrap();
                    let Some(bytes) = trace.get(bytes_from..at) else {
                        // The server was killed while it wrote this record.
                        break;
                    };
                    let bytes = bytes.to_vec();
                    Operation::Write { offset, bytes }
                }
                _ => panic!("{line:?} is no record"),
            };
            records.push(Record {
                name: name.into(),
                operation,
                end: at,
            });
        }
        records
    }
}

/// The compiled library.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let library = directory.path().join("record.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/power/record.c");
        let mut compile = Command::new("cc");
        compile.args([
            "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1", "-o",
        ]);
        let compiled = compile.arg(&library).arg(source).arg("-ldl").status();
        assert!(compiled.unwrap().success());
        (directory, library)
    });
    library
}
