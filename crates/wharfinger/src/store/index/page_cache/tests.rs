//! The page cache against a map, and how full its pages are.

use proptest::prelude::*;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::State;

use super::*;
use crate::store::engine::schema;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::index::page;

/// An operation on the key of a number, in one of two key spaces.
#[derive(Clone, Debug)]
enum Step {
    Insert,
    Change,
    Remove,
    Get,
    Between,
    Write,
    /// Ends the transaction and begins another one.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u8, u16)>> {
    let step = prop_oneof![
        20 => Just(Step::Insert),
        2 => Just(Step::Change),
        8 => Just(Step::Remove),
        12 => Just(Step::Get),
        2 => Just(Step::Between),
        1 => Just(Step::Write),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec((step, 0..2_u8, 0..400_u16), 0..1_500)
}

type Model = BTreeMap<Vec<u8>, OrderRow>;

fn stored(connection: &Connection) -> Model {
    let select = "select first, orders from order_leaves";
    let mut select = connection.prepare_cached(select).expect("it is there");
    let mut rows = select.query(()).expect("it is read");
    let mut model = Model::new();
    while let Some(row) = rows.next().expect("a row") {
        let page = Page::decode(row.blob(1).expect("bytes")).expect("a leaf");
        assert!(page.len() > 0, "an empty leaf is stored");
        // The key of a removed order is stored nowhere.
        let first: Vec<u8> = row.get(0).expect("bytes");
        let is_scope = first == b"1.1." || first == b"1.2.";
        assert!(is_scope || page.get(&first).is_some(), "{first:?}");
        model.extend(page.orders().map(|(key, order)| (key.to_owned(), *order)));
    }
    model
}

fn run(steps: Vec<(Step, u8, u16)>, counts_up: bool) -> Result<(), Fault> {
    let connection = schema::in_memory();
    let organisation = OrganisationId(1);
    let key_spaces = [1, 2].map(|dialect| KeySpace::new(organisation, DialectId(dialect)));
    let mut pages = PageCache::new(&connection, PageFilters::default());
    let mut model = Model::new();
    for (at, (step, key_space, number)) in steps.into_iter().enumerate() {
        let key_space = &key_spaces[usize::from(key_space)];
        let is_next = counts_up && matches!(step, Step::Insert);
        let number = if is_next { at } else { number.into() };
        let key = key_space.key(&format!("{number:06}")).into_bytes();
        let addr = BlockId::new(organisation, 7).entry(at % 1_000);
        match step {
            Step::Insert => {
                let order = OrderRow::new(addr, State::Pending, at as u128, None);
                let is_new = pages.insert(key_space, &key, order)?;
                assert_eq!(is_new, !model.contains_key(&key));
                model.entry(key).or_insert(order);
            }
            Step::Change => {
                let change = |order: &mut OrderRow| order.changed = Some(addr);
                let is_there = pages.change(key_space, &key, change)?;
                assert_eq!(is_there, model.get_mut(&key).map(change).is_some());
            }
            Step::Remove => assert_eq!(pages.remove(key_space, &key)?, model.remove(&key)),
            Step::Get => assert_eq!(pages.get(key_space, &key)?, model.get(&key).copied()),
            Step::Between => {
                let bounds = [key, key_space.key("000350").into_bytes()];
                let is_any = model.keys().any(|key| *key > bounds[0] && *key < bounds[1]);
                assert_eq!(
                    pages.has_between(key_space, bounds.each_ref().map(Vec::as_slice))?,
                    is_any
                );
            }
            Step::Write => pages.write()?,
            Step::Reopen => {
                pages.write()?;
                pages = PageCache::new(&connection, pages.into_kept(|_| None).1);
                assert_eq!(stored(&connection), model);
            }
        }
    }
    pages.write()?;
    assert_eq!(stored(&connection), model);
    let filters = pages.into_kept(|_| None).1;
    for key_space in &key_spaces {
        let mut keys = model.keys().filter(|key| key_space.has(key.as_slice()));
        assert!(keys.all(|key| !filters.lack(key_space, key)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_is_as_a_map(steps in steps(), counts_up: bool) {
        run(steps, counts_up).expect("the index can be read and written");
    }
}

#[test]
fn leaves_stay_full_where_keys_count_up() {
    let connection = schema::in_memory();
    let key_space = KeySpace::new(OrganisationId(1), DialectId(1));
    let order = OrderRow::new(
        BlockId::new(OrganisationId(1), 1).entry(0),
        State::Pending,
        1,
        None,
    );
    for transaction in 0..10 {
        let mut pages = PageCache::new(&connection, PageFilters::default());
        for at in 0..100 {
            let key = key_space.key(&format!("{transaction}-{at:03}"));
            assert!(
                pages
                    .insert(&key_space, key.as_bytes(), order)
                    .expect("it is written")
            );
        }
        pages.write().expect("it is written");
    }
    let count = "select count(*), max(entries) from order_leaves";
    let read =
        |row: &crate::store::engine::driver::Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
    let counted = connection.query_row(count, (), read).expect("it is read");
    let full = i64::try_from(page::ORDERS_MAX).expect("a small number");
    assert_eq!(counted, (1_000_i64.div_euclid(full) + 1, full));
}

#[test]
fn new_keys_between_known_ones_need_no_page() {
    let connection = schema::in_memory();
    let key_space = KeySpace::new(OrganisationId(1), DialectId(1));
    let addr = BlockId::new(OrganisationId(1), 1).entry(0);
    let order = OrderRow::new(addr, State::Pending, 1, None);
    let key = |number: u32| key_space.key(&format!("{number:06}")).into_bytes();
    let mut filters = PageFilters::default();
    let unknown = |numbers: &mut dyn Iterator<Item = u32>, filters: &mut PageFilters| {
        let mut pages = PageCache::new(&connection, std::mem::take(filters));
        let mut unknown = 0;
        for number in numbers {
            unknown += usize::from(!pages.filters.lack(&key_space, &key(number)));
            let found = pages.get(&key_space, &key(number)).expect("it is read");
            assert_eq!(found.is_some(), number % 10 == 0);
        }
        *filters = pages.into_kept(|_| None).1;
        unknown
    };
    let mut pages = PageCache::new(&connection, PageFilters::default());
    for number in (0..20_000).step_by(10) {
        let is_new = pages.insert(&key_space, &key(number), order);
        assert!(is_new.expect("it is written"));
    }
    pages.write().expect("it is written");
    drop(pages);
    // Each page is read once. The keys between two pages are not known.
    let mut others = (0..20_000).filter(|number| number % 10 == 5);
    assert!(unknown(&mut others, &mut filters) < 300);
    let mut others = (0..20_000).filter(|number| number % 10 == 7);
    assert!(unknown(&mut others, &mut filters) < 150);
    let mut existing = (0..20_000).step_by(10);
    assert_eq!(unknown(&mut existing, &mut filters), 2_000);
}
