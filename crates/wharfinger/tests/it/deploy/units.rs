//! The systemd units, and the script of the backup.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{assert_content, read, root, tool};
use crate::support::server::program;

const UNITS: [&str; 3] = [
    "wharfinger.service",
    "wharfinger-backup.service",
    "wharfinger-backup.timer",
];

/// Highest exposure that `systemd-analyze security` may find, in tenths. A service without any protection has 96.
const EXPOSURE_MAX: &str = "15";

#[test]
fn units_are_valid_and_give_away_little() {
    let folder = tempfile::tempdir().unwrap();
    let of_tests = env!("CARGO_BIN_EXE_wharfinger");
    let backup = root("deploy/systemd/backup");
    for unit in UNITS {
        // The programs must exist.
        let text = read(&format!("deploy/systemd/{unit}"));
        let text = text.replace("=/usr/bin/wharfinger", &format!("={of_tests}"));
        let text = text.replace(
            "=/usr/lib/wharfinger/backup",
            &format!("={}", backup.display()),
        );
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    let verify = [&["verify", "--man=no", "--recursive-errors=no"], &UNITS[..]].concat();
    let output = tool("systemd-analyze", &verify, folder.path());
    assert_content(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for unit in &UNITS[..2] {
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let security = ["security", "--offline=true", "--no-pager", &threshold, unit];
        assert_content(&tool("systemd-analyze", &security, folder.path()));
    }
}

#[test]
fn drop_ins_change_the_unit_into_a_valid_one() {
    let folder = tempfile::tempdir().unwrap();
    let of_tests = env!("CARGO_BIN_EXE_wharfinger");
    let text = read("deploy/systemd/wharfinger.service");
    let text = text.replace("=/usr/bin/wharfinger", &format!("={of_tests}"));
    std::fs::write(folder.path().join("wharfinger.service"), text).unwrap();
    let drop_ins = folder.path().join("wharfinger.service.d");
    std::fs::create_dir(&drop_ins).unwrap();
    for name in ["tls.conf", "database.conf"] {
        std::fs::write(drop_ins.join(name), read(&format!("deploy/systemd/{name}"))).unwrap();
    }
    let verify = [
        "verify",
        "--man=no",
        "--recursive-errors=no",
        "wharfinger.service",
    ];
    let output = tool("systemd-analyze", &verify, folder.path());
    assert_content(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn variables_of_the_default_file_and_the_units_are_settings() {
    let help = program().args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut seen = 0;
    for file in [
        "wharfinger.service",
        "wharfinger-backup.service",
        "wharfinger.default",
        "tls.conf",
        "database.conf",
    ] {
        let text = read(&format!("deploy/systemd/{file}"));
        for line in text.lines() {
            let line = line
                .trim_start_matches('#')
                .trim_start_matches("Environment=");
            let Some((name, _)) = line.split_once('=') else {
                continue;
            };
            if name.starts_with("WHARFINGER_") {
                assert!(
                    help.contains(&format!("[env: {name}=]"))
                        || help.contains(&format!("[env: {name}]")),
                    "{file}: {name}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 9, "{seen}");
}

/// Runs the backup's script with this program instead of Wharfinger.
fn back_up(directory: &Path, program: &Path, keep: &str) -> Output {
    let mut command = Command::new(root("deploy/systemd/backup"));
    command
        .env("BACKUP_DIRECTORY", directory)
        .env("BACKUP_KEEP", keep);
    command.env("WHARFINGER_PROGRAM", program).output().unwrap()
}

fn script(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn old_backups_go_only_after_a_new_one_and_nothing_else_goes() {
    let (folder, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let makes = script(
        folder.path(),
        "makes",
        "#!/bin/sh\n[ \"$1\" = backup ] && mkdir \"$2\"\n",
    );
    let fails = script(folder.path(), "fails", "#!/bin/sh\nexit 1\n");
    let names = || {
        let entries = std::fs::read_dir(backups.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = Vec::from_iter(names);
        names.sort();
        names
    };
    let old = (1..=5).map(|day| format!("wharfinger-2020010{day}T000000Z"));
    let others = [
        "mine",
        "wharfinger-20200101",
        "wharfinger-20200101T000000Z.part",
    ];
    for name in old.clone().chain(others.map(str::to_owned)) {
        std::fs::create_dir_all(backups.path().join(name).join("files")).unwrap();
    }
    let before = names();
    for (program, keep) in [(&fails, "3"), (&makes, "0"), (&makes, "3x"), (&makes, "-1")] {
        assert!(!back_up(backups.path(), program, keep).status.success());
        assert_eq!(names(), before, "{keep}");
    }
    assert_content(&back_up(backups.path(), &makes, "3"));
    let after = names();
    let kept = Vec::from_iter(after.iter().filter(|name| !others.contains(&name.as_str())));
    assert_eq!(
        kept[..2],
        ["wharfinger-20200104T000000Z", "wharfinger-20200105T000000Z"]
    );
    assert_eq!(kept.len(), 3, "{after:?}");
    assert_eq!(after.len(), 3 + others.len());
}

#[test]
fn scripts_are_sound() {
    let scripts = [
        "deploy/release",
        "deploy/try-package",
        "deploy/systemd/backup",
        "deploy/debian/postinst",
        "deploy/debian/postrm",
        "deploy/debian/prerm",
    ];
    assert_content(&tool("shellcheck", &scripts, &root("")));
}
