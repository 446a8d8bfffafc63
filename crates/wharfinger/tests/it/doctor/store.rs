//! Checks of the store.

use std::os::unix::fs::PermissionsExt;

use super::{command, faults, files, finding, level, private, store, told};
use crate::support::client::Request;
use crate::support::database::{Database, is_on_postgres, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::{stored, v1};

#[test]
fn a_good_store_has_no_fault_and_a_missing_backup_is_a_note() {
    let data = store();
    let before = (files(data.path()), stored::rows(data.path()));
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), [""; 0], "{found}");
    assert_eq!(level(&found, "backup"), "note");
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    for check in [
        "program",
        "store",
        "organisations",
        "destinations",
        "open_files",
        "clock",
    ] {
        assert_eq!(level(&found, check), "ok", "{found}");
    }
    if is_on_postgres() {
        for check in [
            "postgres_version",
            "postgres_durability",
            "postgres_connections",
        ] {
            assert_ne!(level(&found, check), "fault", "{found}");
        }
    } else {
        for check in ["sqlite", "permissions", "server"] {
            assert_eq!(level(&found, check), "ok", "{found}");
        }
        for check in ["disk_speed", "disk_room", "file_system"] {
            level(&found, check);
        }
    }
    // People get the same in lines.
    let output = command(data.path(), &[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("note   backup"), "{text}");
    assert!(text.contains("→ make backups by a timer"), "{text}");
    assert!(text.contains(" faults, "), "{text}");
    assert_eq!(
        (files(data.path()), stored::rows(data.path())),
        before,
        "nothing has changed"
    );
}

#[test]
fn it_works_beside_a_running_server() {
    let data = store();
    let server = Server::start(data.path());
    v1::submit(&server, "TRK001", &[v1::order("A")]);
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), [""; 0], "{found}");
    if is_on_postgres() {
        let connections = finding(&found, "postgres_connections")["message"].to_string();
        assert!(
            !connections.contains(" 0 of them by Wharfinger"),
            "{connections}"
        );
    } else {
        let of_server = finding(&found, "server")["message"].to_string();
        assert!(of_server.contains("is running"), "{of_server}");
        let open_files = finding(&found, "open_files")["message"].to_string();
        assert!(open_files.contains("the running server"), "{open_files}");
    }
    let request = v1::request("GET", "/v1/orders", "full");
    assert_eq!(server.send(&request).json()["data"][0]["key"], "A");
    v1::submit(&server, "TRK001", &[v1::order("B")]);
}

#[test]
fn where_there_is_no_store_nothing_is_made() {
    if !on_embedded("is of a directory") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("nowhere");
    let found = told(&nowhere, &[]);
    assert_eq!(faults(&found), ["store"], "{found}");
    assert!(!nowhere.exists());
    let found = told(data.path(), &[]);
    assert!(faults(&found).contains(&"store"), "{found}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn another_schema_is_told_with_both_versions_and_stays_as_it_is() {
    let data = store();
    let set = |version: i64| {
        let mut database = Database::of(data.path());
        if is_on_postgres() {
            database.run(&format!("update schema_versions set version = {version} where version = (select max(version) from schema_versions)"));
        } else {
            database.run(&format!("pragma user_version = {version}"));
        }
    };
    let known = finding(&told(data.path(), &[]), "store")["message"].to_string();
    let known: i64 = known
        .split(|letter: char| !letter.is_ascii_digit())
        .find_map(|word| word.parse().ok())
        .unwrap();
    set(99);
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["store"], "{found}");
    let message = finding(&found, "store")["message"].to_string();
    assert!(
        message.contains("99") && message.contains(&known.to_string()),
        "{message}"
    );
    // On PostgreSQL, the other rows say which migrations were applied.
    set(if is_on_postgres() { 0 } else { known - 1 });
    let found = told(data.path(), &[]);
    assert_eq!(
        (level(&found, "store").as_str(), faults(&found).len()),
        ("note", 0)
    );
    let version = match is_on_postgres() {
        true => "select max(version) from schema_versions",
        false => "pragma user_version",
    };
    assert_eq!(
        Database::of(data.path()).number(version),
        known - 1,
        "nothing was migrated"
    );
}

#[test]
fn open_files_and_directories_are_faults_that_are_left_to_the_operator() {
    if !on_embedded("is of files") {
        return;
    }
    let data = store();
    let set = |name: &str, mode| {
        let path = data.path().join(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    set("", 0o755);
    set("orders.db", 0o644);
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["permissions"; 2], "{found}");
    let remedies = found.to_string();
    assert!(
        remedies.contains("chmod 700") && remedies.contains("chmod 600"),
        "{remedies}"
    );
    let mode = |name: &str| {
        std::fs::metadata(data.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode(""), mode("orders.db")), (0o755, 0o644));
}

#[test]
fn a_damaged_log_is_told_with_the_way_out() {
    if !on_embedded("is of files") {
        return;
    }
    let data = store();
    let server = Server::start(data.path());
    for key in ["A", "B", "C"] {
        v1::submit(&server, "TRK001", &[v1::order(key)]);
    }
    server.kill();
    let log = data.path().join("orders.db-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[32 + 24 + 100] ^= 0xff;
    std::fs::write(&log, &bytes).unwrap();
    let found = told(data.path(), &[]);
    assert!(faults(&found).contains(&"sqlite"), "{found}");
    let message = finding(&found, "sqlite")["message"].to_string();
    assert!(message.contains("--accept-lost-frames"), "{message}");
    assert_eq!(std::fs::read(&log).unwrap(), bytes, "the log is as it was");
}

#[test]
fn an_old_backup_is_a_fault() {
    let data = store();
    let now_ms = wharfinger::clock::now_ms();
    let days = |days: i64| now_ms - days * 24 * 60 * 60 * 1_000;
    let note = format!(
        "insert into settings (name, value) values ('last_backup_ms', {})",
        days(2)
    );
    Database::of(data.path()).run(&note);
    let found = told(data.path(), &[]);
    assert_eq!(level(&found, "backup"), "ok", "{found}");
    let found = told(data.path(), &["--backup-within", "1d"]);
    assert_eq!(faults(&found), ["backup"], "{found}");
    let older = format!(
        "update settings set value = {} where name = 'last_backup_ms'",
        days(8)
    );
    Database::of(data.path()).run(&older);
    assert_eq!(faults(&told(data.path(), &[])), ["backup"]);
}

#[test]
fn destinations_that_stand_still_are_told() {
    let data = store();
    let url = "https://example.com/hook";
    let create = ["destination", "create", "--url", url, "--json"];
    let made = run(data.path(), &create);
    assert!(made.status.success(), "{made:?}");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(level(&told(data.path(), &[]), "destinations"), "ok");
    let paused = run(data.path(), &["destination", "pause", id]);
    assert!(paused.status.success(), "{paused:?}");
    let found = told(data.path(), &[]);
    assert_eq!(
        (level(&found, "destinations").as_str(), faults(&found).len()),
        ("note", 0)
    );
    let disable = "update destinations set state = 'disabled', reason = 'it is gone'";
    assert_eq!(Database::of(data.path()).execute(disable), 1);
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["destinations"], "{found}");
    let message = finding(&found, "destinations")["message"].to_string();
    assert!(
        message.contains(id) && message.contains("it is gone"),
        "{message}"
    );
}

/// As the alert on destinations that are behind: one that has just begun to fail may come right by itself.
#[test]
fn a_destination_that_fails_is_a_fault_only_after_a_while() {
    let data = store();
    let nobody = "https://nobody.invalid/hook";
    let made = run(data.path(), &["destination", "create", "--url", nobody]);
    assert!(made.status.success(), "{made:?}");
    let server = Server::start(data.path());
    v1::submit(&server, "TRK001", &[v1::order("A")]);
    let found = loop {
        let found = told(data.path(), &[]);
        if finding(&found, "destinations")["level"] != "ok" {
            break found;
        }
    };
    let message = finding(&found, "destinations")["message"].to_string();
    assert!(message.contains("every attempt fails"), "{message}");
    assert_eq!(level(&found, "destinations"), "note", "{found}");
    assert_eq!(faults(&found), [""; 0], "{found}");
    server.terminate();
    server.wait();
    if !is_on_postgres() {
        let found = told(data.path(), &[]);
        let message = finding(&found, "destinations")["message"].to_string();
        assert!(message.contains(" wait, and are not"), "{message}");
        assert!(message.contains("because no server runs"), "{message}");
        assert_eq!(faults(&found), [""; 0], "{found}");
    }
    let long_ago = wharfinger::clock::now_ms() - 60 * 60 * 1_000;
    let set = format!("update destination_progress set failing_since_ms = {long_ago}");
    assert_eq!(Database::of(data.path()).execute(&set), 1);
    let _server = Server::start(data.path());
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["destinations"], "{found}");
}

#[test]
fn an_interrupted_restore_is_told_as_such() {
    if !on_embedded("is of a directory") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    std::fs::set_permissions(data.path(), PermissionsExt::from_mode(0o700)).unwrap();
    // As a killed restore leaves it.
    std::fs::create_dir(data.path().join("restoring")).unwrap();
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["store"], "{found}");
    let store = finding(&found, "store");
    let message = store["message"].as_str().unwrap();
    assert!(message.contains("has an unfinished restore"), "{message}");
    let remedy = store["remedy"].as_str().unwrap();
    assert!(remedy.contains("restore again"), "{remedy}");
}

#[test]
fn a_store_without_keys_is_a_note() {
    let data = private(fixture::empty_directory());
    if !is_on_postgres() {
        run(data.path(), &["org", "create", "FIRST", "--init"]);
    }
    let found = told(data.path(), &[]);
    assert_eq!(
        (
            level(&found, "organisations").as_str(),
            faults(&found).len()
        ),
        ("note", 0)
    );
    let server = Server::start(data.path());
    assert_eq!(server.send(&Request::new("GET", "/readyz")).status, 200);
}
