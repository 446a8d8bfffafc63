//! The rooms of the kit: a room imports only rooms below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. A room is a folder or a file.
const ROOMS: [&str; 9] = [
    "kit", "serve", "report", "play", "compare", "exchange", "json", "text", "case",
];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the sources can be read");
        let paths = entries.map(|entry| entry.expect("the sources can be read").path());
        return paths.flat_map(|path| files(&path)).collect();
    }
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    is_rust.then(|| path.to_owned()).into_iter().collect()
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let picture = fs::read_to_string(source.join("lib.rs")).expect("the sources can be read");
    let mut upward = Vec::new();
    let mut seen = 0;
    for file in files(&source) {
        let inside = file.strip_prefix(&source).expect("it is in the sources");
        let room = inside
            .iter()
            .next()
            .expect("it has a name")
            .to_string_lossy();
        let room = room.trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let above = ROOMS.iter().position(|known| *known == room);
        let above = above.unwrap_or_else(|| panic!("{room} is not listed"));
        assert!(
            picture.contains(&format!("//! {room}")),
            "{room} is not in the picture"
        );
        let text = fs::read_to_string(&file).expect("the sources can be read");
        for path in text.split("crate::").skip(1) {
            let name = path
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            let name = name.unwrap_or_default();
            seen += 1;
            if !ROOMS[above..].contains(&name) {
                upward.push(format!("{}: {name:?}", file.display()));
            }
        }
    }
    assert!(seen > 20, "{seen} imports were found");
    assert!(
        upward.is_empty(),
        "imports that do not point down: {upward:#?}"
    );
}
