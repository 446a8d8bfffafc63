//! Reads stored orders. They were validated before they were stored, so blank and invalid values count as absent.

use crate::json::{Kind, NameCase, Reader, Value};
use crate::reading::validate::{self, Checked};

use super::{Amount, Json};

/// An object of a stored order, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'d, 'a>(pub(crate) Option<Value<'d, 'a>>);

/// Parses a submitted text and calls `tell` with its content, or with nothing if the text is unreadable.
pub(crate) fn read<'a, T>(
    text: &'a str,
    names: NameCase,
    tell: impl FnOnce(Stored<'_, 'a>) -> T,
) -> T {
    let Ok(mut reader) = Reader::of_stored(text, names) else {
        return tell(Stored(None));
    };
    match reader.next() {
        Ok(Some(entry)) => tell(Stored(Some(entry.value))),
        Ok(None) | Err(_) => tell(Stored(None)),
    }
}

impl<'d, 'a> Stored<'d, 'a> {
    fn present(&self, name: &str) -> Option<Value<'d, 'a>> {
        self.0?.get(name).filter(|value| !value.is_blank())
    }

    /// Reads an attribute by its rule.
    pub(crate) fn checked<T>(
        &self,
        name: &str,
        rule: impl FnOnce(Value<'d, 'a>) -> Checked<T>,
    ) -> Option<T> {
        rule(self.present(name)?).ok()
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = self.checked(name, validate::text)?;
        Some(text.into_owned())
    }

    pub(crate) fn amount(&self, name: &str) -> Option<Amount> {
        let number = self.checked(name, validate::decimal)?;
        Some(Amount::of(&number))
    }

    pub(crate) fn object(&self, name: &str) -> Self {
        let value = self.present(name);
        Self(value.filter(|value| value.kind() == Kind::Object))
    }

    /// Iterates over the objects of an array.
    pub(crate) fn each(&self, name: &str) -> impl Iterator<Item = Self> + use<'d, 'a> {
        let array = self.present(name);
        let elements = array.into_iter().flat_map(|array| array.elements());
        elements.map(|element| Self(Some(element)))
    }

    /// Iterates over the objects of an array, or of an object used as one.
    pub(crate) fn items(&self, name: &str) -> impl Iterator<Item = Self> + use<'d, 'a> {
        let array = self.present(name);
        let items = array.into_iter().flat_map(|array| array.items());
        items.map(|item| Self(Some(item)))
    }

    /// Returns the texts of an array.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let array = self.present(name);
        let elements = array.iter().flat_map(Value::elements);
        let filled = elements.filter(|element| !element.is_blank());
        let texts = filled.filter_map(|element| validate::text(element).ok());
        texts.map(std::borrow::Cow::into_owned).collect()
    }

    /// An object with any names, if it is not empty.
    pub(crate) fn json(&self, name: &str) -> Option<Json> {
        let value = self.object(name).0?;
        (!value.is_empty_container()).then(|| Json::of(value.raw()))
    }
}
