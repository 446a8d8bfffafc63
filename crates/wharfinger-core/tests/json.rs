//! Compares the JSON reader with `serde_json`: what it accepts and refuses as a whole, what it reads, and what it
//! hashes.

#[path = "support/json.rs"]
mod json;

use json::{Json, Read};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use wharfinger_core::json::{Envelope, NameCase, Reader, Rules};
use wharfinger_core::limits::Limits;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_was_written_is_read(tree in json::tree(), style: u64) {
        let text = json::write(&tree, style);
        let read = json::read_one(text.as_bytes()).unwrap();
        prop_assert_eq!(&read.faults, &Vec::<String>::new(), "{}", text);
        prop_assert_eq!(read.value, serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }

    #[test]
    fn the_way_of_writing_leaves_the_hash_alone(tree in json::tree(), one: u64, other: u64) {
        let [left, right] = [one, other].map(|style| json::write(&tree, style));
        let hashes = [&left, &right].map(|text| json::read_one(text.as_bytes()).unwrap().hash);
        prop_assert_eq!(hashes[0], hashes[1], "{} {}", left, right);
    }

    #[test]
    fn other_content_has_another_hash(one in json::small_tree(), other in json::small_tree()) {
        let [left, right] = [&one, &other].map(|tree| json::read_one(json::write(tree, 0).as_bytes()).unwrap().hash);
        let is_same = json::canonical(&one) == json::canonical(&other);
        prop_assert_eq!(left == right, is_same, "{:?} {:?}", one, other);
    }

    #[test]
    fn texts_broken_here_and_there_are_refused_alike(tree in json::tree(), style: u64, hits in json::hits()) {
        let mut text = json::write(&tree, style).into_bytes();
        json::damage(&mut text, &hits);
        same_verdict(&text)?;
    }

    #[test]
    fn texts_of_random_pieces_are_refused_alike(pieces in json::pieces()) {
        same_verdict(pieces.as_bytes())?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        same_verdict(&bytes)?;
        for envelope in [Envelope::One, Envelope::Array, Envelope::Object] {
            for names in [NameCase::Exact, NameCase::Ignored] {
                let _ = json::read(&bytes, envelope, names);
            }
        }
    }
}

/// Checks that the reader and `serde_json` agree on whether the body is readable, and on each order that both can read.
fn same_verdict(element: &[u8]) -> Result<(), TestCaseError> {
    // The only exception is a byte order mark at the start of the body. So the element is not the start here.
    let body = [b"[", element, b"]"].concat();
    let mine = json::read(&body, Envelope::Array, NameCase::Exact);
    let shown = String::from_utf8_lossy(&body);
    let Ok(text) = std::str::from_utf8(&body) else {
        prop_assert!(mine.is_err(), "no UTF-8: {}", shown);
        return Ok(());
    };
    // `IgnoredAny` checks only the syntax. Our further faults reject an order, not the body.
    let theirs = serde_json::from_str::<IgnoredAny>(text);
    prop_assert_eq!(
        mine.is_ok(),
        theirs.is_ok(),
        "{} {:?} {:?}",
        shown,
        mine,
        theirs
    );
    let Ok(entries) = mine else { return Ok(()) };
    if entries.iter().any(|entry| !entry.faults.is_empty()) {
        return Ok(());
    }
    let values: Vec<serde_json::Value> = entries.into_iter().map(|entry| entry.value).collect();
    match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Ok(expected) => prop_assert_eq!(values, expected, "{}", shown),
        Err(error) => prop_assert!(false, "{} {}", shown, error),
    }
    Ok(())
}

#[test]
fn faults_of_one_order_are_told_with_their_place() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    let very_deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_objects = format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(64), "}".repeat(64));
    let deep_path = format!("a{}", "[0]".repeat(63));
    let objects_path = format!("a{}", ".b".repeat(63));
    let long = format!("{{\"n\":[1,{}]}}", "9".repeat(400));
    let many: Vec<String> = (0..40).map(|n| format!("\"n{n}\":{n}")).collect();
    let many_then_known = format!("{{{},\"n7\":0,\"n39\":0}}", many.join(","));
    let too_deep = "is nested deeper than 64 levels";
    let table: [(&str, &[&str]); 17] = [
        (&deep, &[&format!("{deep_path} {too_deep}")]),
        (&very_deep, &[&format!("{deep_path} {too_deep}")]),
        (&deep_objects, &[&format!("{objects_path} {too_deep}")]),
        (&long, &["n[1] needs more than 38 digits"]),
        (r#"{"n":1e999999999}"#, &["n needs more than 38 digits"]),
        (r#"{"a":"\ud800"}"#, &["a contains half a surrogate pair"]),
        (
            r#"{"a":"\udc00\ud800"}"#,
            &["a contains half a surrogate pair"],
        ),
        (
            r#"{"a":"\ud83d\u0041"}"#,
            &["a contains half a surrogate pair"],
        ),
        (
            r#"{"a":"\ud83d\ud83d\ude00"}"#,
            &["a contains half a surrogate pair"],
        ),
        (
            r#"{"a":[{"b":"x\u0000"}]}"#,
            &["a[0].b contains the character \\u0000"],
        ),
        (r#"{"\u0000":1}"#, &["\0 contains the character \\u0000"]),
        (
            r#"{"\ud800":1}"#,
            &["\u{fffd} contains half a surrogate pair"],
        ),
        (
            r#"{"a":1,"b":2,"a":3}"#,
            &["a appears twice in the same object"],
        ),
        (
            r#"{"a":1,"\u0061":3}"#,
            &["a appears twice in the same object"],
        ),
        (
            r#"{"a":[0,{"b":1,"b":1}],"c":"\u0000"}"#,
            &[
                "a[1].b appears twice in the same object",
                "c contains the character \\u0000",
            ],
        ),
        (
            &many_then_known,
            &[
                "n7 appears twice in the same object",
                "n39 appears twice in the same object",
            ],
        ),
        (r#"{"a":1,"A":2}"#, &[]),
    ];
    for (text, faults) in table {
        let read = json::read_one(text.as_bytes()).unwrap();
        assert_eq!(read.faults, faults, "{}", &text[..text.len().min(200)]);
    }
}

#[test]
fn what_is_just_within_the_bounds_is_read() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(63), "]".repeat(63));
    let digits = format!("{{\"n\":{}}}", "9".repeat(38));
    let zeros = format!("{{\"n\":1.5{}}}", "0".repeat(400));
    for text in [
        &deep,
        &digits,
        &zeros,
        r#"{"a":"\ud83d\ude00\u0001"}"#,
        "\u{feff} {}",
    ] {
        let read = json::read_one(text.as_bytes()).unwrap();
        assert_eq!(read.faults, [""; 0], "{text}");
    }
}

#[test]
fn names_that_differ_in_case_only_are_the_same_where_case_is_ignored() {
    let many: Vec<String> = (0..40).map(|n| format!("\"Name{n}\":{n}")).collect();
    let table = [
        (r#"{"Name":1,"nAME":2}"#.to_owned(), "nAME"),
        (r#"{"Name":1,"\u006eAME":2}"#.to_owned(), "nAME"),
        (format!("{{{},\"nAME3\":0}}", many.join(",")), "nAME3"),
    ];
    for (text, name) in table {
        let entries = json::read(text.as_bytes(), Envelope::One, NameCase::Ignored).unwrap();
        let expected = format!("{name} appears twice in the same object");
        assert_eq!(entries[0].faults, [expected], "{text}");
    }
    // Only ASCII letters are compared without case.
    let text = r#"{"é":1,"É":2}"#;
    let entries = json::read(text.as_bytes(), Envelope::One, NameCase::Ignored).unwrap();
    assert_eq!(entries[0].faults, [""; 0]);
}

#[test]
fn numbers_count_as_they_are_spelled() {
    let spellings = [
        "1", "1.0", "1.00", "10e-1", "1e0", "1E0", "1e+0", "-0", "0", "0.0",
    ];
    let hash = |spelling: &str| {
        json::read_one(format!("{{\"n\":{spelling}}}").as_bytes())
            .unwrap()
            .hash
    };
    for (place, one) in spellings.iter().enumerate() {
        for other in &spellings[place + 1..] {
            assert_ne!(hash(one), hash(other), "{one} {other}");
        }
        let text = format!("{{\"n\":\"{one}\"}}");
        let as_text = json::read_one(text.as_bytes()).unwrap().hash;
        assert_ne!(hash(one), as_text, "{one} is a number and a text");
    }
}

#[test]
fn containers_are_not_mistaken_for_one_another() {
    let texts = [
        "{}",
        "[]",
        "[[]]",
        "[{}]",
        "[[],[]]",
        "[[[]]]",
        "null",
        "[null]",
        "\"\"",
        "[\"\"]",
        "{\"\":\"\"}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"a\":{\"b\":1}}",
        "{\"a\":1,\"b\":1}",
        "{\"a\":[1,2]}",
        "{\"a\":[2,1]}",
        "{\"a\":[[1],2]}",
        "{\"a\":[1,[2]]}",
        "[\"a\",1]",
        "[\"a:1\"]",
        "{\"a\":{\"x\":1},\"b\":{\"y\":1}}",
        "{\"a\":{\"y\":1},\"b\":{\"x\":1}}",
        "\"\\u0022\"",
        "\"\\\\\"",
        "\"\\\\u0022\"",
    ];
    let hashes = texts.map(|text| {
        let body = format!("[{text}]");
        json::read(body.as_bytes(), Envelope::Array, NameCase::Exact).unwrap()[0].hash
    });
    for (place, hash) in hashes.iter().enumerate() {
        let again = hashes.iter().position(|other| other == hash);
        assert_eq!(again, Some(place), "{}", texts[place]);
    }
}

#[test]
fn the_place_of_what_cannot_be_read_is_told() {
    let table = [
        ("", (1, 1), "unexpected end of the text"),
        ("  \n ", (2, 2), "unexpected end of the text"),
        ("{", (1, 2), "expected a name in quotes"),
        ("{\"a\" 1}", (1, 6), "expected ':'"),
        ("{\"a\":1 \"b\":2}", (1, 8), "expected ',' or '}'"),
        ("{\"a\":[1 2]}", (1, 9), "expected ',' or ']'"),
        ("{\"a\":1,}", (1, 8), "expected a name in quotes"),
        (
            "{\n  \"a\": 1,\n  'b': 2\n}",
            (3, 3),
            "expected a name in quotes",
        ),
        ("{\"é\":x}", (1, 7), "expected a value"),
        (
            "{\"a\":\"b\nc\"}",
            (1, 8),
            "a control character must be escaped in a string",
        ),
        ("{\"a\":\"\\x\"}", (1, 7), "unknown escape sequence"),
        (
            "{\"a\":\"\\u12g4\"}",
            (1, 7),
            "\\u must be followed by four hexadecimal digits",
        ),
        ("{\"a\":01}", (1, 6), "a number must not have leading zeros"),
        ("{\"a\":1.}", (1, 8), "expected a digit after the point"),
        ("{\"a\":1e}", (1, 8), "expected a digit in the exponent"),
        ("{\"a\":-}", (1, 7), "expected a digit"),
        ("{\"a\":+1}", (1, 6), "expected a value"),
        ("{\"a\":nul}", (1, 6), "expected a value"),
        ("{} {}", (1, 4), "unexpected text after the end"),
        ("{\"a\":\"b", (1, 8), "a string has no closing quote"),
        ("\u{feff}\u{feff}{}", (1, 4), "expected a value"),
    ];
    for (text, place, reason) in table {
        let fault = json::read_one(text.as_bytes()).unwrap_err();
        assert_eq!((fault.line, fault.column), place, "{text}");
        assert_eq!(fault.reason, reason, "{text}");
    }
    let fault = json::read_one(b"{\n\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(fault.to_string(), "line 2 column 6: invalid UTF-8");
}

#[test]
fn a_text_cut_short_anywhere_is_malformed() {
    let nested = "[".repeat(70) + &"]".repeat(70);
    let text = format!(
        "{{\"a\\n\":[1.5e-3,true,false,null,\"\\ud83d\\ude00é\"],\"b\":{{\"c\":{{}}}},\"d\":{nested},\"e\":[{{\"f\":{{\"g\":[]}}}}]}}"
    );
    assert_eq!(json::read_one(text.as_bytes()).unwrap().faults.len(), 1);
    let batch = format!("[{text},{text}]");
    let object = format!("{{\"x\":{text},\"y\\t\":{text}}}");
    let bodies = [
        (Envelope::One, &text),
        (Envelope::Array, &batch),
        (Envelope::Object, &object),
    ];
    for (envelope, body) in bodies {
        for end in 0..body.len() {
            let cut = &body.as_bytes()[..end];
            assert!(
                json::read(cut, envelope, NameCase::Exact).is_err(),
                "{envelope:?} {end}"
            );
        }
        assert!(json::read(body.as_bytes(), envelope, NameCase::Exact).is_ok());
    }
}

#[test]
fn a_faulty_order_costs_no_other_its_place() {
    let large = format!(
        "{{\"a\":\"{}\",\"b\":[{{\"c\":1,\"c\":2}}]}}",
        "x".repeat(300)
    );
    let large_escaped = format!("{{\"a\":\"{}\"}}", "\\u0041".repeat(60));
    let large_name = format!("{{\"{}\":{{\"b\":[1]}}}}", "\\n".repeat(200));
    let many_values = format!("[{}1]", "1,".repeat(200));
    let bodies = [large, large_escaped, large_name, many_values];
    for order in bodies {
        let body = format!("[{{\"a\":1}}, {order} ,{{\"a\":2}}]");
        let rules = Rules {
            order_bytes_max: 300,
            ..json::rules(NameCase::Exact)
        };
        let entries = json::read_by(rules, body.as_bytes(), Envelope::Array).unwrap();
        let faults: Vec<&[String]> = entries
            .iter()
            .map(|entry| entry.faults.as_slice())
            .collect();
        let too_large = ["the order is too large: more than 300 bytes".to_owned()];
        assert_eq!(faults, [&[][..], &too_large, &[]]);
        assert_eq!(entries[1].raw, order);
        assert_eq!(entries[2].value, serde_json::json!({"a": 2}));
        // The syntax of an oversized order still counts for the body.
        let broken = body.replace(" ,", ": ,");
        assert!(json::read_by(rules, broken.as_bytes(), Envelope::Array).is_err());
    }
}

#[test]
fn an_object_of_orders_names_each_once() {
    let body = br#"{"b":{"x":1},"a\u0062":{"x":"\ud800"},"c":[]}"#;
    let entries = json::read(body, Envelope::Object, NameCase::Exact).unwrap();
    let names: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.name.as_deref())
        .collect();
    assert_eq!(names, ["b", "ab", "c"]);
    assert_eq!(entries[1].faults, ["x contains half a surrogate pair"]);
    let twice = br#"{"b":{},"\u0062":{}}"#;
    let fault = json::read(twice, Envelope::Object, NameCase::Exact).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "line 1 column 9: this name appears twice in the object"
    );
    assert!(json::read(b"{\"\\ud800\":{}}", Envelope::Object, NameCase::Exact).is_err());
}

#[test]
fn a_body_of_another_kind_is_read_to_its_end() {
    let table = [
        (Envelope::Array, "{\"a\":1}"),
        (Envelope::Array, "17"),
        (Envelope::Object, "[{}]"),
        (Envelope::Object, "\"text\""),
    ];
    for (envelope, body) in table {
        let mut reader =
            Reader::new(body.as_bytes(), envelope, json::rules(NameCase::Exact)).unwrap();
        assert!(!reader.root_fits());
        assert!(matches!(reader.next(), Ok(None)), "{body}");
        let cut = &body[..body.len() - 1];
        if body != "17" {
            assert!(
                json::read(cut.as_bytes(), envelope, NameCase::Exact).is_err(),
                "{cut}"
            );
        }
    }
}

/// A large text of another kind is not a syntax error. It is refused for its kind.
#[test]
fn a_large_body_of_another_kind_is_told_by_its_kind() {
    let body = format!("\"{}\"", "x".repeat(Limits::default().order_bytes_max));
    let mut reader = Reader::new(
        body.as_bytes(),
        Envelope::Array,
        json::rules(NameCase::Exact),
    )
    .unwrap();
    assert!(!reader.root_fits());
    assert!(matches!(reader.next(), Ok(None)));
}

/// Each of these texts would take far too much time or memory if work were repeated for each member or level.
#[test]
fn hostile_texts_are_read_in_one_pass() {
    let rules = Rules {
        order_bytes_max: usize::MAX,
        ..json::rules(NameCase::Ignored)
    };
    let members: Vec<String> = (0..60_000).map(|n| format!("\"m{n}\":{n}")).collect();
    let repeated = "\"m\":0,".repeat(60_000);
    let long_name = "n".repeat(200_000);
    let texts = [
        format!("{{{}}}", members.join(",")),
        format!("{{{repeated}\"z\":0}}"),
        format!("{{\"{long_name}\":[{}0]}}", "\"\\u0000\",".repeat(1_000)),
        format!("{}{}", "{\"a\":".repeat(63), "[".repeat(500_000)),
        format!("[{}", "{\"a\":".repeat(200_000)),
        "\"\\u0041".repeat(100_000),
        format!("{}1", " ".repeat(1_000_000)),
    ];
    for text in texts {
        if let Ok(entries) = json::read_by(rules, text.as_bytes(), Envelope::One) {
            let told: usize = entries[0].faults.iter().map(String::len).sum();
            assert!(told < 50_000, "{told} bytes of faults");
        }
    }
}

#[test]
fn a_tree_is_its_own_measure() {
    let tree = Json::Object(vec![
        ("b".into(), Json::Null),
        ("a".into(), Json::Number("1.0".into())),
    ]);
    assert_eq!(json::canonical(&tree), r#"{"a":1.0,"b":null}"#);
    let read: Read = json::read_one(json::write(&tree, 3).as_bytes()).unwrap();
    assert_eq!(read.value["b"], serde_json::Value::Null);
    let again = json::tree_of(br#"{"a":[1.50,{"b":"\u000a"}]}"#).unwrap();
    assert_eq!(json::canonical(&again), r#"{"a":[1.50,{"b":"\n"}]}"#);
}
