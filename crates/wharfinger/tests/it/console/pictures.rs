//! The pictures of the documentation.

use std::path::{Path, PathBuf};

use super::demo::Demo;
use super::{NARROW, WIDE, sign_in_with};
use crate::support::browser::Browser;

/// A picture: its name, the page, the size of the window, the colours, and a link on the page that leads to what is shown.
type Picture = (
    &'static str,
    &'static str,
    (u32, u32),
    &'static str,
    &'static str,
);

const PICTURES: [Picture; 6] = [
    ("console-today", "/console", WIDE, "light", ""),
    ("console-errors", "/console/errors", WIDE, "light", ""),
    (
        "console-mend",
        "/console/errors",
        WIDE,
        "light",
        "main a[href*=cause]",
    ),
    ("console-batches", "/console/batches", WIDE, "dark", ""),
    ("console-orders", "/console/orders", WIDE, "light", ""),
    ("console-phone", "/console", NARROW, "dark", ""),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Writes the pictures if `UPDATE_PICTURES=1` is set. They differ from machine to machine by its fonts, so they are not
/// compared.
#[test]
fn pictures_of_the_console_can_be_taken() {
    const BYTES_MAX: usize = 400 << 10;
    let is_wanted = std::env::var_os("UPDATE_PICTURES").is_some();
    let demo = Demo::start();
    let browser = Browser::start(WIDE.0, WIDE.1);
    let show = |path: &str| browser.open(&format!("http://{}{path}", demo.address));
    show("/console");
    sign_in_with(&browser, &demo.id, &demo.secret);
    for (name, path, size, scheme, link) in PICTURES {
        browser.resize(size.0, size.1);
        browser.prefer(scheme);
        show(path);
        if !link.is_empty() {
            browser.find(link).click();
            browser.wait("location.search.includes('code=')");
            browser.find("main a[href*='/console/rejections/']").click();
            browser.wait("location.pathname.startsWith('/console/rejections/')");
            browser.wait("document.querySelector('main textarea')");
        }
        let picture = browser.screenshot();
        assert!(picture.starts_with(b"\x89PNG"), "{name}: no PNG");
        if is_wanted {
            assert!(picture.len() < BYTES_MAX, "{name}: {} bytes", picture.len());
            let folder = root().join("docs/pictures");
            std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        }
    }
}

#[test]
fn each_picture_is_on_a_page_of_the_documentation() {
    let page = std::fs::read_to_string(root().join("docs/console.md")).unwrap();
    for (name, ..) in PICTURES {
        let file = format!("pictures/{name}.png");
        let picture = std::fs::read(root().join("docs").join(&file)).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{file}");
        assert!(page.contains(&file), "{file}");
    }
}
