//! A full or nearly full disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use wharfinger_core::dialect::SampleKey;
use wharfinger_core::dialects;

use crate::support::client::{Request, Response};
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program, run};
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

/// Linux error numbers: no space left, and quota exceeded.
const FULL: [(&str, &str); 2] = [("ENOSPC", "28"), ("EDQUOT", "122")];
/// Far more than the size of any disk.
const HUGE: &str = "1152921504606846976";
const GIB: u64 = 1 << 30;

/// A server whose writes fail while a marker file exists.
struct Disk {
    data: DataDirectory,
    marker: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let data = fixture::data_directory();
        let marker = data.path().join("full");
        Self { data, marker }
    }

    fn serve(&self) -> Server {
        let library = self.data.path().join("full.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/disk/full.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", source, "-ldl", "-o"]);
        let compiled = compile.arg(&library).status().expect("there is a compiler");
        assert!(compiled.success());
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
        command.args(["--disk-reserve-bytes", "0"]);
        command.env("LD_PRELOAD", &library);
        command.env("FULL_DISK", &self.marker);
        database::aim(&mut command, self.data.path());
        Server::spawn(command)
    }
}

fn batches(data: &Path) -> i64 {
    Database::of(data).count("batches")
}

/// Sends an order in every dialect.
fn send_in_every_dialect(server: &Server) -> Vec<(&'static str, Response)> {
    let secret = secret_of("full");
    let key = SampleKey {
        organisation: "TRK001",
        id: "full",
        secret: &secret,
    };
    let send = |dialect: &&'static dyn wharfinger_core::dialect::Dialect| {
        let sample = dialect.samples(&key).one;
        let mut request = Request::new(sample.method, &sample.target).body(sample.body);
        for (name, value) in &sample.headers {
            request = request.header(name, value.as_str());
        }
        (dialect.id(), server.send(&request))
    };
    dialects::ALL.iter().map(send).collect()
}

/// Asserts that orders are refused for lack of space, in every dialect's form.
fn turns_orders_down(server: &Server) {
    let answers = send_in_every_dialect(server);
    assert!(answers.len() > 1);
    for (dialect, answer) in answers {
        let status = if dialect == "native" { 507 } else { 503 };
        assert_eq!(answer.status, status, "{dialect}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("10"), "{dialect}");
        assert!(answer.text().contains("server's disk is full"), "{dialect}");
        if dialect == "native" {
            assert_eq!(answer.json()["code"], "disk_full");
        }
    }
}

/// Polls `/readyz` until it has this status, because a result may be reused for a moment.
fn ready(server: &Server, status: u16) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = server.send(&Request::new("GET", "/readyz?verbose"));
        if answer.status == status {
            return answer.text().to_owned();
        }
        assert!(Instant::now() < until, "{}", answer.text());
    }
}

#[test]
fn orders_are_turned_down_while_the_disk_is_full_and_taken_once_it_is_not() {
    if !database::on_embedded("the disk of a database is its server's") {
        return;
    }
    for (name, number) in FULL {
        let disk = Disk::new();
        let server = disk.serve();
        submit(&server, "TRK001", &[order("A-1")]);
        let before = batches(disk.data.path());
        std::fs::write(&disk.marker, number).unwrap();
        turns_orders_down(&server);
        let shown = ready(&server, 503);
        let expected = "store: the disk is full\ndisk: ok\nnot ready: store: the disk is full\n";
        assert_eq!(shown, expected, "{name}");
        let orders = get(&server, "/v1/orders");
        assert_eq!(orders["data"].as_array().unwrap().len(), 1, "{name}");
        assert!(server.metric("wharfinger_store_commits_failed_total") >= 4.0);
        assert_eq!(batches(disk.data.path()), before, "{name}");

        std::fs::remove_file(&disk.marker).unwrap();
        assert_eq!(ready(&server, 200), "store: ok\ndisk: ok\nready\n");
        let answer = submit(&server, "TRK001", &[order("A-2")]).0;
        assert_eq!(answer.json()["accepted"], 1, "{name}");
        drop(server);
        let report = stored::check(disk.data.path());
        assert_eq!((report.orders, report.faults), (2, Vec::new()), "{name}");
    }
}

#[test]
fn below_the_reserve_orders_are_turned_down_and_everything_else_goes_on() {
    if !database::on_embedded("the disk of a database is its server's") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    drop(server);
    let server = Server::start_with(data.path(), &["--disk-reserve-bytes", HUGE]);
    let before = batches(data.path());
    turns_orders_down(&server);
    assert_eq!(batches(data.path()), before);
    let shown = ready(&server, 503);
    let reserve = format!("and the reserve is {HUGE} bytes\n");
    assert!(
        shown.starts_with("store: ok\ndisk: the disk has "),
        "{shown}"
    );
    assert!(shown.ends_with(&reserve), "{shown}");
    assert!(server.metric("wharfinger_disk_free_bytes") > 0.0);
    assert!(server.metric("wharfinger_disk_reserve_bytes") > 1e18);
    // Dry runs, state changes, erasing and purging still work.
    let target = "/v1/batches?organisation=TRK001&dry_run=true";
    let tried = server.send(&request("POST", target, "full").body(order("A-3").to_string()));
    assert_eq!(tried.status, 200, "{}", tried.text());
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    let erase = [
        "customers",
        "erase",
        "--org",
        "TRK001",
        "--email",
        "ann@example.com",
    ];
    let output = run(data.path(), &erase);
    assert!(output.status.success(), "{output:?}");
    let now = wharfinger::clock::rfc_3339(wharfinger::clock::now_ms() + 1);
    let output = run(data.path(), &["purge", "--before", &now]);
    assert!(output.status.success(), "{output:?}");
    let orders = get(&server, "/v1/orders");
    assert_eq!(orders["data"].as_array().unwrap().len(), 1);
}

#[test]
fn orders_are_taken_again_once_there_is_room_above_the_reserve() {
    if !database::on_embedded("the disk of a database is its server's") {
        return;
    }
    let data = fixture::data_directory();
    let room = rustix::fs::statvfs(data.path()).unwrap();
    let free = room.f_bavail * room.f_frsize;
    if free < 5 * GIB {
        eprintln!("not run: it needs 5 GiB of disk, and there are {free} bytes");
        return;
    }
    let reserve = (free - 2 * GIB).to_string();
    let server = Server::start_with(data.path(), &["--disk-reserve-bytes", &reserve]);
    ready(&server, 200);
    let path = data.path().join("large");
    let file = std::fs::File::create(&path).unwrap();
    let flags = rustix::fs::FallocateFlags::empty();
    rustix::fs::fallocate(&file, flags, 0, 4 * GIB).expect("a large file can be made");
    ready(&server, 503);
    turns_orders_down(&server);
    drop(file);
    std::fs::remove_file(&path).unwrap();
    ready(&server, 200);
    let answer = submit(&server, "TRK001", &[order("A-1")]).0;
    assert_eq!(answer.json()["accepted"], 1);
}
