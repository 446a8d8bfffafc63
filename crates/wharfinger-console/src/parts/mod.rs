//! What pages share. May import `page`, `visit`, `api` and what is below them.

mod bulk;
mod causes;
mod confirm;
mod editor;
mod entries;
mod faults;
mod filters;
mod forms;
mod lists;
mod order;
mod organisations;
mod plot;
mod rejections;
mod suggest;
mod words;

pub(crate) use self::causes::{OTHER, cause_code, cause_name, sums_note};
pub(crate) use self::confirm::{Confirm, is_first, once_field, secret};
pub(crate) use self::editor::{editor, faults_of_refused, wheres};
pub(crate) use self::entries::{Entries, Organisation};
pub(crate) use self::faults::{Placed, marked_order, more, said};
pub(crate) use self::filters::{Filters, day_after};
pub(crate) use self::forms::{form, select, text_field};
pub(crate) use self::lists::{Listed, empty, frame, pager, stack, table};
pub(crate) use self::order::{Fulfilment, Hold, Order, fact, fact_at, lines, order_address};
pub(crate) use self::organisations::Who;
pub(crate) use self::plot::{Bars, Series, Step};
pub(crate) use self::rejections::{
    Fault, Rejection, Verdict, cause_address, general, rejection, resubmit,
};
pub(crate) use self::suggest::{Suggestion, suggestions};
pub(crate) use self::words::{
    age, count, label, outcome, sentence, several, state, time, without_number,
};
pub(crate) use crate::texts::{visible, visible_text};
