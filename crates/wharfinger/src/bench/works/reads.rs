//! p7: reading orders back from a large store, while nothing else happens and while batches come in.

use anyhow::Result;

use super::super::body::Mix;
use super::super::figures::Figures;
use super::super::fill::Filled;
use super::super::measuring::Measuring;
use super::super::report::Finding;
use super::super::verdict::Verdict;
use super::super::{BATCH_CONNECTIONS, LARGE_BATCH, first_dialect};

/// Each read of the dialect that the store was filled in. A further read, as by e-mail address, is a line in that
/// dialect's load.
pub(in super::super) fn reads(measuring: &Measuring, full: &Filled) -> Result<Vec<Finding>> {
    let target = &full.served.target;
    let mut batches = target.batches(first_dialect(), LARGE_BATCH, BATCH_CONNECTIONS, Mix::Fresh);
    let mut findings = Vec::new();
    for read in full.dialect.load().reads {
        let mut reader = target.reads(full.dialect, read, full.first_stamp, full.orders);
        let what = format!("{}, from {}", read.what, full.in_words());
        let [alone, beside] = measuring.take_turns(&what, |length| {
            let alone = reader.send_for(length)?;
            let (beside, _) = batches.send_during(|| reader.send_for(length))?;
            Ok([alone, beside])
        })?;
        let alone = Figures::of(&alone, None);
        let beside = Figures::of(&beside, None);
        let alone_p99 = Verdict::p99("p7", "p99 alone", &alone, 5.0, Some(2.5));
        let beside_p99 = Verdict::p99("p7", "p99 beside p1", &beside, 20.0, Some(10.0));
        findings.push(
            Finding::new("p7", what)
                .side("alone", alone)
                .side("beside p1", beside)
                .verdicts(alone_p99.into_iter().chain(beside_p99)),
        );
    }
    Ok(findings)
}
