//! What pages share. May import `page`, `visit`, `api` and what is below them.

mod forms;
mod lists;
mod words;

pub(crate) use self::forms::{form, select, text_field};
pub(crate) use self::lists::{Listed, empty, pager};
pub(crate) use self::words::{count, outcome, state, time};
