//! Rejections that are closed: mended by another order, or dismissed.

use wharfinger_core::order::ids::OrganisationId;

use super::deltas::{Deltas, OfBatch};
use crate::store::api::RecordedProblem;
use crate::store::api::causes::Causes;
use crate::store::format::dialect_id::DialectId;

/// A rejected order that was mended or dismissed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedRejection<'r> {
    /// The API key that sent the batch in which it was rejected.
    pub key_id: &'r str,
    /// Its organisation, if that is known.
    pub organisation: Option<OrganisationId>,
    /// The dialect of that batch.
    pub dialect: DialectId,
    /// When that batch was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Why the order was rejected, as its receipt has it.
    pub errors: &'r [RecordedProblem],
}

impl Deltas {
    /// Counts a rejected order as closed, for each cause of its rejection. Call it in the transaction that closes the rejection,
    /// once for each rejection.
    pub(crate) fn close_rejection(&mut self, closed: &ClosedRejection<'_>) {
        let of = OfBatch {
            key_id: closed.key_id,
            dialect: closed.dialect,
            received_at_ms: closed.received_at_ms,
        };
        let mut causes = Causes::default();
        for error in closed.errors {
            causes.note(0, &error.code, &error.pointer);
        }
        self.close(of, closed.organisation, &causes);
    }
}

#[cfg(test)]
mod tests {
    use wharfinger_core::order::ids::BatchId;

    use super::*;
    use crate::store::api::{ErrorPage, ReadErrors, Visible};
    use crate::store::engine::driver::Connection;
    use crate::store::engine::schema;
    use crate::store::stats::errors::errors;
    use crate::store::stats::roll_up;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn problem(pointer: &str) -> RecordedProblem {
        RecordedProblem {
            pointer: pointer.into(),
            code: "missing".into(),
            message: "is missing".into(),
        }
    }

    /// Pointer, orders and open orders of each cause.
    fn listed(connection: &Connection, only_open: bool) -> Vec<(String, u64, u64)> {
        let request = ReadErrors {
            visible: Visible::All,
            organisation: None,
            dialect: None,
            from_ms: NOW_MS - 3_600_000,
            to_ms: NOW_MS + 3_600_000,
            only_open,
            after: None,
            limit: 10,
        };
        let page = errors(connection, &request).expect("it can be read");
        let ErrorPage { errors, .. } = page;
        let errors = errors.into_iter();
        let brief = errors.map(|sum| (sum.cause.pointer, sum.count, sum.open));
        brief.collect()
    }

    #[test]
    fn a_closed_rejection_is_no_longer_open_in_the_log_and_in_the_sums() {
        let connection = schema::in_memory();
        let dialect = "insert into dialects values (1, 'test')";
        connection.execute(dialect, ()).expect("valid SQL");
        let of = OfBatch {
            key_id: "key",
            dialect: DialectId(1),
            received_at_ms: NOW_MS,
        };
        let organisation = Some(OrganisationId(7));
        let mut causes = Causes::default();
        for index in 0..3 {
            causes.note(index, "missing", "/lines/1/sku");
        }
        causes.note(2, "missing", "/key");
        let mut deltas = Deltas::default();
        let batch = BatchId::new(NOW_MS.cast_unsigned(), 1);
        deltas.reject(of, batch, [(organisation, &causes)].into_iter());
        deltas.write(&connection).expect("it is written");
        let sku = |open| ("/lines/*/sku".to_owned(), 3, open);
        let key = |open| ("/key".to_owned(), 1, open);
        assert_eq!(listed(&connection, false), [sku(3), key(1)]);

        let closed = [
            problem("/lines/0/sku"),
            problem("/lines/4/sku"),
            problem("/key"),
        ];
        let closed = ClosedRejection {
            key_id: "key",
            organisation,
            dialect: DialectId(1),
            received_at_ms: NOW_MS,
            errors: &closed,
        };
        for is_rolled_up in [false, true] {
            if is_rolled_up {
                assert!(!roll_up(&connection, NOW_MS).expect("it is rolled up"));
            }
            let mut deltas = Deltas::default();
            deltas.close_rejection(&closed);
            deltas.write(&connection).expect("it is written");
            let open = if is_rolled_up { 1 } else { 2 };
            assert_eq!(listed(&connection, false), [sku(open), key(0)]);
            assert_eq!(listed(&connection, true), [sku(open)]);
        }
        assert!(!roll_up(&connection, NOW_MS).expect("it is rolled up"));
        assert_eq!(listed(&connection, false), [sku(1), key(0)]);
    }
}
