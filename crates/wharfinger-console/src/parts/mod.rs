//! What pages share. May import `page`, `visit`, `api` and what is below them.

mod bulk;
mod confirm;
mod forms;
mod lists;
mod organisations;
mod plot;
mod words;

pub(crate) use self::bulk::{Loaded, NotLoaded, load, paste_form};
pub(crate) use self::confirm::{Confirm, once_field, secret};
pub(crate) use self::forms::{form, select, text_field};
pub(crate) use self::lists::{Listed, empty, pager, table};
pub(crate) use self::organisations::Who;
pub(crate) use self::plot::{Bars, Series, Step};
pub(crate) use self::words::{age, count, label, moment, outcome, state, time};
