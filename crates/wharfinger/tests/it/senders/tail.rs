//! `wharfinger events tail`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use super::desk::{Desk, ended, ids, lines, signal};

/// How long a line may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that runs. Killed when dropped.
struct Running {
    process: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.expect("the program starts");
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (read, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // Ends at the end of the command, or when nobody waits for its lines any more.
            while stdout.read_line(&mut line).is_ok_and(|length| length > 0) {
                if read.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// The next event that is printed.
    fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        serde_json::from_str(&line.expect("a line is printed")).expect("it is an event")
    }

    /// Waits for the end. Returns the exit status, what was printed since, and the errors.
    fn rest(mut self) -> (Option<i32>, String, String) {
        let out = self.lines.iter().collect();
        let status = self.process.wait().unwrap().code();
        (status, out, self.errors())
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_feed_is_printed_to_its_end_and_from_any_cursor_on() {
    let desk = Desk::new();
    for key in ["A-1", "A-2"] {
        desk.take("TRK001", key);
    }
    desk.take("TRK002", "B-1");
    let all = desk.events("");
    let tail = |more: &[&str]| {
        let arguments = [&["events", "tail", "--no-follow", "--json"], more].concat();
        desk.lines(&arguments)
    };
    let printed = tail(&["--since", "1h"]);
    assert_eq!(ids(&printed), ids(&all));
    for (event, of_api) in printed.iter().zip(&all) {
        for (name, value) in of_api.as_object().unwrap() {
            assert_eq!(event[name], *value);
        }
    }
    for (at, event) in printed.iter().enumerate() {
        let later = tail(&["--cursor", event["cursor"].as_str().unwrap()]);
        assert_eq!(ids(&later), ids(&printed[at + 1..]));
    }
    let accepted = tail(&[
        "--since",
        "1h",
        "--type",
        "order.accepted",
        "--org",
        "TRK001",
    ]);
    assert_eq!(accepted.len(), 2);
    let two = tail(&["--since", "1h", "--type", "order.accepted,batch.received"]);
    assert_eq!(two.len(), all.len());
    let with_order = tail(&[
        "--since",
        "1h",
        "--type",
        "order.accepted",
        "--as",
        "submitted",
    ]);
    assert_eq!(with_order[0]["order"]["key"], "A-1");
    assert_eq!(tail(&[]).len(), 0, "it begins now");
    let text = desk.done(&["events", "tail", "--until-now", "--since", "1h"]);
    assert_eq!(text.lines().count(), all.len());
    let first = text.lines().next().unwrap();
    assert!(
        first.contains("  batch.received    TRK001  batch "),
        "{first}"
    );
    assert!(!text.contains('\u{1b}'), "no colours but on a terminal");
}

#[test]
fn what_cannot_be_tailed_is_refused() {
    let mut desk = Desk::new();
    let told = desk.refused(1, &["events", "tail", "--type", "order.lost"]);
    assert!(told.contains("order.accepted"), "{told}");
    let told = desk.refused(1, &["events", "tail", "--cursor", "x"]);
    assert!(told.contains("400"), "{told}");
    desk.refused(2, &["events", "tail", "--since", "yesterday"]);
    let file = desk.home.path().join("cursor");
    std::fs::write(&file, "two words\n").unwrap();
    let told = desk.refused(
        1,
        &["events", "tail", "--cursor-file", file.to_str().unwrap()],
    );
    assert!(told.contains("holds no cursor"), "{told}");
    desk.kill_server();
    let told = desk.refused(1, &["events", "tail"]);
    assert!(
        told.contains("cannot reach") && told.lines().count() == 1,
        "{told}"
    );
}

#[test]
fn after_a_kill_a_later_run_continues_without_a_gap() {
    let desk = Desk::new();
    let file = desk.home.path().join("state/cursor");
    let file = file.to_str().unwrap();
    let arguments = [
        "events",
        "tail",
        "--json",
        "--since",
        "1h",
        "--cursor-file",
        file,
    ];
    let mut printed = Vec::new();
    for round in 0..4 {
        let mut running = Running::start(desk.command(&arguments));
        desk.take("TRK001", &format!("A-{round}"));
        desk.take("TRK002", &format!("A-{round}"));
        let mut of_run = vec![running.next(), running.next(), running.next()];
        running.process.kill().unwrap();
        of_run.extend(lines(&whole_lines(&running.rest().1)));
        printed.push(of_run);
    }
    let rest = [&arguments[..], &["--no-follow"]].concat();
    printed.push(desk.lines(&rest));
    // Within an organisation the feed has an order: each run begins where the one before ended, or before that.
    for organisation in ["TRK001", "TRK002"] {
        let all = desk.events(&format!("&organisation={organisation}"));
        let place = |event: &Value| all.iter().position(|known| known["id"] == event["id"]);
        let mut next = 0;
        for of_run in &printed {
            let places = Vec::from_iter(of_run.iter().filter_map(place));
            if let (Some(first), Some(last)) = (places.first(), places.last()) {
                assert!(*first <= next, "a gap before {first}, read up to {next}");
                assert!(
                    places.windows(2).all(|pair| pair[1] == pair[0] + 1),
                    "{places:?}"
                );
                next = last + 1;
            }
        }
        assert_eq!((next, all.len()), (8, 8));
    }
}

/// Without a line that was cut by a kill.
fn whole_lines(text: &str) -> String {
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    text[..end].to_owned()
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let mut desk = Desk::new();
    desk.take("TRK001", "A-1");
    let arguments = ["events", "tail", "--json", "--since", "1h"];
    let mut running = Running::start(desk.command(&arguments));
    let mut printed = vec![running.next(), running.next()];
    for key in ["A-2", "A-3"] {
        desk.kill_server();
        desk.start_server();
        desk.take("TRK001", key);
        printed.extend([running.next(), running.next()]);
    }
    assert_eq!(ids(&printed), ids(&desk.events("")));
    signal(running.process.id(), "-INT");
    let (status, out, _) = running.rest();
    assert_eq!((status, out.as_str()), (Some(0), ""));
}

#[test]
fn interrupted_it_ends_well_and_says_how_to_resume() {
    let desk = Desk::new();
    desk.take("TRK001", "A-1");
    let arguments = ["events", "tail", "--json", "--since", "1h"];
    let mut running = Running::start(desk.command(&arguments));
    let mut printed = vec![running.next(), running.next()];
    desk.take("TRK001", "A-2");
    printed.extend([running.next(), running.next()]);
    signal(running.process.id(), "-INT");
    let (status, _, errors) = running.rest();
    assert_eq!(status, Some(0), "{errors}");
    let cursor = errors
        .trim()
        .strip_prefix("to resume: --cursor ")
        .expect(&errors);
    desk.take("TRK001", "A-3");
    let later = desk.lines(&[
        "events",
        "tail",
        "--json",
        "--no-follow",
        "--cursor",
        cursor,
    ]);
    let all = desk.events("");
    // What was printed last may come again, but nothing is missing.
    assert!(
        ids(&all).ends_with(&ids(&later)) && later.len() >= 2,
        "{later:?}"
    );
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let desk = Desk::new();
    desk.take("TRK001", "A-1");
    let mut running = Running::start(desk.command(&["events", "tail", "--json", "--since", "1h"]));
    running.next();
    // The thread that reads ends at the next line, and closes the pipe.
    running.lines = mpsc::channel().1;
    let mut number = 0;
    let status = loop {
        number += 1;
        desk.take("TRK001", &format!("B-{number}"));
        if let Some(status) = running.process.try_wait().unwrap() {
            break status;
        }
    };
    let errors = running.errors();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
}

#[test]
fn events_that_were_purged_are_passed_over_with_a_warning() {
    let desk = Desk::new();
    let id = desk.take("TRK001", "A-1");
    desk.done(&["orders", "process", &id]);
    let tail = ["events", "tail", "--json", "--no-follow"];
    let all = desk.lines(&[&tail[..], &["--since", "1h"]].concat());
    let first = all[0]["cursor"].as_str().unwrap();
    let now = jiff::Timestamp::now().to_string();
    desk.take("TRK001", "A-2");
    let kept = desk.events("")[all.len()..].to_vec();
    let output = crate::support::server::run(desk.data.path(), &["purge", "--before", &now]);
    assert!(output.status.success(), "{output:?}");
    let after = [&tail[..], &["--cursor", first]].concat();
    let (printed, errors) = ended(desk.command(&after), 0);
    assert_eq!(ids(&lines(&printed)), ids(&kept));
    assert!(errors.contains("were purged"), "{errors}");
}

#[test]
fn a_server_without_room_is_waited_for() {
    let mut desk = Desk::new();
    desk.kill_server();
    // One request a second: the second one is told to wait.
    let limited = [
        "key",
        "create",
        "--org",
        "TRK001",
        "--requests-per-second",
        "1",
        "--json",
    ];
    let made = crate::support::server::run(desk.data.path(), &limited);
    let key = desk.home.path().join("limited.json");
    std::fs::write(&key, &made.stdout).unwrap();
    desk.start_server();
    for at in 0..3 {
        desk.take("TRK001", &format!("A-{at}"));
    }
    let mut tail = desk.command(&["events", "tail", "--no-follow", "--json", "--since", "1h"]);
    tail.env("WHARFINGER_KEY_FILE", &key);
    let (printed, errors) = ended(tail, 0);
    assert_eq!(lines(&printed).len(), 6, "{errors}");
    assert!(errors.contains("429"), "{errors}");
}
