//! Power cuts: acknowledged data survives, even after a failed sync.

mod disk;
mod failed_syncs;
mod trace;

use std::path::Path;

use self::disk::{Disk, Luck};
use self::trace::{Record, Recorded};
use crate::support::client::{Connection, Request};
use crate::support::database::on_embedded;
use crate::support::fixture::{self, basic};
use crate::support::seed::{Random, storm};
use crate::support::stored;

/// Cuts per round.
const CUTS: usize = 24;

/// An acknowledged order, and an upper bound of the trace's length at that time.
struct Acknowledged {
    key: String,
    at: usize,
}

fn batch(keys: &[String]) -> Request {
    let orders: Vec<_> = keys
        .iter()
        .map(|key| {
            format!(
                r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"{key}@example.com"}},"order_items":[{{"sku":"S"}}]}}"#
            )
        })
        .collect();
    Request::new("POST", "/v4/customer_orders")
        .header("authorization", basic("full"))
        .body(format!("[{}]", orders.join(",")))
}

/// One run of a server: it accepts orders, then ends in some way.
struct Life<'l> {
    recorded: &'l Recorded,
    random: &'l mut Random,
    number: usize,
    acknowledged: &'l mut Vec<Acknowledged>,
}

impl Life<'_> {
    fn live(&mut self) {
        let log_pages = ["8", "64", "8192"][self.random.below(3)];
        let recent_keys = ["1", "40", "100000"][self.random.below(3)];
        let server = self.recorded.start(&[
            "--log-pages",
            log_pages,
            "--recent-keys",
            recent_keys,
            "--email-run-blocks",
            "1",
        ]);
        let ending = self.random.below(5);
        if ending < 2 {
            let name = ["orders.db-wal", "orders.db-wal", "orders.db", "."][self.random.below(4)];
            self.recorded.fail_sync(name, self.random.below(6));
        }
        let mut connection = Connection::open(server.address);
        let batches = 1 + self.random.below(12);
        for batch_number in 0..batches {
            let orders_max = [1, 20, 300][self.random.below(3)];
            let orders = 1 + self.random.below(orders_max);
            let keys = (0..orders).map(|order| format!("{}-{batch_number}-{order}", self.number));
            let keys: Vec<_> = keys.collect();
            if ending == 2 && batch_number + 1 == batches {
                // Killed while it works.
                assert!(connection.write(&batch(&keys).bytes()));
                break;
            }
            // After a failed sync the server may be gone. Any other response promises nothing.
            match connection.exchange(&batch(&keys)) {
                Some(answer) if answer.status == 202 => {
                    let at = self.recorded.length();
                    let keys = keys.into_iter();
                    self.acknowledged
                        .extend(keys.map(|key| Acknowledged { key, at }));
                }
                Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                None => break,
            }
        }
        drop(connection);
        if ending == 2 || ending == 3 {
            server.kill();
        } else {
            server.terminate();
            server.wait();
        }
        self.recorded.has_failed();
    }
}

/// Cuts the power at several points of a trace, most of them just after an acknowledgement.
fn cut_and_check(
    mut disk: Disk,
    records: &[Record],
    acknowledged: &[Acknowledged],
    random: &mut Random,
) {
    let mut cuts: Vec<_> = (0..CUTS)
        .map(|_| {
            let at = match acknowledged.len() {
                0 => 0,
                count => acknowledged[random.below(count)].at,
            };
            let is_at_answer = random.chance(50) && at > 0;
            let record = records.partition_point(|record| record.end <= at);
            if is_at_answer {
                record
            } else {
                random.below(records.len() + 1)
            }
        })
        .collect();
    cuts.push(records.len());
    cuts.sort_unstable();
    let mut done = 0;
    for cut in cuts {
        for record in &records[done..cut] {
            disk.apply(&record.name, &record.operation, random);
        }
        done = cut;
        let at = cut.checked_sub(1).map_or(0, |last| records[last].end);
        let promised = acknowledged.iter().filter(|order| order.at <= at);
        let promised: Vec<_> = promised.map(|order| order.key.as_str()).collect();
        let luck = Luck::EACH[random.below(Luck::EACH.len())];
        let image = tempfile::tempdir().unwrap();
        disk.cut(image.path(), luck, random);
        let place = format!("cut at record {cut} of {}, {luck:?}", records.len());
        assert_holds(image.path(), &promised, &place);
    }
}

/// Opens the store of an image, and compares it with the acknowledged orders.
fn assert_holds(image: &Path, promised: &[&str], place: &str) {
    let found = stored::all_orders(image, "TRK001", "reevoo");
    let found: Vec<_> = found.iter().map(|order| order.key.as_str()).collect();
    let missing = promised.iter().filter(|key| !found.contains(key));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "{place}: {missing:?} are lost");
    assert_eq!(stored::check(image).faults, Vec::<String>::new(), "{place}");
}

#[test]
fn power_cut_storm() {
    if !on_embedded("is of files") {
        return;
    }
    storm(3, |seed| {
        let random = &mut Random::new(seed);
        let data = fixture::data_directory();
        let disk = Disk::of(data.path());
        let recorded = Recorded::new(data.path());
        let mut acknowledged = Vec::new();
        for number in 0..2 + random.below(3) {
            let mut life = Life {
                recorded: &recorded,
                random,
                number,
                acknowledged: &mut acknowledged,
            };
            life.live();
        }
        cut_and_check(disk, &recorded.records(), &acknowledged, random);
    });
}
