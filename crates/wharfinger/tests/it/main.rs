//! One test binary: real HTTP to the real program, real files.

mod administration;
mod bench;
mod cases;
mod cli;
mod conformance;
mod crash;
mod dry_runs;
mod events;
mod forms;
mod fulfilment;
mod guide;
mod hostile;
mod idempotency;
mod imports;
mod lists;
mod model;
mod openapi;
mod operations;
mod orders;
mod purge;
mod rates;
mod readme;
mod receipts;
mod routes;
mod serving;
mod support;
