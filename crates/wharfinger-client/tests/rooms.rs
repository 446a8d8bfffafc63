//! The rooms of the client: a room imports only rooms below it in the picture at the head of `lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the sources can be read");
        let paths = entries.map(|entry| entry.expect("the sources can be read").path());
        return paths.flat_map(|path| files(&path)).collect();
    }
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    is_rust.then(|| path.to_owned()).into_iter().collect()
}

/// The rooms of the picture, from top to bottom.
fn rooms(picture: &str) -> Vec<&str> {
    let lines = picture.lines().skip_while(|line| *line != "//! ```text");
    let lines = lines.skip(1).take_while(|line| *line != "//! ```");
    let names = lines.filter_map(|line| line.strip_prefix("//! ")?.split(' ').next());
    names
        .map(|name| name.trim_end_matches('/').trim_end_matches(".rs"))
        .collect()
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let picture = fs::read_to_string(source.join("lib.rs")).expect("the sources can be read");
    let rooms = rooms(&picture);
    let mut upward = Vec::new();
    let mut seen = 0;
    for file in files(&source) {
        let inside = file.strip_prefix(&source).expect("it is in the sources");
        let room = inside.iter().next().expect("it has a name");
        let room = room.to_string_lossy();
        let room = room.trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let above = rooms.iter().position(|known| *known == room);
        let above = above.unwrap_or_else(|| panic!("{room} is not in the picture"));
        let text = fs::read_to_string(&file).expect("the sources can be read");
        for path in text.split("crate::").skip(1) {
            let is_end = |c: char| !c.is_alphanumeric() && c != '_';
            let name = path.split(is_end).next().unwrap_or_default();
            seen += 1;
            if !rooms[above..].contains(&name) {
                upward.push(format!("{}: {name:?}", file.display()));
            }
        }
    }
    assert!(seen > 50, "{seen} imports were found");
    assert!(
        upward.is_empty(),
        "imports that do not point down: {upward:#?}"
    );
}
