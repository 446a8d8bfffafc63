//! The rooms of the server: a room imports only rooms below it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::rooms::{first_names, rust_files};

/// From top to bottom. A room is a folder or a file.
const ROOMS: [&str; 14] = [
    "cli",
    "backup",
    "http",
    "imports",
    "intake",
    "access",
    "catalogue",
    "otlp",
    "onward",
    "logging",
    "serve",
    "store",
    "runtime",
    "clock",
];

/// The two roots of the crate, which are no rooms.
const ROOTS: [&str; 2] = ["lib", "main"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of each room.
fn rooms() -> Vec<(String, Vec<PathBuf>)> {
    let mut rooms = Vec::new();
    for entry in std::fs::read_dir(sources()).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut files = Vec::new();
        if path.is_dir() {
            rust_files(&path, &mut files);
        } else {
            files.push(path.clone());
        }
        if !ROOTS.contains(&&*name) {
            rooms.push((name.into_owned(), files));
        }
    }
    rooms
}

#[test]
fn rooms_of_the_server_import_only_rooms_below_them() {
    let mut upward = BTreeSet::new();
    let mut seen = 0;
    for (room, files) in rooms() {
        let above = ROOMS.iter().position(|known| *known == room);
        let above = above.unwrap_or_else(|| panic!("{room} is not listed"));
        for file in files {
            let text = std::fs::read_to_string(&file).expect("the sources can be read");
            for path in text.split("crate::").skip(1) {
                for name in first_names(path) {
                    seen += usize::from(ROOMS.contains(&name));
                    if ROOMS[..above].contains(&name) {
                        upward.insert(format!("{}: {name}", file.display()));
                    }
                }
            }
        }
    }
    assert!(seen > 100, "{seen} imports were found");
    assert!(
        upward.is_empty(),
        "imports that do not point down: {upward:#?}"
    );
}

#[test]
fn each_room_of_the_server_says_what_it_keeps_and_may_import() {
    let mut found = 0;
    for room in ROOMS {
        let head = sources().join(room).join("mod.rs");
        let Ok(text) = std::fs::read_to_string(&head) else {
            continue;
        };
        let heads: Vec<_> = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let says = heads.join("\n");
        // The head of the store draws its rooms; each of them says what it may import.
        let is_said = says.contains("ay import") || room == "store";
        assert!(is_said, "{}: what may it import?", head.display());
        found += 1;
    }
    assert!(found >= 7, "{found} folders were found");
}
