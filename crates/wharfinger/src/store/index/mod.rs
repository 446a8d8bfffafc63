//! The index: from an order key to the order's state, revision, content hash and entry addresses.
//!
//! ```text
//!  table order_leaves: one row a page                a page: up to 32 orders, sorted by key
//!    first key     orders                              key prefix  rest  state  hash  id …
//!  ┌────────────┬─────────┐                          ┌──────────────────────────────────┐
//!  │ 7.1.A-0001 │ page ───┼────────────────────────▶ │ 7.1.A-0001  open  rev 1  @ addr  │
//!  │ 7.1.A-0950 │ page    │                          │     …  0002 open  rev 3  @ addr  │
//!  │ 7.2.10022  │ page    │                          │     …  0949 final rev 1  @ addr  │
//!  └────────────┴─────────┘                          └──────────────────────────────────┘
//!  A page reaches up to the first key of the next one. A full page is split. A transaction reads
//!  each page once, keeps it in `page_cache`, and writes changed pages once, at its end.
//! ```
//!
//! On PostgreSQL, pages stay in memory for the next transactions: see `page_cache/kept`.
//!
//! Orders that were changed recently stand before their pages: see `engine/memtable`. `order_index` decides
//! which way a change goes. What it knows of the index from one transaction to the next is in `kept_index`: the greatest key of each
//! key space (`greatest_keys`), and which keys pages may have (`page_filters`). With these, nearly no new key needs a page.
//!
//! May import: `journal`, `engine`, `api`, `format`.

pub(super) mod greatest_keys;
pub(super) mod kept_index;
pub(super) mod key_space;
pub(super) mod open_orders;
pub(super) mod order_index;
pub(super) mod order_states;
pub(super) mod orders;
pub(super) mod page;
pub(super) mod page_cache;
mod page_filters;
