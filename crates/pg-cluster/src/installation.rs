//! Finds PostgreSQL's programs, and the user to run them as.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::USER;

/// Debian installs each version in a folder here.
const VERSIONS: &str = "/usr/lib/postgresql";

/// An installation of PostgreSQL.
pub(crate) struct Installation {
    programs: PathBuf,
    /// User and group id to run the programs as. Set if this program runs as root, because PostgreSQL refuses to.
    user: Option<(u32, u32)>,
}

impl Installation {
    /// Finds the programs, and gives the directory to the user that will run them.
    pub(crate) fn find(directory: &Path) -> Result<Self> {
        let programs = candidates().into_iter().find(|folder| {
            let has = |program: &str| folder.join(program).is_file();
            has("postgres") && has("initdb")
        });
        let programs = programs.context(
            "PostgreSQL is not installed: initdb and postgres are not in the directory that pg_config reports, in \
             /usr/lib/postgresql/*/bin, or in PATH (on Debian: apt-get install postgresql)",
        )?;
        // A directory that this program created shows the user that it runs as.
        let is_root = std::fs::metadata(directory)?.uid() == 0;
        let user = if is_root {
            Some((number_of("-u")?, number_of("-g")?))
        } else {
            None
        };
        let installation = Self { programs, user };
        installation.hand_over(directory)?;
        Ok(installation)
    }

    /// Gives a file to the user that runs the programs.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give {} to user {USER}", path.display()))?;
        }
        Ok(())
    }

    /// A PostgreSQL program, to be run in a directory.
    pub(crate) fn command(&self, program: &str, directory: &Path) -> Command {
        let program = self.program(program);
        let mut command = self.any_command(&program, directory);
        command.stdin(Stdio::null());
        command
    }

    /// The path of a PostgreSQL program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Any program, to be run like PostgreSQL's own.
    pub(crate) fn any_command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Runs a program to its end.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let name = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", name.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {said}", name.display());
    Ok(())
}

/// Folders that may contain the programs, most likely first.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        let told = String::from_utf8_lossy(&told.stdout);
        folders.push(PathBuf::from(told.trim()));
    }
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders
}

/// The id of PostgreSQL's user, or of its group.
fn number_of(option: &str) -> Result<u32> {
    let output = Command::new("id").args([option, USER]).output()?;
    let number = String::from_utf8_lossy(&output.stdout);
    number.trim().parse().with_context(|| {
        format!("PostgreSQL does not run as root, and there is no user {USER} to run it as")
    })
}
