//! The splitter against `serde_json`.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{read_as, with_names};

/// Any JSON value, small.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<i32>().prop_map(|number| (f64::from(number) / 4.0).into()),
        "[\\PC\"\\\\\\{\\}\\[\\],:\n]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map("[\\PC\"\\\\]{0,4}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn written(value: &impl serde::Serialize, pretty: bool) -> String {
    match pretty {
        true => serde_json::to_string_pretty(value),
        false => serde_json::to_string(value),
    }
    .unwrap()
}

proptest! {
    #[test]
    fn an_array_is_split_where_serde_splits_it(values in prop::collection::vec(value(), 0..6), pretty: bool, at_a_time in 1_usize..40) {
        let text = written(&values, pretty);
        let raw: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
        let read = read_as(text.as_bytes(), "f", "native", at_a_time);
        prop_assert_eq!(read.error, None);
        let split: Vec<_> = read.orders.iter().map(|(_, _, text)| text.as_str()).collect();
        let expected: Vec<_> = raw.iter().map(|raw| raw.get()).collect();
        prop_assert_eq!(split, expected);
        for (line, _, order) in &read.orders {
            // The line is the one on which the text stands.
            let before: String = text.split_inclusive('\n').skip(*line as usize - 1).collect();
            prop_assert!(before.contains(order.as_str()));
        }
    }

    #[test]
    fn named_orders_keep_their_names(members in prop::collection::btree_map("[\\PC\"\\\\\n]{0,6}", value(), 0..5), pretty: bool, at_a_time in 1_usize..40) {
        // The first one decides that this is an object of orders.
        let mut all = serde_json::Map::new();
        all.insert("the first".into(), serde_json::json!({}));
        all.extend(members);
        let read = read_as(written(&all, pretty).as_bytes(), "f", with_names(), at_a_time);
        prop_assert_eq!(read.error, None);
        let found = read.orders.into_iter().map(|(_, name, text)| (name.unwrap(), serde_json::from_str(&text).unwrap()));
        prop_assert_eq!(found.collect::<serde_json::Map<_, _>>(), all);
    }

    #[test]
    fn a_damaged_array_is_never_taken_for_a_sound_one(values in prop::collection::vec(value(), 1..4), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = written(&values, false).into_bytes();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes[0] = b'[';
        let read = read_as(&bytes, "f", "native", 9);
        let is_json = |text: &String| serde_json::from_str::<&RawValue>(text).is_ok();
        let is_sound = read.error.is_none() && read.orders.iter().all(|(_, _, text)| is_json(text));
        let by_serde = serde_json::from_slice::<Vec<&RawValue>>(&bytes);
        prop_assert_eq!(is_sound, by_serde.is_ok(), "{:?} {:?}", read, by_serde);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at_a_time in 1_usize..9) {
        for (file, dialect) in [("f", "native"), ("f", with_names()), ("f.ndjson", "native")] {
            read_as(&bytes, file, dialect, at_a_time);
        }
    }
}
