//! The event feed.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharfinger::store::{Event, EventKind, FeedCursor, FeedFilter, ReadFeed, Store};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::ids::OrganisationId;

use super::support::*;
use crate::support::database::is_on_citus;

pub(super) async fn events_stand_in_the_order_of_commits(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("b", "x"), order("a", "x")]).await;
    let (second, _) = submit(&store, &[order("a", "x"), order("b", "y"), faulty("c")]).await;
    move_keys(&store, Move::Process, &["b", "never", "a"]).await;
    let (third, _) = submit(&store, &[order("b", "z")]).await;
    submit(&store, &[order("a", "x").of(THERE)]).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.kind, event.batch, event.order))
        .collect();
    let (a, b) = (Some(first.order(1)), Some(first.order(0)));
    let expected = [
        (EventKind::BatchReceived, Some(first), None),
        (EventKind::OrderAccepted, Some(first), b),
        (EventKind::OrderAccepted, Some(first), a),
        (EventKind::BatchReceived, Some(second), None),
        (EventKind::OrderUpdated, Some(second), b),
        (EventKind::OrderProcessed, None, b),
        (EventKind::OrderProcessed, None, a),
        (EventKind::BatchReceived, Some(third), None),
    ];
    assert_eq!(told, expected);
    let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(events.is_sorted_by_key(|event| event.at_ms));
    let there = store.events(THERE, 0, 100).await.expect("events");
    assert_eq!(
        there.iter().map(|event| event.position).collect::<Vec<_>>(),
        [1, 2]
    );
}

pub(super) async fn a_batch_without_a_good_order_is_told_of(store: Arc<Store>) {
    let (batch, _) = submit(&store, &[faulty("a"), faulty("b")]).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::BatchReceived);
    assert_eq!(events[0].batch, Some(batch));
    assert!(
        store
            .events(THERE, 0, 100)
            .await
            .expect("events")
            .is_empty()
    );
}

pub(super) async fn a_feed_is_read_in_pages(store: Arc<Store>) {
    for batch in 0..30 {
        let sent: Vec<_> = (0..batch).map(|at| order(&format!("{at}"), "x")).collect();
        submit(&store, &sent).await;
    }
    let whole = store.events(HERE, 0, 10_000).await.expect("events");
    for limit in [1, 7, 1000] {
        let mut reader = Reader::new(vec![HERE]);
        while reader.read(&store, limit).await {}
        let events = reader.events.into_iter().map(|(_, event)| event);
        assert_eq!(events.collect::<Vec<_>>(), whole);
    }
    let end = whole.len() as u64;
    for after in [end, end + 5, u64::MAX] {
        let events = store.events(HERE, after, 10).await;
        assert_eq!(events, Ok(Vec::new()));
    }
}

/// Who reads some feeds, page after page.
pub(super) struct Reader {
    organisations: Vec<OrganisationId>,
    cursor: Option<FeedCursor>,
    pub events: Vec<(OrganisationId, Event)>,
}

impl Reader {
    pub(super) fn new(organisations: Vec<OrganisationId>) -> Self {
        Self {
            organisations,
            cursor: None,
            events: Vec::new(),
        }
    }

    /// Reads a page, and keeps the cursor as clients do. Returns whether there may be more.
    pub(super) async fn read(&mut self, store: &Store, limit: usize) -> bool {
        let request = ReadFeed {
            after: self.cursor.clone(),
            organisations: self.organisations.clone(),
            filter: FeedFilter::default(),
            limit,
        };
        let page = store.feed(request).await.expect("a page");
        assert!(page.events.len() <= limit);
        let bytes = page.next.encode();
        assert!(bytes.len() < 140, "{:?}", page.next);
        self.cursor = FeedCursor::decode(&bytes);
        assert_eq!(self.cursor.as_ref(), Some(&page.next));
        let events = page.events.into_iter();
        self.events
            .extend(events.map(|told| (told.organisation, told.event)));
        page.is_cut
    }

    /// Asserts that each event of each organisation was read once, and in order. Returns how many there are of each.
    pub(super) fn ends(&self) -> BTreeMap<OrganisationId, u64> {
        let mut ends = BTreeMap::new();
        for (organisation, event) in &self.events {
            let end = ends.entry(*organisation).or_insert(0);
            *end += 1;
            assert_eq!(event.position, *end, "in {organisation:?}");
        }
        ends
    }
}

pub(super) async fn a_cursor_is_short_however_many_organisations_there_are(store: Arc<Store>) {
    // On Citus some statements are for one organisation each. This many still have to be searched.
    let count = if is_on_citus() { 300 } else { 3_000 };
    let all = Vec::from_iter((1..=count).map(OrganisationId));
    let of_all = |content: &str| {
        let of = |id: &OrganisationId| order("a", content).of(*id);
        Vec::from_iter(all.iter().map(of))
    };
    submit(&store, &of_all("first")).await;
    let mut readers = [3, 9].map(|part| (count as usize / part, Reader::new(all.clone())));
    for (limit, reader) in &mut readers {
        assert!(reader.read(&store, *limit).await);
    }
    // What comes behind a reader's back is read too, and neither a busy organisation nor one with a low number delays the others.
    let busy = Vec::from_iter((0..1_500).map(|at| order(&format!("b-{at}"), "x")));
    submit(&store, &busy).await;
    submit(&store, &of_all("second")).await;
    for (limit, reader) in &mut readers {
        while reader.read(&store, *limit).await {}
        let ends = reader.ends();
        assert_eq!(ends.len(), all.len());
        assert_eq!((ends[&HERE], ends[&THERE]), (4 + 1_501, 4));
        assert!(ends.values().skip(1).all(|end| *end == 4));
        assert!(!reader.read(&store, *limit).await);
        assert_eq!(reader.events.len(), count as usize * 4 + 1_501);
    }
    let last = OrganisationId(count - 1);
    submit(&store, &[order("c", "x").of(last)]).await;
    for (limit, reader) in &mut readers {
        assert!(!reader.read(&store, *limit).await);
        assert_eq!(reader.ends()[&last], 6);
    }
}

pub(super) async fn an_organisation_that_is_added_is_read_from_the_cursor_on(store: Arc<Store>) {
    submit(&store, &[order("a", "x"), order("a", "x").of(THERE)]).await;
    let mut reader = Reader::new(vec![HERE]);
    while reader.read(&store, 1).await {}
    reader.organisations.push(THERE);
    while reader.read(&store, 1).await {}
    assert_eq!(reader.events.len(), 2);
    submit(&store, &[order("b", "x").of(THERE)]).await;
    while reader.read(&store, 1).await {}
    let added = &reader.events[2..];
    let positions = added.iter().map(|(of, event)| (*of, event.position));
    assert_eq!(positions.collect::<Vec<_>>(), [(THERE, 3), (THERE, 4)]);
}
