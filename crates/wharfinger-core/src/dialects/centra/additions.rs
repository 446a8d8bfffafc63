//! The content of an order after additions: completions and updates, each of which may set different attributes.

use std::borrow::Cow;

use super::dates;
use super::lines::amount;
use super::money::Money;
use super::present::{given, text};
use super::shown::Text;
use crate::canonical::Members;
use crate::json::{Kind, Value};
use crate::reading::validate;

/// The texts of one order.
pub(super) struct Texts<'d, 'a> {
    /// The text that created the order.
    pub(super) submitted: Option<Value<'d, 'a>>,
    /// The later additions, oldest first.
    pub(super) additions: &'d [Value<'d, 'a>],
}

/// Whether an addition is an update. An update names its order; a completion has the number in its path.
pub(super) fn is_update(addition: Value<'_, '_>) -> bool {
    addition.get("order").is_some()
}

impl<'d, 'a> Texts<'d, 'a> {
    /// An attribute that no addition replaces.
    pub(super) fn own(&self, name: &str) -> Option<Value<'d, 'a>> {
        given(self.submitted?, name)
    }

    /// A text that no addition replaces.
    pub(super) fn own_text(&self, name: &str) -> Option<Text<'a>> {
        text(self.submitted?, name)
    }

    /// A boolean that no addition replaces. False if absent.
    pub(super) fn own_flag(&self, name: &str) -> bool {
        let flag = self.own(name);
        flag.and_then(|flag| validate::boolean(flag).ok()) == Some(true)
    }

    /// An amount. Zero if none was sent.
    pub(super) fn amount(&self, name: &str) -> Money {
        let amount = self.submitted.and_then(|order| amount(order, name));
        amount.unwrap_or_default()
    }

    /// The completions and the submitted order, latest first.
    fn latest_first(&self) -> impl Iterator<Item = Value<'d, 'a>> {
        let completions = self.additions.iter().rev().copied();
        let completions = completions.filter(|addition| !is_update(*addition));
        completions.chain(self.submitted)
    }

    /// The latest value of a text that a completion may replace.
    pub(super) fn latest(&self, name: &str) -> Option<Text<'a>> {
        self.latest_first().find_map(|saying| text(saying, name))
    }

    /// The latest value of a date that a completion may replace, as it was sent. The zero date counts as absent.
    pub(super) fn date(&self, name: &str) -> Option<Text<'a>> {
        let said = |saying| text(saying, name).filter(|date| !dates::is_zero(date));
        self.latest_first().find_map(said)
    }

    /// The latest value of something in `payment`.
    pub(super) fn paid<T>(&self, read: impl Fn(Value<'d, 'a>) -> Option<T>) -> Option<T> {
        let payments = self.latest_first();
        let mut payments = payments.filter_map(|saying| given(saying, "payment"));
        payments.find_map(read)
    }

    /// `comment` or `internalComment`.
    ///
    /// A completion replaces it. If the completion's body is only a text, that text is the comment. An update appends
    /// to it, or replaces it if the update says so.
    pub(super) fn comment(&self, name: &str) -> Option<Text<'a>> {
        let mut comment = self.own_text(name);
        for addition in self.additions {
            let said = if addition.kind() == Kind::Text && name == "comment" {
                validate::text(*addition).ok()
            } else {
                text(*addition, name)
            };
            let said = said.filter(|said| !said.trim().is_empty());
            let is_update = is_update(*addition);
            if is_update && replaces(*addition, name) {
                comment = said;
            } else if let Some(said) = said {
                comment = Some(match comment {
                    Some(before) if is_update => Cow::Owned(format!("{before}\n{said}")),
                    _ => said,
                });
            }
        }
        comment
    }

    /// `extraAttributes`, including those that updates set.
    pub(super) fn extra_attributes(&self) -> Option<String> {
        let updates = self.additions.iter();
        let updates = updates.filter(|addition| is_update(**addition));
        let mut updates = updates
            .filter_map(|update| given(*update, "extraAttributes"))
            .peekable();
        let own = self.own("extraAttributes");
        if updates.peek().is_none() {
            return own.map(|own| own.raw().to_owned());
        }
        let mut all = Members::of(own);
        for (name, value) in updates.flat_map(|update| update.members()) {
            all.set(name, value.raw());
        }
        serde_json::to_string(&all).ok()
    }
}

/// Whether an update replaces this comment.
fn replaces(update: Value<'_, '_>, name: &str) -> bool {
    let flag = if name == "comment" {
        "replaceComment"
    } else {
        "replaceInternalComment"
    };
    let flag = given(update, flag).and_then(|flag| validate::boolean(flag).ok());
    flag == Some(true) && update.get(name).is_some()
}
