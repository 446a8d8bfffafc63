//! Files: each event is in exactly one finished file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::{Given, Target, accepted, block_on, deliver};
use crate::postgres::until;

/// A directory for files, and a destination that writes there.
struct Place {
    root: TempDir,
    target: Target,
}

impl Place {
    fn new(settings: Value) -> Self {
        let mut settings = settings;
        settings["kind"] = "files".into();
        settings["directory"] = "shop/events".into();
        Self {
            root: tempfile::tempdir().unwrap(),
            target: Target::new(settings),
        }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("shop/events")
    }

    /// The names of all files but those that begin with a dot, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = Vec::from_iter(names.filter(|name| !name.starts_with('.')));
        names.sort();
        names
    }

    /// The organisation and position of each event in the finished files, in order.
    fn events(&self) -> Vec<(String, u64)> {
        let finished = self.names();
        let finished = finished.iter().filter(|name| !name.ends_with(".partial"));
        let lines = finished.flat_map(|name| lines_of(&self.directory().join(name)));
        let event = |line: Value| {
            let organisation = line["organisation"].as_str().unwrap().to_owned();
            (organisation, line["position"].as_u64().unwrap())
        };
        lines.map(event).collect()
    }
}

/// The lines of a file, decompressed by its name.
pub(crate) fn lines_of(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = File::open(path).unwrap();
    let ending = path.extension().unwrap().to_str().unwrap();
    match ending {
        "ndjson" => Box::new(file) as Box<dyn Read>,
        "gz" => Box::new(flate2::read::GzDecoder::new(file)),
        "zst" => Box::new(zstd::stream::Decoder::new(file).unwrap()),
        other => panic!("{other}"),
    }
    .read_to_string(&mut text)
    .unwrap();
    assert!(text.ends_with('\n'), "{}", path.display());
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn expected(events: &[Given]) -> Vec<(String, u64)> {
    let events = events.iter();
    events
        .map(|given| (given.code().to_owned(), given.position()))
        .collect()
}

#[test]
fn lines_are_those_of_the_events_however_they_are_compressed() {
    block_on(async {
        for (compression, ending) in [
            ("none", "ndjson"),
            ("gzip", "ndjson.gz"),
            ("zstd", "ndjson.zst"),
        ] {
            let mut place = Place::new(json!({"compression": compression}));
            place.target.destination.reach = OrgAccess::Only(vec![OrganisationId(1)]);
            let mut events = accepted(1, 4..=203);
            // As it was submitted.
            let body = String::from_utf8(events[0].body.to_vec()).unwrap();
            events[0].body = body.replacen('{', "{\r\n\n", 1).into();
            let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
            assert_eq!(sink.due_at_ms(), None);
            assert_eq!(deliver(&mut sink, &events[..100]).await.unwrap().events, 0);
            let due_at_ms = sink.due_at_ms();
            assert!(due_at_ms.is_some());
            assert_eq!(deliver(&mut sink, &events[100..]).await.unwrap().events, 0);
            assert_eq!(sink.due_at_ms(), due_at_ms, "since the first event");
            let partial = format!("events-0000000001.{ending}.partial");
            assert_eq!(place.names(), [partial]);
            assert_eq!(sink.close().await.unwrap().events, 200);
            let names = place.names();
            assert_eq!(names.len(), 1);
            assert!(names[0].starts_with("events-0000000001-2"), "{names:?}");
            assert!(
                names[0].ends_with(&format!("Z-4-203.{ending}")),
                "{names:?}"
            );
            assert_eq!(place.events(), expected(&events));
            let bodies = lines_of(&place.directory().join(&names[0]));
            let given = events
                .iter()
                .map(|given| serde_json::from_slice(&given.body).unwrap());
            assert_eq!(bodies, Vec::<Value>::from_iter(given));
        }
    });
}

#[test]
fn a_file_is_finished_when_it_is_large_or_old() {
    block_on(async {
        let settings = json!({"compression": "none", "bytes_max": 4_096, "interval_s": 1});
        let mut place = Place::new(settings);
        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        let events = accepted(1, 1..=101);
        let taken = deliver(&mut sink, &events[..100]).await.unwrap();
        assert_eq!((taken.events, sink.due_at_ms()), (100, None));
        assert_eq!(deliver(&mut sink, &events[100..]).await.unwrap().events, 0);
        let due_at_ms = sink.due_at_ms().unwrap();
        until("the file is due", || {
            wharfinger::clock::now_ms() >= due_at_ms
        });
        let taken = deliver(&mut sink, &[]).await.unwrap();
        assert_eq!((taken.events, sink.due_at_ms()), (1, None));
        assert_eq!(deliver(&mut sink, &[]).await.unwrap().events, 0);
        assert_eq!(place.names().len(), 2);
        assert_eq!(place.events(), expected(&events));
    });
}

/// A kill before the end of a file: the partial file is discarded, and its events come again.
#[test]
fn what_a_kill_leaves_unfinished_is_written_again() {
    block_on(async {
        let mut place = Place::new(json!({"bytes_max": 8_192, "compression": "none"}));
        let events = accepted(1, 1..=2_100);
        let mut done = 0;
        let mut kills = 0;
        while done < 2_000 {
            let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
            let mut given = done;
            for _ in 0..4 {
                let taken = deliver(&mut sink, &events[given..given + 20])
                    .await
                    .unwrap();
                given += 20;
                if taken.events > 0 {
                    assert_eq!(taken.events, given - done);
                    done = given;
                }
            }
            kills += usize::from(given > done);
        }
        assert!(kills > 3, "{kills} kills left a partial file");
        let sink = place.target.open(Some(place.root.path())).await.unwrap();
        assert!(place.names().iter().all(|name| !name.ends_with(".partial")));
        sink.close().await.unwrap();
        assert_eq!(place.events(), expected(&events[..done]));
    });
}

/// A kill after the end of a file and before its report: its events come again, in another order than before.
#[test]
fn what_a_finished_file_has_is_not_written_again() {
    block_on(async {
        let mut place = Place::new(json!({"bytes_max": 4_096, "compression": "none"}));
        let (one, two) = (accepted(1, 1..=30), accepted(2, 1..=20));
        let mut first = one[..20].to_vec();
        first.extend_from_slice(&two);
        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        assert_eq!(deliver(&mut sink, &first).await.unwrap().events, 40);
        for is_taken_away in [false, true] {
            drop(sink);
            if is_taken_away {
                for name in place.names() {
                    std::fs::remove_file(place.directory().join(name)).unwrap();
                }
            }
            let mut again = one.clone();
            again.extend_from_slice(&two);
            sink = place.target.open(Some(place.root.path())).await.unwrap();
            let known = deliver(&mut sink, &again[..20]).await.unwrap();
            assert_eq!(known.events, 20, "all of them were recognised");
            assert_eq!(deliver(&mut sink, &again[20..]).await.unwrap().events, 0);
        }
        assert_eq!(sink.close().await.unwrap().events, 30);
        assert_eq!(place.events(), expected(&one[20..]));
        let names = place.names();
        assert!(names[0].starts_with("events-0000000002-"), "{names:?}");
    });
}

/// A kill between the mark and the final name.
#[test]
fn a_file_that_was_only_about_to_be_finished_is_written_again() {
    block_on(async {
        let mut place = Place::new(json!({"compression": "gzip"}));
        let events = accepted(1, 1..=10);
        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events[..5]).await.unwrap();
        assert_eq!(sink.close().await.unwrap().events, 5);
        let name = place.directory().join(&place.names()[0]);
        let partial = place
            .directory()
            .join("events-0000000001.ndjson.gz.partial");
        std::fs::rename(name, partial).unwrap();
        for _ in 0..2 {
            // The second time, a kill followed the removal of the partial file.
            sink = place.target.open(Some(place.root.path())).await.unwrap();
            assert_eq!(place.names(), Vec::<String>::new());
            drop(sink);
        }
        sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        assert_eq!(sink.close().await.unwrap().events, 10);
        assert_eq!(place.events(), expected(&events));
        assert_eq!(place.names().len(), 1);
    });
}

#[test]
fn a_replay_writes_again() {
    block_on(async {
        let mut place = Place::new(json!({}));
        let events = accepted(1, 1..=10);
        for _ in 0..2 {
            let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
            deliver(&mut sink, &events).await.unwrap();
            assert_eq!(sink.close().await.unwrap().events, 10);
            place.target.destination.replays += 1;
        }
        assert_eq!(
            place.events(),
            [expected(&events), expected(&events)].concat()
        );
    });
}

#[test]
fn a_directory_has_one_writer_and_belongs_to_one_destination() {
    block_on(async {
        let mut place = Place::new(json!({}));
        let sink = place.target.open(Some(place.root.path())).await.unwrap();
        let refused = place
            .target
            .open(Some(place.root.path()))
            .await
            .unwrap_err();
        assert_eq!(refused.result, "fenced");
        drop(sink);
        let mut other = Place::new(json!({}));
        let refused = other
            .target
            .open(Some(place.root.path()))
            .await
            .unwrap_err();
        let owner = place.target.destination.id.to_string();
        assert!(refused.why.contains(&owner), "{}", refused.why);
        place.target.open(Some(place.root.path())).await.unwrap();
    });
}

#[test]
fn files_are_written_only_below_the_operators_directory() {
    block_on(async {
        let mut place = Place::new(json!({}));
        let refused = place.target.open(None).await.unwrap_err();
        assert!(
            refused.why.contains("--destinations-files"),
            "{}",
            refused.why
        );
        let missing = place.root.path().join("missing");
        let refused = place.target.open(Some(&missing)).await.unwrap_err();
        assert!(
            refused.why.contains("does not exist; create it"),
            "{}",
            refused.why
        );
        assert!(!missing.exists());
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.root.path().join("shop")).unwrap();
        std::os::unix::fs::symlink(outside.path(), place.directory()).unwrap();
        let refused = place
            .target
            .open(Some(place.root.path()))
            .await
            .unwrap_err();
        assert!(refused.why.contains("leads out"), "{}", refused.why);
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_full_disk_and_a_removed_directory_are_told_and_lose_nothing() {
    block_on(async {
        let mut place = Place::new(json!({"compression": "none"}));
        let events = accepted(1, 1..=10);
        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        let mark = place.directory().join(".wharfinger.new");
        std::os::unix::fs::symlink("/dev/full", &mark).unwrap();
        let failure = sink.close().await.unwrap_err();
        assert_eq!((failure.result, failure.taken.events), ("full", 0));
        assert!(failure.why.contains("free some space"), "{}", failure.why);
        std::fs::remove_file(&mark).unwrap();

        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        std::fs::remove_dir_all(place.directory()).unwrap();
        let failure = sink.close().await.unwrap_err();
        assert!(failure.why.contains("was removed"), "{}", failure.why);

        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        let partial = place.directory().join(&place.names()[0]);
        std::fs::remove_file(partial).unwrap();
        let failure = sink.close().await.unwrap_err();
        assert!(failure.why.contains("was removed"), "{}", failure.why);

        let mut sink = place.target.open(Some(place.root.path())).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        assert_eq!(sink.close().await.unwrap().events, 10);
        assert_eq!(place.events(), expected(&events));
    });
}
