//! catalogue: the cost of checking orders against a catalogue.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wharfinger_core::dialects;

use crate::body::{Mix, PRODUCT_DIGITS};
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::server_process;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, DialectRef, SMALL_BATCH, pools};

/// Stock of each product: more than the orders can take.
const PIECES: u64 = 1_000_000_000;

/// Measures p2 with an open and with an enforced catalogue, in each dialect that uses a catalogue. Once with a few popular
/// products, as in p2, and once with random ones.
pub(crate) fn catalogue(schedule: &Schedule) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for &dialect in dialects::ALL {
        let Some(pool) = dialect.workload().products else {
            continue;
        };
        for (mix, named) in [(Mix::Fresh, "a few"), (Mix::AnyProducts, "any")] {
            findings.push(compare(schedule, dialect, pool, (mix, named))?);
        }
    }
    Ok(findings)
}

fn compare(
    schedule: &Schedule,
    dialect: DialectRef,
    pool: &str,
    (mix, named): (Mix, &str),
) -> Result<Finding> {
    let mut open = Served::start()?;
    let mut enforced = Served::start()?;
    let products = load(enforced.directory(), &enforced.target.organisation, pool)?;
    let sender = |served: &Served| {
        let target = &served.target;
        target.batches(dialect, SMALL_BATCH, BATCH_CONNECTIONS, mix)
    };
    let (mut to_open, mut to_enforced) = (sender(&open), sender(&enforced));
    let batches = report::batches(dialect.id(), SMALL_BATCH, BATCH_CONNECTIONS);
    let what = format!("{batches}, {named} of {products} products");
    let [enforced_rounds, open_rounds] = schedule.take_turns(&what, |length| {
        let held = enforced.measure(|| to_enforced.send_for(length))?;
        let beside = open.measure(|| to_open.send_for(length))?;
        Ok([held, beside])
    })?;
    let held = Measurements::of(&enforced_rounds, Some(enforced.end()?));
    let beside = Measurements::of(&open_rounds, Some(open.end()?));
    let verdict = Verdict::cpu("catalogue", &held, &beside, 2.0, 1.5);
    Ok(Finding::new("catalogue", what)
        .side("enforced", held)
        .side("open", beside)
        .verdicts(verdict))
}

/// Loads every product that an order of the load can name, and enforces the catalogue. Returns the number of products.
fn load(data: &Path, organisation: &str, pool: &str) -> Result<u64> {
    let file = data.join("products.csv");
    let products = write(&file, pool)?;
    let name = file.to_str().context("a path that is no text")?;
    command(data, &["products", "load", "--org", organisation, name])?;
    command(
        data,
        &["org", "set", organisation, "--catalogue", "enforced"],
    )?;
    std::fs::remove_file(&file)?;
    Ok(products)
}

fn write(file: &Path, pool: &str) -> Result<u64> {
    let pool = pools::find(pool).context("a pool has this name")?;
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "sku,active,warehouse,stock,price,name")?;
    let mut products = 0;
    // Adjacent rows have different words, as in a catalogue that has grown over time.
    for number in 0..10_u64.pow(u32::try_from(PRODUCT_DIGITS)?) {
        for word in pool.words {
            writeln!(
                out,
                "{word}-{number:0PRODUCT_DIGITS$},true,Main,{PIECES},19.90,Article {number}"
            )?;
            products += 1;
        }
    }
    out.flush()?;
    Ok(products)
}

fn command(data: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = server_process::program()?;
    let output = command.args(arguments).arg("--data").arg(data).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {told}", arguments.join(" "));
    Ok(())
}
