//! The rooms of the core: a room imports only rooms below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. A room is a folder or a file.
const ROOMS: [&str; 14] = [
    "convert",
    "judge",
    "kept",
    "dialects",
    "dialect",
    "decide",
    "rules",
    "canonical",
    "hint",
    "reading",
    "order",
    "json",
    "letters",
    "limits",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources can be read");
    entries
        .map(|entry| entry.expect("the sources can be read").path())
        .collect()
}

/// The Rust files of a room.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return entries(path).iter().flat_map(|path| files(path)).collect();
    }
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    is_rust.then(|| path.to_owned()).into_iter().collect()
}

fn room(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the sources can be read")
}

/// The rooms that a source text names, in paths such as `crate::order::ids`.
fn named(text: &str) -> Vec<&str> {
    let paths = text.split("crate::").skip(1);
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
    paths
        .map(|path| path.split(is_end).next().unwrap_or_default())
        .collect()
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let mut upward = Vec::new();
    for path in entries(&source()) {
        let room = room(&path);
        let Some(at) = ROOMS.iter().position(|known| *known == room) else {
            assert_eq!(room, "lib", "a room is not listed");
            continue;
        };
        for file in files(&path) {
            for name in named(&read(&file)) {
                // A group such as `crate::{order, json}` has no first name, so it is reported too.
                if !ROOMS[at..].contains(&name) {
                    upward.push(format!("{}: {name:?}", file.display()));
                }
            }
        }
    }
    assert!(
        upward.is_empty(),
        "imports that do not point down: {upward:#?}"
    );
}

#[test]
fn each_room_says_what_it_may_import() {
    for room in ROOMS {
        let folder = source().join(room).join("mod.rs");
        let file = source().join(room).with_extension("rs");
        let text = read(if folder.exists() { &folder } else { &file });
        let head: Vec<_> = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .collect();
        let head = head.join("");
        if folder.exists() {
            let says = ["May import", "Imports no other room"];
            assert!(
                says.iter().any(|words| head.contains(words)),
                "{room}: what may it import?"
            );
        }
        // Named in lib.rs, in the picture of the rooms.
        let picture = read(&source().join("lib.rs"));
        assert!(
            picture.contains(&format!("//! {room}")),
            "{room} is not in the picture"
        );
    }
}
