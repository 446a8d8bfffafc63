//! How the page looks: widths, colours, and the pictures of the documentation.

use std::path::Path;

use super::{NARROW, WIDE, assert_quiet, open, send, use_key};
use crate::support::browser::Browser;
use crate::support::fixture;
use crate::support::server::Server;

/// Opens every route and everything inside it.
fn open_all(browser: &Browser) {
    // What is opened may contain more that can be opened.
    let script = "for (let depth = 0; depth < 4; depth += 1) {
        for (const one of document.querySelectorAll('main details')) {
            one.fill?.();
            one.open = true;
        }
    }";
    browser.run(script, &[]);
}

#[test]
fn nothing_is_wider_than_the_window() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "#native_submit");
        use_key(&browser, "one");
        send(&browser, "native_submit");
        open_all(&browser);
        browser.find("#contents > summary");
        browser.run("document.getElementById('contents').open = true", &[]);
        let widths =
            "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
        assert_eq!(browser.run(widths, &[]), 0, "{size:?}");
        let wider = "return [...document.querySelectorAll('main *, #side *')]
            .filter((one) => one.checkVisibility() && !one.closest('pre, option, .skip, #search label'))
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
            .map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`)";
        let wider = browser.run(wider, &[]);
        assert_eq!(wider, serde_json::json!([]), "{size:?}");
        let fields = "return [...document.querySelectorAll('input, select, textarea')]
            .filter((one) => one.labels.length === 0).map((one) => one.id || one.outerHTML)";
        let fields = browser.run(fields, &[]);
        assert_eq!(fields, serde_json::json!([]), "fields without a label");
        assert_quiet(&browser);
    }
}

/// Texts whose contrast with what is behind them is too low (WCAG 2.2, 1.4.3): their colours and the ratio.
const PALE: &str = "
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const known = new Map();
    const parsed = (colour) => {
        if (!known.has(colour)) known.set(colour, drawn(colour));
        return known.get(colour);
    };
    const drawn = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return { channels: [red, green, blue], alpha: alpha / 255 };
    };
    const luminance = (channels) => {
        const [red, green, blue] = channels.map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const grounds = new Map();
    const behind = (one) => {
        if (!one) throw new Error('there is no background');
        if (!grounds.has(one)) {
            const { channels, alpha } = parsed(getComputedStyle(one).backgroundColor);
            if (alpha > 0 && alpha < 1) throw new Error('a background lets another one through');
            grounds.set(one, alpha === 1 ? channels : behind(one.parentElement));
        }
        return grounds.get(one);
    };
    const found = new Map();
    for (const one of document.querySelectorAll('body *')) {
        const hasText = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        const isField = one.matches('input, textarea, select');
        if (!(hasText || isField) || !one.checkVisibility() || one.matches('option, script, style')) continue;
        const style = getComputedStyle(one);
        const colours = [style.color];
        if (isField && one.placeholder) colours.push(getComputedStyle(one, '::placeholder').color);
        for (const colour of colours) {
            const [front, back] = [luminance(parsed(colour).channels), luminance(behind(one))];
            const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
            seen += 1;
            if (ratio < 4.5) found.set(`${one.tagName}.${one.className} ${colour}`, ratio);
        }
    }
    return [seen, [...found].map(([name, ratio]) => `${name}: ${ratio}`)]";

#[test]
fn every_text_has_enough_contrast() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "#native_submit");
    use_key(&browser, "one");
    send(&browser, "native_submit");
    browser.run("location.hash = '#native_list_orders'", &[]);
    browser.labelled("#native_list_orders", "limit").write("x");
    send(&browser, "native_list_orders");
    open_all(&browser);
    let mut pages = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        let told = browser.run(&format!("let seen = 0; {PALE}"), &[]);
        assert_eq!(told[1], serde_json::json!([]), "{scheme}");
        assert!(told[0].as_u64().unwrap() > 1_000, "{}", told[0]);
        let background = "return getComputedStyle(document.body).backgroundColor";
        pages.push(browser.run(background, &[]));
    }
    assert_ne!(pages[0], pages[1], "dark is as light");
}

/// Writes the pictures of the documentation if `UPDATE_PICTURES=1` is set. They differ from machine to machine by its fonts, so
/// they are not compared.
#[test]
fn pictures_of_the_page_can_be_taken() {
    const BYTES_MAX: usize = 150 << 10;
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let is_wanted = std::env::var_os("UPDATE_PICTURES").is_some();
    for (size, scheme) in [(WIDE, "light"), (NARROW, "dark")] {
        let browser = open(&server, size, "#native_submit");
        browser.prefer(scheme);
        use_key(&browser, "one");
        let mut top = "#native_submit";
        if size == NARROW {
            send(&browser, "native_submit");
            top = "#native_submit .actions";
        }
        let script = "document.querySelector(arguments[0]).scrollIntoView()";
        browser.run(script, &[top.into()]);
        let picture = browser.screenshot();
        assert!(picture.starts_with(b"\x89PNG"), "no PNG");
        if is_wanted {
            assert!(picture.len() < BYTES_MAX, "{} bytes", picture.len());
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("docs-{}.png", size.0)), picture).unwrap();
        }
    }
}
