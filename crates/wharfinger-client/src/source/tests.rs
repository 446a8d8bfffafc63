//! What is read from files of every form.

mod properties;

use std::io::{self, Read, Write};
use std::path::Path;

use wharfinger_core::dialects;

use super::{Decoded, ORDER_BYTES_MAX, Shape, form};

/// A reader that gives few bytes at a time, so that orders lie across the edges.
struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    at_a_time: usize,
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(self.at_a_time);
        self.bytes.read(&mut into[..length])
    }
}

/// What was read: the shape, each order's line, name and text, and the sentence about what ended the file early.
#[derive(Debug, PartialEq)]
struct Outcome {
    shape: Option<Shape>,
    orders: Vec<(u64, Option<String>, String)>,
    error: Option<String>,
}

fn read_as(bytes: &[u8], file: &str, dialect: &str, at_a_time: usize) -> Outcome {
    let mut read = Outcome {
        shape: None,
        orders: Vec::new(),
        error: None,
    };
    let bytes = io::Cursor::new(bytes.to_vec());
    let reader = Box::new(Trickle { bytes, at_a_time });
    let dialect = dialects::find(dialect).unwrap();
    let opened = Decoded::of(reader, file.into(), None)
        .and_then(|decoded| form::recognise(decoded, Path::new(file), dialect));
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => {
            read.error = Some(error.to_string());
            return read;
        }
    };
    read.shape = Some(source.shape());
    loop {
        match source.next() {
            Ok(Some(record)) => read.orders.push((record.line, record.name, record.text)),
            Ok(None) => return read,
            Err(error) => {
                read.error = Some(error.to_string());
                assert!(
                    source.next().is_ok_and(|next| next.is_none()),
                    "nothing follows an error"
                );
                return read;
            }
        }
    }
}

fn read(text: &str) -> Outcome {
    read_as(text.as_bytes(), "f", "native", 7)
}

/// The dialect that has batches of named orders.
fn with_names() -> &'static str {
    let mut all = dialects::ALL.iter();
    let found = all.find(|dialect| form::takes_names(**dialect));
    found.expect("there is one").id()
}

fn orders(list: &[(u64, Option<&str>, &str)]) -> Vec<(u64, Option<String>, String)> {
    let owned = |(line, name, text): &(u64, Option<&str>, &str)| {
        (*line, name.map(str::to_owned), (*text).to_owned())
    };
    list.iter().map(owned).collect()
}

fn good(shape: Shape, list: &[(u64, Option<&str>, &str)]) -> Outcome {
    Outcome {
        shape: Some(shape),
        orders: orders(list),
        error: None,
    }
}

#[test]
fn every_form_gives_orders_with_their_lines() {
    let array = "\u{feff}\n [{\"a\":\n1}, 2,\n\n {\"b\":\"]\\\"}\"}\n]\n";
    let list = [
        (2, None, "{\"a\":\n1}"),
        (3, None, "2"),
        (5, None, "{\"b\":\"]\\\"}\"}"),
    ];
    assert_eq!(read(array), good(Shape::Array, &list));

    let lines = "{\"a\":1}\r\n\n  \n{\"a\":tru\n[1,2]\nhello\n{\"b\":2}";
    let list = [
        (1, None, "{\"a\":1}"),
        (4, None, "{\"a\":tru"),
        (5, None, "[1,2]"),
        (6, None, "hello"),
        (7, None, "{\"b\":2}"),
    ];
    assert_eq!(read(lines), good(Shape::Lines, &list));

    let texts = "{\n \"a\": 1\n}\n{\n \"b\": 2\n}{}";
    let list = [
        (1, None, "{\n \"a\": 1\n}"),
        (4, None, "{\n \"b\": 2\n}"),
        (6, None, "{}"),
    ];
    assert_eq!(read(texts), good(Shape::Lines, &list));

    assert_eq!(read("[]"), good(Shape::Array, &[]));
    assert_eq!(read(""), good(Shape::Lines, &[]));
    assert_eq!(read(" \n\u{20}"), good(Shape::Lines, &[]));
}

#[test]
fn an_object_holds_named_orders_only_where_the_dialect_has_them() {
    let named = "{\"first\\n\": {\"a\":1},\n\"2\":{\"b\":2}, \"3\" : null}";
    let list = [
        (1, Some("first\n"), "{\"a\":1}"),
        (2, Some("2"), "{\"b\":2}"),
        (2, Some("3"), "null"),
    ];
    let named_form = |text: &str| read_as(text.as_bytes(), "f", with_names(), 3);
    assert_eq!(named_form(named), good(Shape::Object, &list));
    assert_eq!(
        read(named).shape,
        Some(Shape::Lines),
        "an order with objects inside"
    );

    // An order may begin with an attribute that is an object.
    let order = "{\"invoiceAddress\":{\"a\":1}}\n{\"products\":[]}";
    let list = [
        (1, None, "{\"invoiceAddress\":{\"a\":1}}"),
        (2, None, "{\"products\":[]}"),
    ];
    assert_eq!(named_form(order), good(Shape::Lines, &list));
    assert_eq!(named_form("{}"), good(Shape::Lines, &[(1, None, "{}")]));
}

#[test]
fn the_ending_of_a_name_makes_lines_of_what_begins_badly() {
    let text = b"{\"a\":1\n{\"b\":2}\n";
    let list = [(1, None, "{\"a\":1"), (2, None, "{\"b\":2}")];
    for file in ["x.ndjson", "x.JSONL", "x.jsonl.gz", "x.json.ndjson.zst"] {
        assert_eq!(
            read_as(text, file, "native", 5),
            good(Shape::Lines, &list),
            "{file}"
        );
    }
    let error = read_as(text, "x.json", "native", 5).error.unwrap();
    assert_eq!(
        error,
        "x.json: the file ends inside the value that begins in line 1"
    );
}

#[test]
fn compressed_files_are_read_like_plain_ones() {
    let text = b"\xef\xbb\xbf[{\"a\":1},\n{\"b\":2}]";
    let list = [(1, None, "{\"a\":1}"), (2, None, "{\"b\":2}")];
    let expected = good(Shape::Array, &list);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text[..9]).unwrap();
    let mut gzip = gzip.finish().unwrap();
    let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    second.write_all(&text[9..]).unwrap();
    gzip.extend(second.finish().unwrap());
    assert_eq!(
        read_as(&gzip, "f", "native", 3),
        expected,
        "several members"
    );
    let zstd = zstd::encode_all(&text[..], 1).unwrap();
    assert_eq!(read_as(&zstd, "f", "native", 3), expected);

    for (bytes, what) in [(&gzip, "gzip"), (&zstd, "zstd")] {
        let cut = read_as(&bytes[..bytes.len() - 3], "f", "native", 64);
        let error = cut.error.unwrap();
        assert!(
            error.starts_with("f: the compressed data is cut off"),
            "{what}: {error}"
        );
    }
}

/// What ends a file early, how many orders were read before, and the sentence.
const BROKEN: [(&[u8], usize, &str); 14] = [
    (
        b"hello",
        0,
        "f: line 1 begins with neither '[' nor '{'; expected JSON or NDJSON, or CSV with --map",
    ),
    (b"\xff\xfe{\0", 0, "f is UTF-16; save it as UTF-8"),
    (
        b"[{}\n {}]",
        1,
        "f: line 2, byte 2: expected ',' or ']' after an order",
    ),
    (b"[{},\n]", 1, "f: line 2, byte 1: expected a value"),
    (
        b"[{},",
        1,
        "f: the file ends before its array is closed with ']'",
    ),
    (
        b"[{}",
        1,
        "f: the file ends before its array is closed with ']'",
    ),
    (
        b"[1",
        1,
        "f: the file ends before its array is closed with ']'",
    ),
    (
        b"[{}] x",
        1,
        "f: line 1, byte 6: unexpected text after the end of the orders",
    ),
    (b"[{\"a\":[1}]", 0, "f: line 1, byte 9: expected ',' or ']'"),
    (
        b"[{\"a\":\"x\n\"}]",
        0,
        "f: line 1, byte 9: a control character must be escaped in a string",
    ),
    (
        b"[{},{\"a\":\n[",
        1,
        "f: the file ends inside the value that begins in line 1",
    ),
    (
        b"[1,\n {\"a\":\"\xe9\"}]",
        1,
        "f: line 2, byte 8: byte 0xE9 is not UTF-8; if the file is Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`",
    ),
    (
        b"{}\n{\"a\":\"\xe9\"}",
        1,
        "f: line 2, byte 7: byte 0xE9 is not UTF-8; if the file is Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`",
    ),
    (
        b"{\n}\n[1]",
        1,
        "f: line 3, byte 1: expected '{': the next order",
    ),
];

/// The same in an object of named orders.
const BROKEN_NAMED: [(&str, usize, &str); 4] = [
    (
        "{\"a\":{},2:{}}",
        1,
        "f: line 1, byte 9: expected the name of an order in quotes",
    ),
    (
        "{\"a\":{},\"b\" {}}",
        1,
        "f: line 1, byte 13: expected ':' after the name of an order",
    ),
    (
        "{\"a\":{} \"b\":{}}",
        1,
        "f: line 1, byte 9: expected ',' or '}' after an order",
    ),
    (
        "{\"a\":{}",
        1,
        "f: the file ends before its object is closed with '}'",
    ),
];

#[test]
fn what_cannot_be_read_on_is_told_with_its_place() {
    for (bytes, orders, error) in BROKEN {
        let read = read_as(bytes, "f", "native", 4);
        assert_eq!(read.error.as_deref(), Some(error));
        assert_eq!(read.orders.len(), orders, "{error}");
    }
    for (text, orders, error) in BROKEN_NAMED {
        let read = read_as(text.as_bytes(), "f", with_names(), 4);
        assert_eq!(read.error.as_deref(), Some(error));
        assert_eq!(read.orders.len(), orders, "{error}");
    }
}

/// A reader without end, which counts what was read of it.
struct Endless {
    read: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        into.fill(b'x');
        self.read
            .fetch_add(into.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(into.len())
    }
}

#[test]
fn an_order_without_end_is_not_kept_in_memory() {
    for (start, file) in [("[{}, \"", "f"), ("{}\n", "f.ndjson")] {
        let read = std::sync::Arc::default();
        let endless = Endless {
            read: std::sync::Arc::clone(&read),
        };
        let reader = Box::new(io::Cursor::new(start).chain(endless));
        let decoded = Decoded::of(reader, file.into(), None).unwrap();
        let native = dialects::find("native").unwrap();
        let mut source = form::recognise(decoded, Path::new(file), native).unwrap();
        assert_eq!(source.next().unwrap().unwrap().text, "{}");
        let error = source.next().unwrap_err().to_string();
        let line = if file == "f" { 1 } else { 2 };
        let expected =
            format!("{file}: the order that begins in line {line} is longer than 16 MiB");
        assert_eq!(error, expected);
        let read = read.load(std::sync::atomic::Ordering::Relaxed);
        assert!(read <= 3 * ORDER_BYTES_MAX, "{read}");
    }
}
