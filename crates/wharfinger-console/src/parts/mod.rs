//! What pages share. May import `page`, `visit`, `api` and what is below them.

mod bulk;
mod confirm;
mod editor;
mod entries;
mod faults;
mod forms;
mod lists;
mod order;
mod organisations;
mod plot;
mod rejections;
mod suggest;
mod words;

pub(crate) use self::confirm::{Confirm, is_first, once_field, secret};
pub(crate) use self::editor::{editor, faults_of_refused, wheres};
pub(crate) use self::entries::{Entries, Organisation};
pub(crate) use self::faults::{Placed, is_hidden, marked_order, more, said, visible};
pub(crate) use self::forms::{dialect_field, form, select, text_field};
pub(crate) use self::lists::{Listed, empty, frame, pager, table};
pub(crate) use self::order::{Fulfilment, Hold, Order, fact, fact_at, lines, order_address};
pub(crate) use self::organisations::Who;
pub(crate) use self::plot::{Bars, Series, Step};
pub(crate) use self::rejections::{
    Fault, Rejection, Verdict, cause_address, general, rejection, resubmit,
};
pub(crate) use self::suggest::{Suggestion, suggestions};
pub(crate) use self::words::{age, count, label, next_day, outcome, state, time};
