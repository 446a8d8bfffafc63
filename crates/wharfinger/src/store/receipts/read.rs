//! Reading receipts, limited to what the caller may see.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::Counts;

use super::extents::{self, BatchExtent};
use super::rejections;
use super::{closed, files};
use crate::store::Store;
use crate::store::api::{
    RECEIPT_ORGANISATIONS_MAX, ReadReceipts, ReceiptHead, ReceiptPage, StoreError, Visible,
};
use crate::store::engine::driver::{Connection, Row};
use crate::store::engine::fault::Fault;

/// Receipts that are read for one page, at most.
const WALKED_MAX: usize = 100_000;

/// How far the time in a batch's id may be from the time it was received. Both come from the clock of one server, the second
/// shortly after the first, but a clock may be set in between.
const CLOCK_STEP_MS: i64 = 3_600_000;

/// The latest time that an id can have: 48 bits of milliseconds.
const ID_TIME_MAX: i64 = (1 << 48) - 1;

/// Selects receipts, with the columns that [`read`] reads.
const SELECT: &str = "select id, batches.key_id, (select name from dialects where dialects.id = dialect and sound(dialects.intact)), operation, received_at_ms, \
                       duration_ms, import, shares, mended from batches left join mended_batches \
                       on mended_batches.batch = batches.id and mended_batches.key_id = batches.key_id and sound(mended_batches.intact)";

impl Store {
    /// The receipts of batches, newest first.
    pub async fn receipts(&self, request: ReadReceipts) -> Result<ReceiptPage, StoreError> {
        let read = move |connection: &Connection| receipts(connection, &request);
        self.readers.read(read).await
    }

    /// The visible part of a batch's receipt. `None` if no part is visible.
    pub async fn receipt(
        &self,
        batch: BatchId,
        visible: &Visible,
    ) -> Result<Option<ReceiptHead>, StoreError> {
        let visible = visible.clone();
        let read = move |connection: &Connection| receipt(connection, batch, &visible);
        self.readers.read(read).await
    }
}

/// Reads a page of receipts, newest first.
pub(crate) fn receipts(
    connection: &Connection,
    request: &ReadReceipts,
) -> Result<ReceiptPage, Fault> {
    let mut page = walk(connection, request, WALKED_MAX)?;
    hide_mended(connection, &mut page.receipts, &request.visible)?;
    complete(connection, &mut page.receipts, &request.visible)?;
    Ok(page)
}

fn walk(
    connection: &Connection,
    request: &ReadReceipts,
    walked_max: usize,
) -> Result<ReceiptPage, Fault> {
    let select =
        format!("{SELECT} where id >= ?1 and id < ?2 and sound(batches.intact) order by id desc");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query_lazily(id_bounds(request))?;
    let mut page = ReceiptPage::default();
    let mut walked = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.receipts.len() >= request.limit.max(1) || walked == walked_max {
            page.next = last;
            break;
        }
        walked += 1;
        let (head, extents) = read(&row)?;
        last = Some(head.id);
        let found = seen(head, &extents, &request.visible)
            .filter(|head| is_wanted(head, &extents, request));
        page.receipts.extend(found);
    }
    Ok(page)
}

/// The ids of the requested receipts: the first, and the one after the last.
fn id_bounds(request: &ReadReceipts) -> ([u8; 16], [u8; 16]) {
    let (first, end) = bounds(request.received_from_ms, request.received_to_ms);
    let after = request.after.map_or([u8::MAX; 16], BatchId::to_bytes);
    (first, end.min(after))
}

/// The ids of batches received between two times: the first, and the one after the last.
pub(super) fn bounds(from_ms: Option<i64>, to_ms: Option<i64>) -> ([u8; 16], [u8; 16]) {
    let id_at = |ms: i64| {
        let ms = ms.clamp(0, ID_TIME_MAX).cast_unsigned();
        BatchId::new(ms, 0).to_bytes()
    };
    let first = id_at(from_ms.unwrap_or(0).saturating_sub(CLOCK_STEP_MS));
    let end = match to_ms {
        Some(to) => id_at(to.saturating_add(CLOCK_STEP_MS)),
        None => [u8::MAX; 16],
    };
    (first, end)
}

fn is_wanted(head: &ReceiptHead, extents: &[BatchExtent], request: &ReadReceipts) -> bool {
    let at_ms = head.received_at_ms;
    let organisation = request.organisation;
    let (dialect, key_id) = (request.dialect.as_ref(), request.key_id.as_ref());
    let status = request.status;
    let is_of = |organisation| {
        request.visible.shows(Some(organisation), &head.key_id)
            && extents
                .iter()
                .any(|share| share.organisation == Some(organisation))
    };
    organisation.is_none_or(is_of)
        && request.received_from_ms.is_none_or(|from| from <= at_ms)
        && request.received_to_ms.is_none_or(|to| at_ms <= to)
        && request
            .import
            .is_none_or(|import| head.import == Some(import))
        && dialect.is_none_or(|dialect| *dialect == head.dialect)
        && key_id.is_none_or(|key_id| *key_id == head.key_id)
        && status.is_none_or(|status| status == head.counts.status())
}

/// The visible part of a batch's receipt.
pub(crate) fn receipt(
    connection: &Connection,
    batch: BatchId,
    visible: &Visible,
) -> Result<Option<ReceiptHead>, Fault> {
    let found = find(connection, batch)?;
    let Some(mut head) = found.and_then(|(head, extents)| seen(head, &extents, visible)) else {
        return Ok(None);
    };
    if head.warned > 0 {
        let shows = |organisation| visible.shows(organisation, &head.key_id);
        head.warnings = rejections::kinds_of_warnings(connection, batch, shows)?;
    }
    hide_mended(connection, std::slice::from_mut(&mut head), visible)?;
    complete(connection, std::slice::from_mut(&mut head), visible)?;
    Ok(Some(head))
}

/// Adds what other tables have about receipts: how many of the rejected orders were mended, and the file's name.
fn complete(
    connection: &Connection,
    heads: &mut [ReceiptHead],
    visible: &Visible,
) -> Result<(), Fault> {
    let rejected = heads.iter().filter(|head| head.counts.rejected > 0);
    let rejected = Vec::from_iter(rejected.map(|head| head.id));
    let mended = match rejected.as_slice() {
        [] => HashMap::new(),
        rejected => closed::count_mended(connection, rejected)?,
    };
    let all = heads.iter().map(|head| (head.id, head.key_id.as_str()));
    let mut files = files::of_batches(connection, &Vec::from_iter(all))?;
    for head in heads {
        for (organisation, count) in mended.get(&head.id).into_iter().flatten() {
            if visible.shows(*organisation, &head.key_id) {
                head.mended += count;
            }
        }
        head.file_name = files.remove(&head.id);
    }
    Ok(())
}

/// Hides which batches were mended where the caller sees nothing of those. If such a batch is gone, only the key that
/// named it is shown its id.
fn hide_mended(
    connection: &Connection,
    heads: &mut [ReceiptHead],
    visible: &Visible,
) -> Result<(), Fault> {
    let mended = heads.iter().filter_map(|head| head.mends);
    let mended = HashSet::from_iter(mended);
    if mended.is_empty() || matches!(visible, Visible::All) {
        return Ok(());
    }
    let found = find_all(connection, &mended)?.into_iter();
    let is_seen = HashMap::<_, _>::from_iter(
        found.map(|(head, extents)| (head.id, seen(head, &extents, visible).is_some())),
    );
    for head in heads {
        let is_shown = |mended: &BatchId| match is_seen.get(mended) {
            Some(is_seen) => *is_seen,
            None => visible.shows(None, &head.key_id),
        };
        head.mends = head.mends.filter(is_shown);
    }
    Ok(())
}

/// As [`find`], of several batches in one statement on PostgreSQL, where it saves round trips.
pub(super) fn find_all(
    connection: &Connection,
    batches: &HashSet<BatchId>,
) -> Result<Vec<(ReceiptHead, Vec<BatchExtent>)>, Fault> {
    let Some(session) = connection.postgres() else {
        let found = batches.iter().map(|batch| find(connection, *batch));
        return found.filter_map(Result::transpose).collect();
    };
    let ids = Vec::from_iter(batches.iter().map(|batch| batch.to_bytes().to_vec()));
    let select = format!("{SELECT} where id = any(?1::bytea[]) and sound(batches.intact)");
    let rows = session.prepare(&select)?.query_arrays(&[&ids])?;
    rows.iter().map(|row| read(&Row::Postgres(row))).collect()
}

/// The receipt of a batch and its extents. The counts of the receipt are not filled in.
pub(crate) fn find(
    connection: &Connection,
    batch: BatchId,
) -> Result<Option<(ReceiptHead, Vec<BatchExtent>)>, Fault> {
    let select = format!("{SELECT} where id = ?1 and sound(batches.intact)");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query([batch.to_bytes()])?;
    rows.next()?.map(|row| read(&row)).transpose()
}

fn read(row: &Row<'_>) -> Result<(ReceiptHead, Vec<BatchExtent>), Fault> {
    let head = ReceiptHead {
        id: BatchId::from_bytes(row.get(0)?),
        key_id: row.get(1)?,
        dialect: row.get(2)?,
        operation: row.get(3)?,
        received_at_ms: row.get(4)?,
        duration_ms: row.get::<i64>(5)?.cast_unsigned(),
        import: row.get::<Option<[u8; 16]>>(6)?.map(Uuid::from_bytes),
        mends: row.get::<Option<[u8; 16]>>(8)?.map(BatchId::from_bytes),
        organisations: Vec::new(),
        organisations_total: 0,
        counts: Counts::default(),
        mended: 0,
        file_name: None,
        warned: 0,
        warnings: Vec::new(),
    };
    let extents: String = row.get(7)?;
    Ok((head, extents::from_json(&extents)?))
}

/// The visible part of a receipt. `None` if no part is visible.
///
/// A batch without orders is visible to the key that sent it, and to keys that may access the organisation it was sent for.
fn seen(mut head: ReceiptHead, extents: &[BatchExtent], visible: &Visible) -> Option<ReceiptHead> {
    let mut is_empty = true;
    for share in extents {
        is_empty &= share.counts == Counts::default();
        if visible.shows(share.organisation, &head.key_id) {
            head.organisations_total += u64::from(share.organisation.is_some());
            if head.organisations.len() < RECEIPT_ORGANISATIONS_MAX {
                head.organisations.extend(share.organisation);
            }
            head.counts += share.counts;
            head.warned += share.warned;
        }
    }
    let is_for_caller = !head.organisations.is_empty() || visible.shows(None, &head.key_id);
    let is_visible = head.counts != Counts::default() || is_empty && is_for_caller;
    is_visible.then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::schema;

    const IMPORT: Uuid = Uuid::from_u128(7);

    /// Ten receipts. Every fifth belongs to an import.
    fn filled() -> Connection {
        let connection = schema::in_memory();
        let dialect = "insert into dialects values (1, 'test')";
        connection.execute(dialect, ()).expect("valid SQL");
        let insert = "insert into batches \
                      (id, key_id, dialect, operation, received_at_ms, duration_ms, import, shares) \
                      values (?1, 'key', 1, 'submit', 0, 0, ?2, '[[1,1,1,[1,0,0,0,0]]]')";
        for at in 1..=10 {
            let import = (at % 5 == 0).then(|| IMPORT.into_bytes());
            let inserted = connection.execute(insert, (BatchId::new(at, 0).to_bytes(), import));
            inserted.expect("valid SQL");
        }
        connection
    }

    #[test]
    fn a_page_ends_after_a_long_walk_and_the_next_one_goes_on() {
        let connection = filled();
        let mut request = ReadReceipts {
            visible: Visible::All,
            organisation: None,
            received_from_ms: None,
            received_to_ms: None,
            status: None,
            dialect: None,
            import: Some(IMPORT),
            key_id: None,
            after: None,
            limit: 100,
        };
        let mut pages = Vec::new();
        loop {
            let page = walk(&connection, &request, 4).expect("read");
            let ids: Vec<_> = page.receipts.iter().map(|head| head.id).collect();
            pages.push((ids, page.next));
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        let id = |at| BatchId::new(at, 0);
        let expected = [
            (vec![id(10)], Some(id(7))),
            (vec![id(5)], Some(id(3))),
            (vec![], None),
        ];
        assert_eq!(pages, expected);
    }
}
