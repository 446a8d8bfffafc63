//! Backups and restores that are refused, and leave nothing behind.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Chain, backed_up, keys, names, restore};
use crate::support::database::{self, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program, run, sentence};
use crate::support::v1::{order, submit};

/// Asserts that these backups are refused. Returns the reason.
fn refused(backups: &[&Path], home: &Path) -> String {
    let target = home.join("refused");
    let said = sentence(&restore(backups, &target, &[]));
    assert!(!target.exists(), "{said}");
    said
}

#[test]
fn increments_are_restored_in_their_order_and_none_is_left_out() {
    if !on_embedded("increments are of data directories") {
        return;
    }
    let chain = Chain::make();
    let home = chain.home.path();
    let [full, first, second]: [&Path; 3] = [&chain.full, &chain.first, &chain.second];
    for (backups, reason) in [
        (&[first][..], "is an increment; name the full backup first"),
        (&[full, second], "follows the backup"),
        (&[full, second, first], "follows the backup"),
        (&[full, first, first], "follows the backup"),
        (&[full, full], "is a full backup; name it first"),
    ] {
        let said = refused(backups, home);
        assert!(said.contains(reason), "{said}");
    }
    // Another store.
    let other = tempfile::tempdir().unwrap();
    drop(Server::start(other.path()));
    let of_other = home.join("other");
    let since = ["--since", full.to_str().unwrap()];
    let output = run(
        other.path(),
        &[&["backup", of_other.to_str().unwrap()], &since[..]].concat(),
    );
    let copies = sentence(&output);
    if copies.contains("is of another store") {
        assert!(!of_other.exists());
    } else {
        panic!("{copies}");
    }
    backed_up(other.path(), &of_other, &[]);
    let increment = home.join("increment-of-other");
    backed_up(
        other.path(),
        &increment,
        &["--since", of_other.to_str().unwrap()],
    );
    let said = refused(&[full, &increment], home);
    assert!(
        said.contains("is of another store than the backup before it"),
        "{said}"
    );
}

#[test]
fn damage_in_any_part_is_found() {
    if !on_embedded("the parts are the same for both engines") {
        return;
    }
    let chain = Chain::make();
    let home = chain.home.path();
    for (damaged, before) in [(&chain.full, None), (&chain.second, Some(&chain.first))] {
        for name in names(damaged) {
            let part = damaged.join(&name);
            let whole = std::fs::read(&part).unwrap();
            for at in [0, whole.len() / 2, whole.len() - 1] {
                let mut flipped = whole.clone();
                flipped[at] ^= 0x20;
                std::fs::write(&part, &flipped).unwrap();
                let full: &Path = &chain.full;
                let backups = match before {
                    None => vec![full],
                    Some(before) => vec![full, before, damaged],
                };
                let said = refused(&backups, home);
                assert!(
                    said.contains("cannot use the backup"),
                    "{name}, byte {at}: {said}"
                );
            }
            std::fs::write(&part, &whole[..whole.len() - 1]).unwrap();
            let backups: &[&Path] = match before {
                None => &[damaged],
                Some(before) => &[&chain.full, before, damaged],
            };
            refused(backups, home);
            std::fs::remove_file(&part).unwrap();
            refused(backups, home);
            std::fs::write(&part, &whole).unwrap();
        }
    }
    let archive = &chain.first;
    let whole = std::fs::read(archive).unwrap();
    let copy = home.join("damaged.tar.zst");
    for end in [0, 3, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&copy, &whole[..end]).unwrap();
        let said = refused(&[&chain.full, &copy], home);
        assert!(said.contains("cannot use the backup"), "{end}: {said}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x20;
        std::fs::write(&copy, &flipped).unwrap();
        let target = home.join(format!("flipped-{at}"));
        // A flipped bit of the compressed form may stand for the same content, such as zeros copied from another place.
        if restore(&[&chain.full, &copy], &target, &[])
            .status
            .success()
        {
            assert_eq!(keys(&target), ["A", "B"], "byte {at}");
        } else {
            assert!(!target.exists(), "byte {at}");
        }
    }
    let target = home.join("sound");
    let output = restore(&[&chain.full, &chain.first, &chain.second], &target, &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(keys(&target), ["A", "B", "C"]);
}

#[test]
fn nothing_is_overwritten_and_what_fails_leaves_nothing() {
    if !on_embedded("is about files") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("there.tar.zst"), "mine").unwrap();
    std::fs::create_dir(at("there")).unwrap();
    for name in ["there", "there.tar.zst"] {
        let said = sentence(&run(data.path(), &["backup", &at(name)]));
        assert!(said.contains("exists already"), "{said}");
    }
    assert_eq!(std::fs::read(at("there.tar.zst")).unwrap(), b"mine");
    let said = sentence(&run(data.path(), &["backup", &at("b.tar.gz")]));
    assert!(
        said.contains("the name of an archive ends in .tar.zst"),
        "{said}"
    );
    let said = sentence(&run(data.path(), &["backup", &at("none/b")]));
    assert!(said.contains("No such file or directory"), "{said}");
    // A full disk.
    let library = home.path().join("full.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/disk/full.c");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", source, "-ldl", "-o"]);
    assert!(compile.arg(&library).status().unwrap().success());
    let marker = home.path().join("full");
    std::fs::write(&marker, "28").unwrap();
    for name in ["b", "b.tar.zst"] {
        let mut command = program();
        command.args(["backup", &at(name)]);
        database::aim(&mut command, data.path());
        command
            .env("LD_PRELOAD", &library)
            .env("FULL_DISK", &marker);
        let said = sentence(&command.output().unwrap());
        assert!(said.contains("No space left on device"), "{said}");
    }
    // A pipe whose reader goes away after some bytes.
    let lots = Vec::from_iter((0..5_000).map(|at| order(&format!("lots-{at}"))));
    submit(&server, "TRK001", &lots);
    let mut command = program();
    command.args(["backup", "-", "--temporary", &at("")]);
    database::aim(&mut command, data.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut few = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut few).unwrap();
    let said = sentence(&child.wait_with_output().unwrap());
    assert!(
        said.contains("cannot write the backup to standard output"),
        "{said}"
    );
    let left = ["full", "full.so", "there", "there.tar.zst"];
    assert_eq!(names(home.path()), left);
    assert_eq!(
        server.metric("wharfinger_last_backup_timestamp_seconds"),
        0.0
    );
}

#[test]
fn only_an_empty_directory_is_restored_into_and_a_half_restored_one_is_no_store() {
    if !on_embedded("is about directories") {
        return;
    }
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let backup = home.path().join("backup");
    backed_up(data.path(), &backup, &[]);
    let said = sentence(&restore(&[&backup], data.path(), &[]));
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(keys(data.path()), [""; 0]);
    let target = home.path().join("target");
    std::fs::create_dir(&target).unwrap();
    assert!(restore(&[&backup], &target, &[]).status.success());
    assert_eq!(names(&target), ["orders.db", "server.lock"]);
    // As a killed restore leaves it.
    let half = home.path().join("half");
    std::fs::create_dir_all(half.join("restoring")).unwrap();
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["org", "create", "X", "--init"],
    ] {
        let said = sentence(&run(&half, command));
        assert!(said.contains("has an unfinished restore"), "{said}");
    }
    assert_eq!(names(&half), ["restoring"]);
}

#[test]
fn a_backup_of_a_later_form_is_refused_with_both_versions() {
    if !on_embedded("the form is the same for both engines") {
        return;
    }
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let backup = home.path().join("backup");
    backed_up(data.path(), &backup, &[]);
    let manifest = backup.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("\"format\": 1", "\"format\": 9");
    let text = text.replace("\"program\": \"0.1.0\"", "\"program\": \"7.0.0\"");
    std::fs::write(&manifest, text).unwrap();
    let sums = Command::new("sh")
        .args([
            "-c",
            "sha256sum page-hashes orders.db manifest.json > SHA256SUMS",
        ])
        .current_dir(&backup)
        .status();
    assert!(sums.unwrap().success());
    let said = refused(&[&backup], home.path());
    assert!(said.contains("7.0.0") && said.contains("0.1.0"), "{said}");
}

#[test]
fn nothing_but_regular_files_is_read() {
    if !on_embedded("the parts are the same for both engines") {
        return;
    }
    let chain = Chain::make();
    let home = chain.home.path();
    // A name of its own for an entry may have any length, and is in memory before the entry.
    let named = home.join("named.tar.zst");
    let encoder = zstd::stream::Encoder::new(std::fs::File::create(&named).unwrap(), 1).unwrap();
    let mut archive = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    let name = format!("SHA256SUMS/{}", "x".repeat(1 << 16));
    archive.append_data(&mut header, name, &[][..]).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    let said = refused(&[&named], home);
    assert!(said.contains("than regular files"), "{said}");
    // A device has no end.
    let sums = chain.full.join("SHA256SUMS");
    std::fs::remove_file(&sums).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &sums).unwrap();
    let said = refused(&[&chain.full], home);
    assert!(said.contains("is no regular file"), "{said}");
}

#[test]
fn a_backup_that_is_interrupted_leaves_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let lots = Vec::from_iter((0..5_000).map(|at| order(&format!("lots-{at}"))));
    submit(&server, "TRK001", &lots);
    let home = tempfile::tempdir().unwrap();
    for (signal, status) in [("-TERM", 143), ("-INT", 130)] {
        let mut command = program();
        command
            .args(["backup", "-", "--temporary"])
            .arg(home.path());
        database::aim(&mut command, data.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The rest is more than a pipe holds: the backup waits for its reader.
        let mut few = [0; 10];
        let mut archive = child.stdout.take().unwrap();
        archive.read_exact(&mut few).unwrap();
        assert_eq!(names(home.path()).len(), 1);
        let told = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{said}");
        assert_eq!(ended.status.signal(), None);
        assert!(said.contains("the backup was interrupted"), "{said}");
        assert_eq!(names(home.path()), [""; 0]);
    }
    assert_eq!(
        server.metric("wharfinger_last_backup_timestamp_seconds"),
        0.0
    );
}

#[test]
fn no_backup_is_written_into_the_store_it_is_of() {
    if !on_embedded("is about directories") {
        return;
    }
    let data = fixture::data_directory();
    let before = names(data.path());
    let below = data.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let home = tempfile::tempdir().unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(data.path(), &link).unwrap();
    for parent in [data.path(), &below, &link] {
        for name in ["b", "b.tar.zst"] {
            let to = parent.join(name);
            let said = sentence(&run(data.path(), &["backup", to.to_str().unwrap()]));
            assert!(said.contains("is in the data directory"), "{said}");
        }
    }
    let temporary = ["backup", "-", "--temporary", below.to_str().unwrap()];
    let refused = run(data.path(), &temporary);
    assert!(sentence(&refused).contains("is in the data directory"));
    assert!(refused.stdout.is_empty());
    assert_eq!(names(&below), [""; 0]);
    std::fs::remove_dir(&below).unwrap();
    assert_eq!(names(data.path()), before);
}

#[test]
fn the_ending_of_a_name_says_what_a_backup_is_in_any_spelling() {
    if !on_embedded("is about names") {
        return;
    }
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let made = |name: &[u8]| {
        let to = home.path().join(OsStr::from_bytes(name));
        let mut command = program();
        command.arg("backup").arg(&to);
        database::aim(&mut command, data.path());
        (command.output().unwrap(), to)
    };
    for archive in [&b"A.tar.ZST"[..], b"B.TAR.ZST", b"\xff\xfe.tar.zst"] {
        let (output, to) = made(archive);
        assert!(output.status.success(), "{output:?}");
        assert!(to.is_file(), "{}", to.display());
        let target = home.path().join("restored");
        assert!(restore(&[&to], &target, &[]).status.success());
        std::fs::remove_dir_all(&target).unwrap();
    }
    let (output, directory) = made(b"\xff");
    assert!(output.status.success() && directory.is_dir(), "{output:?}");
    for other in [&b"C.ZIP"[..], b"D.Tar.Gz", b"\xff.tar"] {
        let (output, to) = made(other);
        assert!(
            sentence(&output).contains("the name of an archive ends in .tar.zst"),
            "{output:?}"
        );
        assert!(!to.exists());
    }
    let left = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(left, 4, "nothing else was made");
}
