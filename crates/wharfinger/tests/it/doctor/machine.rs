//! Checks of the machine and of files that the settings name.

use std::os::unix::fs::PermissionsExt;

use super::{command, faults, finding, level, read, store, told};
use crate::support::database::on_embedded;
use crate::support::server::{Server, program};
use crate::support::v1;
use crate::tls::Pair;

#[test]
fn a_disk_below_its_reserve_is_a_fault() {
    if !on_embedded("is of the disk of a directory") {
        return;
    }
    let data = store();
    let found = told(data.path(), &["--disk-reserve-bytes", "9000000000000000"]);
    assert_eq!(faults(&found), ["disk_room"], "{found}");
}

#[test]
fn a_low_limit_on_open_files_is_told() {
    let data = store();
    let limited = |limit: u32| {
        let doctor = command(data.path(), &[]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"]);
        shell.arg(doctor.get_program()).args(doctor.get_args());
        for (name, value) in doctor.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        read(shell)
    };
    let found = limited(500);
    assert_eq!(
        (level(&found, "open_files").as_str(), faults(&found).len()),
        ("note", 0)
    );
    let found = limited(40);
    assert_eq!(faults(&found), ["open_files"], "{found}");
    assert!(
        finding(&found, "open_files")["remedy"]
            .to_string()
            .contains("LimitNOFILE=")
    );
}

#[test]
fn a_clock_that_cannot_be_right_is_a_fault() {
    let data = store();
    let server = Server::start(data.path());
    v1::submit(&server, "TRK001", &[v1::order("A")]);
    let offset = tempfile::NamedTempFile::new().unwrap();
    for (days, said) in [
        (-20_000_i64, "the clock says"),
        (-2, "latest change of the store"),
    ] {
        let ms = days * 24 * 60 * 60 * 1_000;
        std::fs::write(offset.path(), ms.to_string()).unwrap();
        let mut doctor = command(data.path(), &[]);
        doctor.env("WHARFINGER_TEST_CLOCK", offset.path());
        let found = read(doctor);
        let message = finding(&found, "clock")["message"].to_string();
        assert!(
            faults(&found).contains(&"clock") && message.contains(said),
            "{found}"
        );
    }
}

#[test]
fn certificates_that_end_soon_or_cannot_be_used_are_faults() {
    let data = store();
    let (pair, other) = (Pair::make(), Pair::make());
    let of = |certificate: &str, key: &str| {
        told(data.path(), &["--tls-cert", certificate, "--tls-key", key])
    };
    let found = of(&pair.path("cert.pem"), &pair.path("key.pem"));
    assert_eq!(
        faults(&found),
        ["certificate"],
        "it ends in two days: {found}"
    );
    let found = of(&pair.path("cert.pem"), &other.path("key.pem"));
    assert!(
        finding(&found, "certificate")["message"]
            .to_string()
            .contains("does not belong")
    );
    pair.openssl(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=long \
         -keyout long.key -out long.pem && chmod 640 long.key",
    );
    let found = of(&pair.path("long.pem"), &pair.path("long.key"));
    assert_eq!(
        (level(&found, "certificate").as_str(), faults(&found).len()),
        ("ok", 0)
    );
    let open = PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(pair.file("long.key"), open).unwrap();
    let found = of(&pair.path("long.pem"), &pair.path("long.key"));
    assert_eq!(faults(&found), ["permissions"], "{found}");
}

/// The settings are those of the server, from the same sources.
#[test]
fn settings_come_from_the_file_of_the_server() {
    if !on_embedded("is of a directory") {
        return;
    }
    let data = store();
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "data = \"{}\"\ndisk_reserve_bytes = 9000000000000000\n",
        data.path().display()
    );
    std::fs::write(file.path(), text).unwrap();
    let mut doctor = program();
    doctor.args(["doctor", "--config"]).arg(file.path());
    assert_eq!(faults(&read(doctor)), ["disk_room"]);
    let mut wrong = program();
    wrong.args(["doctor", "--queue-max", "0"]);
    let refused = wrong.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--queue-max"));
}
