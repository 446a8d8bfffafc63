use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::engine::connection::{Use, connect};
use crate::store::engine::driver::{Access, Connection};
use crate::store::engine::schema;

/// What is in the tables and in the log, as one map.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    /// Another process takes over: its connection has read nothing yet.
    Elsewhere,
    Commit(Vec<(u8, Option<u8>)>),
    RollBack(Vec<(u8, Option<u8>)>),
    MergeAll,
    Merge(usize),
    /// One part of a transaction merges some, another one wants to merge all.
    MergeSomeThenAll(usize),
    /// Merges all, and deletes what is merged from the log.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let changes = || prop::collection::vec((0..24_u8, any::<Option<u8>>()), 0..12);
    prop_oneof![
        1 => Just(Step::Elsewhere),
        6 => changes().prop_map(Step::Commit),
        1 => changes().prop_map(Step::RollBack),
        1 => Just(Step::MergeAll),
        3 => (1..20_usize).prop_map(Step::Merge),
        1 => (1..20_usize).prop_map(Step::MergeSomeThenAll),
        1 => Just(Step::Settle),
    ]
}

fn put(recent: Recent<'_>, changes: &[(u8, Option<u8>)]) {
    for (key, value) in changes {
        let value = value.map(|value| vec![value; usize::from(value)]);
        recent
            .put(Space::Index, &[*key], value.as_deref())
            .expect("it can be put");
    }
}

/// Everything, as a reader finds it: recent changes first, then the tables.
fn all(connection: &Connection, tables: &Model) -> Model {
    let recent = connection.recent().expect("it is embedded");
    let mut found = tables.clone();
    let everything: [&[u8]; 2] = [&[], &[255]];
    let mut last = None;
    recent
        .range(Space::Index, everything, |key, value| {
            assert!(last.as_deref() < Some(key), "keys are in order");
            last = Some(key.to_vec());
            let got = recent.get(Space::Index, key, |value| value.map(<[u8]>::to_vec))?;
            assert_eq!(got, Some(value.map(<[u8]>::to_vec)));
            match value {
                Some(value) => found.insert(key.to_vec(), value.to_vec()),
                None => found.remove(key),
            };
            Ok(true)
        })
        .expect("it can be read");
    let greatest = recent
        .last_key(Space::Index, everything)
        .expect("it can be read");
    assert_eq!(greatest, last);
    found
}

/// Merges some changes into the tables, as a step says.
fn merge(step: &Step, recent: Recent<'_>, tables: &mut Model) {
    let mut merge = |keys_max| {
        let merged = recent.merge(keys_max, |changes| {
            for (_, key, value) in changes {
                match value {
                    Some(value) => tables.insert(key.to_vec(), value.to_vec()),
                    None => tables.remove(*key),
                };
            }
            Ok(())
        });
        merged.expect("it can be merged")
    };
    let merge_all = || recent.merge_all().expect("it can be read");
    match step {
        Step::Merge(keys_max) => {
            merge(*keys_max);
        }
        Step::MergeAll => {
            merge_all();
            merge(3);
        }
        Step::MergeSomeThenAll(keys_max) => {
            merge(*keys_max);
            merge_all();
            merge(3);
        }
        Step::Settle => {
            merge_all();
            assert!(!merge(usize::MAX));
            recent.delete_merged().expect("it can be deleted");
            assert!(!recent.has_up_to(i64::MAX).expect("it can be read"));
        }
        Step::Elsewhere | Step::Commit(_) | Step::RollBack(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn recent_changes_and_tables_are_one_map(steps in prop::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("orders.db");
        schema::migrate(&mut connect(&file, Use::Write).expect("a database")).expect("tables");
        let mut shared = SharedRuns::default();
        let open = |shared: &SharedRuns, wanted| Connection::embedded(connect(&file, wanted).expect("a connection"), shared.clone());
        let mut writer = open(&shared, Use::Write);
        // Reads without a transaction, as the thread does that builds the index of addresses.
        let lasting = open(&shared, Use::Read);
        let mut model = Model::new();
        // Stands for the tables that changes are merged into.
        let mut tables = Model::new();
        for step in steps {
            // A reader that began before must not notice.
            let early = open(&shared, Use::Read);
            let reading = early.begin(Access::Read).expect("it begins");
            let (before, tables_before) = (all(&reading, &tables), tables.clone());
            if let Step::Elsewhere = step {
                shared = SharedRuns::default();
                writer = open(&shared, Use::Write);
            }
            let transaction = writer.begin(Access::WRITE).expect("it begins");
            let recent = transaction.recent().expect("it is embedded");
            match step {
                Step::Elsewhere => {}
                Step::Commit(ref changes) => {
                    put(recent, changes);
                    for &(key, value) in changes {
                        match value {
                            Some(value) => model.insert(vec![key], vec![value; usize::from(value)]),
                            None => model.remove(&vec![key]),
                        };
                    }
                    prop_assert_eq!(all(&transaction, &tables), model.clone());
                    transaction.commit().expect("it commits");
                }
                Step::RollBack(ref changes) => put(recent, changes),
                Step::MergeAll | Step::Merge(_) | Step::MergeSomeThenAll(_) | Step::Settle => {
                    merge(&step, recent, &mut tables);
                    transaction.commit().expect("it commits");
                }
            }
            prop_assert_eq!(all(&reading, &tables_before), before);
            prop_assert_eq!(all(&lasting, &tables), model.clone());
            for shared in [&shared, &SharedRuns::default()] {
                let reader = open(shared, Use::Read);
                let reading = reader.begin(Access::Read).expect("it begins");
                prop_assert_eq!(all(&reading, &tables), model.clone());
            }
        }
    }
}

#[test]
fn a_damaged_row_is_told() {
    for damaged in [&b"\x05abc"[..], b"\x01b\x00\x01a\x00", b"\x01a\x05xx"] {
        assert!(run::Run::of_row(1, damaged.to_vec()).is_err());
    }
}
