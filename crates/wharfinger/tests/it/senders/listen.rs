//! `wharfinger listen`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::desk::{Desk, ended, ids, mode, signal};
use crate::support::receiver::{Delivered, Receiver, Reply};

/// The command that runs. Killed when dropped.
struct Listening(Child);

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen(desk: &Desk, receiver: &str, more: &[&str]) -> Listening {
    let arguments = [&["listen", "--json", "--forward-to", receiver], more].concat();
    let mut command = desk.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Listening(command.spawn().expect("the program starts"))
}

/// The only file with a cursor and a secret.
fn state_file(desk: &Desk) -> PathBuf {
    let folder = desk.home.path().join(".local/state/wharfinger/listen");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
    let only = files.next().expect("the state is kept");
    assert_eq!(files.next(), None);
    only
}

fn secret(desk: &Desk) -> String {
    let kept: Value = serde_json::from_slice(&std::fs::read(state_file(desk)).unwrap()).unwrap();
    kept["secret"].as_str().unwrap().to_owned()
}

/// Checks the signature of a delivery, and that the header names the event.
fn verify(delivered: &Delivered, secret: &str) {
    let event = delivered.event();
    let header = |name: &str| delivered.header(name).expect(name);
    assert_eq!(header("webhook-id"), event["id"]);
    assert_eq!(header("wharfinger-position"), event["position"].to_string());
    let previous = delivered.header("wharfinger-previous").map(str::to_owned);
    assert_eq!(
        previous,
        event["previous"].as_u64().map(|at| at.to_string())
    );
    let previous = delivered
        .header("wharfinger-previous-of-order")
        .map(str::to_owned);
    assert_eq!(
        previous,
        event["previous_of_order"].as_u64().map(|at| at.to_string())
    );
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&delivered.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), expected);
}

/// The ids of what was taken, each once, in the order of first arrival.
fn once(taken: &[Delivered]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let ids = taken
        .iter()
        .map(|one| one.event()["id"].as_str().unwrap().to_owned());
    ids.filter(|id| seen.insert(id.clone())).collect()
}

/// Waits until every event of the feed was taken. Each was taken in the order of the feed.
fn assert_all_taken(desk: &Desk, receiver: &Receiver, before: &[Delivered]) {
    let all = desk.events("");
    let has_all = |taken: &[Delivered]| once(&[before, taken].concat()).len() >= all.len();
    let taken = receiver.wait_taken(has_all);
    let taken = once(&[before, &taken].concat());
    assert_eq!(taken.len(), all.len());
    // The feed has an order within an organisation.
    for organisation in ["TRK001", "TRK002"] {
        let all = desk.events(&format!("&organisation={organisation}"));
        let of = taken.iter().filter(|id| ids(&all).contains(&id.as_str()));
        assert!(of.eq(ids(&all)), "{organisation}: {taken:?}");
    }
}

#[test]
fn nothing_is_lost_over_a_receiver_that_is_down_and_a_server_that_restarts() {
    let mut desk = Desk::new();
    let receiver = Receiver::start(|_| Reply::Status(500));
    let listening = listen(&desk, &receiver.url(), &["--since", "1h"]);
    for key in ["A-1", "A-2"] {
        desk.take("TRK001", key);
    }
    let refused = receiver.wait_arrived(2);
    assert_eq!(
        once(&refused).len(),
        1,
        "the first event is tried until it is taken"
    );
    // Redirects are not followed, and connections that break are no answers. Each event is taken at the second attempt.
    let mut failures = [
        Reply::Close,
        Reply::Status(302),
        Reply::Garbage,
        Reply::Status(404),
    ]
    .into_iter();
    let mut is_second = false;
    receiver.behave(move |_| {
        is_second = !is_second;
        let failure = if is_second { failures.next() } else { None };
        failure.unwrap_or(Reply::Status(204))
    });
    assert_all_taken(&desk, &receiver, &[]);
    desk.kill_server();
    desk.start_server();
    desk.take("TRK001", "A-3");
    assert_all_taken(&desk, &receiver, &[]);
    // The receiver is gone, and comes back at the same address.
    let address = receiver.address.to_string();
    let taken = receiver.kill();
    desk.take("TRK001", "A-4");
    let receiver = Receiver::start_at(&address, None, |_| Reply::Status(200));
    assert_all_taken(&desk, &receiver, &taken);
    let secret = secret(&desk);
    assert_eq!(mode(&state_file(&desk)), 0o600);
    let all = [taken, receiver.taken(), refused].concat();
    for delivered in &all {
        verify(delivered, &secret);
        let body = String::from_utf8_lossy(&delivered.body);
        assert!(!body.contains(&secret), "{body}");
    }
    signal(listening.0.id(), "-INT");
    let mut listening = listening;
    assert_eq!(listening.0.wait().unwrap().code(), Some(0));
}

#[test]
fn after_a_kill_a_later_run_continues_with_the_same_secret() {
    let desk = Desk::new();
    let receiver = Receiver::willing();
    let mut secrets = BTreeSet::new();
    for round in 0..4 {
        let mut listening = listen(&desk, &receiver.url(), &["--since", "1h"]);
        desk.take("TRK001", &format!("A-{round}"));
        let all = desk.events("").len();
        receiver.wait_taken(|taken| once(taken).len() >= all);
        listening.0.kill().unwrap();
        listening.0.wait().unwrap();
        // What happens while it is down is forwarded later.
        desk.take("TRK002", &format!("B-{round}"));
        secrets.insert(secret(&desk));
    }
    let url = receiver.url();
    let arguments = ["listen", "--no-follow", "--forward-to", &url];
    let told = ended(desk.command(&arguments), 0).1;
    assert!(told.contains("where the last run ended"), "{told}");
    assert_all_taken(&desk, &receiver, &[]);
    assert_eq!(secrets.len(), 1);
    let secret = secrets.pop_first().unwrap();
    for delivered in receiver.taken() {
        verify(&delivered, &secret);
    }
    // All is delivered: nothing comes again, unless it is asked for.
    let count = receiver.taken().len();
    desk.done(&arguments);
    assert_eq!(receiver.taken().len(), count);
    desk.done(&[&arguments[..], &["--reset", "--since", "1h"]].concat());
    assert_eq!(receiver.taken().len(), count + desk.events("").len());
}

#[test]
fn without_a_reader_an_event_that_is_not_taken_is_not_tried_for_ever() {
    let desk = Desk::new();
    desk.take("TRK001", "A-1");
    let receiver = Receiver::start(|_| Reply::Status(500));
    let url = receiver.url();
    let arguments = ["listen", "--since", "1h", "--forward-to", &url];
    let mut command = desk.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut listening = Listening(command.spawn().unwrap());
    drop(listening.0.stdout.take());
    assert_eq!(listening.0.wait().unwrap().code(), Some(0));
    assert!(!receiver.arrived().is_empty());
    // It was not taken, so it comes again.
    receiver.behave(|_| Reply::Status(204));
    desk.done(&[&arguments[..], &["--no-follow"]].concat());
    assert_all_taken(&desk, &receiver, &[]);
}

#[test]
fn the_first_run_begins_now_and_forwards_what_is_asked_for() {
    let desk = Desk::new();
    desk.take("TRK001", "A-0");
    let receiver = Receiver::willing();
    let more = [
        "--type",
        "order.accepted",
        "--org",
        "TRK001",
        "--as",
        "native",
    ];
    let url = receiver.url();
    let arguments = [&["listen", "--no-follow", "--forward-to", &url], &more[..]].concat();
    let (out, told) = ended(desk.command(&arguments), 0);
    assert_eq!(out, "");
    let secret = secret(&desk);
    assert!(
        told.contains(&secret),
        "the first run shows the secret: {told}"
    );
    desk.take("TRK002", "B-1");
    desk.take("TRK001", "A-1");
    let (out, told) = ended(desk.command(&arguments), 0);
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(
        out.contains("order.accepted") && out.contains("204 after"),
        "{out}"
    );
    assert!(!told.contains(&secret), "{told}");
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].event()["order"]["key"], "A-1");
    let shown = desk.done(&[&arguments[..], &["--print-secret"]].concat());
    assert_eq!(shown.trim_end(), secret);
}

/// A secret that no other test uses.
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[test]
fn the_secret_can_be_given() {
    let desk = Desk::new();
    desk.take("TRK001", "A-1");
    let receiver = Receiver::willing();
    let given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url = receiver.url();
    let arguments = [
        "listen",
        "--no-follow",
        "--since",
        "1h",
        "--forward-to",
        &url,
    ];
    let with = |secret: &str, status: i32| {
        let mut command = desk.command(&arguments);
        command.env("WHARFINGER_LISTEN_SECRET", secret);
        ended(command, status).1
    };
    let told = with("open sesame", 1);
    assert!(
        told.contains("whsec_") && !told.contains("sesame"),
        "{told}"
    );
    assert_eq!(receiver.arrived().len(), 0);
    let told = with(given, 0);
    assert!(!told.contains(given), "{told}");
    for delivered in receiver.taken() {
        verify(&delivered, given);
    }
    assert_eq!(receiver.taken().len(), 2);
    // In a file too, which wins over what an earlier run has kept.
    let file = desk.home.path().join("secret.txt");
    for (secret, status) in [("open sesame", 1), (OTHER_SECRET, 0)] {
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        let file = ["--secret-file", file.to_str().unwrap(), "--reset"];
        ended(desk.command(&[&arguments[..], &file].concat()), status);
    }
    let again = receiver.taken();
    assert_eq!(again.len(), 4);
    verify(&again[3], OTHER_SECRET);
}

#[test]
fn one_cursor_is_of_one_process_and_one_server() {
    let desk = Desk::new();
    desk.take("TRK001", "A-1");
    let receiver = Receiver::willing();
    let url = receiver.url();
    let file = desk.home.path().join("listen.json");
    let file = file.to_str().unwrap();
    let arguments = [
        "listen",
        "--forward-to",
        &url,
        "--cursor-file",
        file,
        "--since",
        "1h",
    ];
    let running = listen(&desk, &url, &arguments[3..]);
    receiver.wait_taken(|taken| taken.len() == 2);
    let told = desk.refused(1, &arguments);
    assert!(told.contains("another `wharfinger listen` uses"), "{told}");
    drop(running);
    let told = desk.refused(1, &[&arguments[..], &["--org", "TRK001"]].concat());
    assert!(told.contains("another server or organisation"), "{told}");
    std::fs::write(file, "{}").unwrap();
    let told = desk.refused(1, &arguments);
    assert!(
        told.contains("is not a file of `wharfinger listen`"),
        "{told}"
    );
    desk.refused(2, &["listen", "--forward-to", "ftp://127.0.0.1/"]);
    assert_eq!(receiver.arrived().len(), 2);
}
