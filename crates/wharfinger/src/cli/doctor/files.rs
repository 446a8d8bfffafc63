//! Permissions of the data directory and its files, and of files with secrets.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Report;
use crate::serve::config::Settings;
use crate::store;

/// The files of a data directory.
const FILES: [&str; 4] = ["orders.db", "orders.db-wal", "orders.db-shm", "server.lock"];
/// The bits of a mode by which others than the owner have access.
const OTHERS: u32 = 0o077;
/// The bits of a mode by which users who are neither the owner nor in the group have access.
const EVERYBODY: u32 = 0o007;

/// Checks the data directory and its files.
pub(super) fn check_directory(report: &mut Report, directory: &Path) {
    let check = "permissions";
    let before = report.checks.len();
    let shown = directory.display();
    let owner = match std::fs::metadata(directory) {
        Ok(found) => found.uid(),
        Err(error) => {
            let remedy = "check the path, and run this as the user of the server";
            return report.fault(check, format!("cannot read {shown}: {error}"), remedy);
        }
    };
    if let Some(mode) = store::open_mode(directory) {
        report.fault(
            check,
            format!("other users of this machine have access to {shown} (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        );
    }
    for name in FILES {
        let file = directory.join(name);
        let Ok(found) = std::fs::metadata(&file) else {
            continue;
        };
        let (mode, file) = (mode(&found), file.display());
        if mode & OTHERS != 0 {
            report.fault(
                check,
                format!("{file} is not for its owner alone (mode {mode:o})"),
                format!("chmod 600 {file}"),
            );
        }
        if found.uid() != owner {
            report.fault(
                check,
                format!("{file} belongs to another user than its directory; the server may be unable to open it"),
                format!("chown --reference={shown} {file}; run commands as the user of the server"),
            );
        }
    }
    if report.checks.len() == before {
        report.ok(
            check,
            "the data directory and its files are for their owner alone",
        );
    }
}

/// Checks the files with secrets that the settings name.
pub(super) fn check_secrets(report: &mut Report, settings: &Settings) {
    let named = [
        &settings.tls_key,
        &settings.database_password_file,
        &settings.config,
    ];
    for file in named.into_iter().flatten() {
        let Ok(found) = std::fs::metadata(file) else {
            continue;
        };
        let is_secret = Some(file) != settings.config.as_ref() || has_password(settings);
        let (mode, file) = (mode(&found), file.display());
        if is_secret && mode & EVERYBODY != 0 {
            report.fault(
                "permissions",
                format!("every user of this machine has access to {file} (mode {mode:o}), which holds a secret"),
                format!("chmod 640 {file}"),
            );
        }
    }
}

/// Whether the settings have a password in a URL.
fn has_password(settings: &Settings) -> bool {
    let urls = [&settings.database, &settings.destinations_proxy];
    urls.into_iter().flatten().any(|url| {
        let parsed = url::Url::parse(url);
        parsed.is_ok_and(|url| url.password().is_some() || url.query().is_some())
    })
}

fn mode(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}
