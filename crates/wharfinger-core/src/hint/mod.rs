//! Hints: for each problem of an order the value that was sent, what a valid value looks like, and what was probably
//! meant.
//!
//! A hint is made when a response is written, from the problem and the order's text. It is not stored, so that a stored
//! problem holds no value of a person. An order is parsed once for all its problems. Good orders never come here.
//!
//! Values come from outside: they are shortened, and characters that could move a cursor or hide text are escaped. May
//! import `reading`, `order`, `json` and `limits`.

mod bound;
mod codes;
mod dates;
mod email;
mod find;
mod names;
mod numbers;
mod rule;
mod syntax;
mod values;

use std::borrow::Cow;

use crate::json::{Kind, NameCase, Reader, Value};
use crate::order::problem::{Code, Problem, Step};
use crate::order::warning::{Warning, WarningCode, found};

/// Characters of a value that a response shows.
pub const VALUE_CHARS_MAX: usize = 100;

/// Characters of a value that a hint quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// What can be said about a problem besides its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The value that was sent: text without quotes, anything else as JSON. Shortened to [`VALUE_CHARS_MAX`].
    pub value: Option<String>,
    /// What a valid value is, as a noun phrase.
    pub rule: Option<String>,
    /// What is wrong with this value, or what was probably meant.
    pub hint: Option<String>,
}

/// A problem to say more about.
#[derive(Clone, Debug)]
pub struct Asked<'p> {
    /// The JSON pointer to the attribute.
    pointer: Cow<'p, str>,
    /// The code's id.
    code: &'p str,
    /// The code's number, list or form, if it has one.
    bound: Option<Cow<'p, str>>,
    /// The unknown attribute that is probably a misspelling of this one.
    misspelt: Option<&'p str>,
}

impl<'p> Asked<'p> {
    /// A problem, with the warnings of its order.
    #[must_use]
    pub fn of(problem: &'p Problem, warnings: &'p [Warning]) -> Self {
        Self {
            pointer: problem.path.pointer().into(),
            code: problem.code.id(),
            bound: bound::of(&problem.code),
            misspelt: found(problem, warnings),
        }
    }

    /// A problem that was stored: its pointer, the id of its code, and its message. Also returns the message without
    /// the misspelling that [`with_found`](crate::order::warning::with_found) added to it.
    #[must_use]
    pub fn of_stored(pointer: &'p str, code: &'p str, message: &'p str) -> (Self, &'p str) {
        let split = message
            .strip_suffix(')')
            .and_then(|message| message.rsplit_once(" (found "));
        let (message, misspelt) = match split {
            Some((message, misspelt)) if code == Code::Required.id() => (message, Some(misspelt)),
            Some(_) | None => (message, None),
        };
        let asked = Self {
            pointer: pointer.into(),
            code,
            bound: bound::in_message(code, message).map(Cow::Borrowed),
            misspelt,
        };
        (asked, message)
    }

    /// Whether the hint needs the order to be parsed.
    fn needs_value(&self) -> bool {
        !self.pointer.is_empty() && self.misspelt.is_none()
    }

    /// The hint for a value. `None` if the attribute is absent or the order's text is not known.
    fn hint(&self, value: Option<&Sent<'_>>) -> Hint {
        let name = self.pointer.rsplit('/').next().unwrap_or_default();
        let hint = match self.misspelt {
            Some(misspelt) => Some(did_you_mean(misspelt, &plain_name(name))),
            None => values::hint(self.code, self.bound.as_deref(), &plain_name(name), value),
        };
        Hint {
            value: value.map(Sent::shown),
            rule: rule::of(self.code, self.bound.as_deref()),
            hint,
        }
    }
}

/// Says more about problems of one order, in their order. `text` is the order as it was sent, if it is known and not
/// erased.
///
/// The work grows with the length of the text plus the number of problems.
#[must_use]
pub fn hints(text: Option<&str>, names: NameCase, asked: &[Asked<'_>]) -> Vec<Hint> {
    let mut hints = vec![Hint::default(); asked.len()];
    let mut wanted = Vec::new();
    for (place, one) in asked.iter().enumerate() {
        if text.is_some() && one.needs_value() {
            wanted.push(find::Wanted::new(place, &one.pointer, names));
        } else {
            let root = text.filter(|_| one.pointer.is_empty());
            hints[place] = match root {
                Some(text) => syntax::hint(one, text),
                None => one.hint(None),
            };
        }
    }
    if let (Some(text), false) = (text, wanted.is_empty()) {
        let mut tell = |place: usize, value: Option<Value<'_, '_>>| {
            let one = &asked[place];
            let sent = value.map(|value| Sent::of(value, one.code));
            hints[place] = one.hint(sent.as_ref());
        };
        let reader = Reader::of_stored(text, names);
        let mut reader = reader.ok();
        match reader.as_mut().and_then(|reader| reader.next().ok()?) {
            Some(entry) => find::find(entry.value, wanted, names, &mut tell),
            None => wanted.iter().for_each(|one| tell(one.place, None)),
        }
    }
    hints
}

/// Says more about all problems of one order.
#[must_use]
pub fn of_problems(
    text: &str,
    names: NameCase,
    problems: &[Problem],
    warnings: &[Warning],
) -> Vec<Hint> {
    let asked = problems.iter().map(|one| Asked::of(one, warnings));
    hints(Some(text), names, &Vec::from_iter(asked))
}

/// What was probably meant by an unknown attribute.
#[must_use]
pub fn of_warning(warning: &Warning) -> Option<String> {
    let WarningCode::UnknownAttribute { meant } = warning.code else {
        return None;
    };
    let Some(Step::Name(name)) = warning.path.0.last() else {
        return None;
    };
    Some(did_you_mean(name, meant?))
}

/// What was probably meant by an unknown attribute, from a stored warning: its pointer and its message.
#[must_use]
pub fn of_stored_warning(pointer: &str, message: &str) -> Option<String> {
    let (_, meant) = message.strip_suffix("`?")?.rsplit_once("did you mean `")?;
    let name = pointer.rsplit('/').next().unwrap_or_default();
    Some(did_you_mean(&plain_name(name), meant))
}

/// Adds a hint to a message, for dialects whose messages are free text.
#[must_use]
pub fn appended(sentence: String, hint: &Hint) -> String {
    match &hint.hint {
        Some(hint) => format!("{sentence} ({hint})"),
        None => sentence,
    }
}

fn did_you_mean(name: &str, meant: &str) -> String {
    format!("{}: did you mean {meant}?", quoted(name))
}

/// The name in a token of a JSON pointer.
fn plain_name(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// A value that was sent.
struct Sent<'a> {
    kind: Kind,
    /// The content of a text, or anything else as it is spelled in JSON.
    text: Cow<'a, str>,
    is_empty_container: bool,
}

impl<'a> Sent<'a> {
    fn of(value: Value<'_, 'a>, code: &str) -> Self {
        // The content of such a text is not Unicode, so its spelling is shown.
        let is_spelled = code == Code::LoneSurrogate.id() || code == Code::NulCharacter.id();
        let text = value.text().filter(|_| !is_spelled);
        Self {
            kind: value.kind(),
            text: text.unwrap_or(Cow::Borrowed(value.raw())),
            is_empty_container: value.is_empty_container(),
        }
    }

    fn shown(&self) -> String {
        shortened(&self.text, VALUE_CHARS_MAX)
    }
}

/// A value as a hint quotes it.
fn quoted(text: &str) -> String {
    shortened(text, QUOTED_CHARS_MAX)
}

/// At most `chars_max` characters of a text that came from outside. What could move a cursor or hide text is escaped.
///
/// A cut e-mail address is left out: a search for the whole address, to erase it, would not find its part.
fn shortened(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    let mut chars = 0;
    // Where the last word starts in `shown`.
    let mut word = 0;
    for (at, letter) in text.char_indices() {
        let before = shown.len();
        if is_unsafe(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
        let added = shown[before..].chars().count();
        chars += added;
        if chars > chars_max {
            // The last character gives way to the mark, and so does a whole escape.
            shown.truncate(before);
            chars -= added;
            let rest = text[at..].split(is_between_words).next();
            let is_address = shown[word..].contains('@') || rest.is_some_and(|it| it.contains('@'));
            while chars >= chars_max {
                shown.pop();
                chars -= 1;
            }
            if is_address {
                shown.truncate(word);
            }
            shown.push('…');
            break;
        }
        if is_between_words(letter) {
            word = shown.len();
        }
    }
    shown
}

/// Whether a character stands between words, so that it is no part of an e-mail address.
fn is_between_words(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ',' | ';' | '<' | '>' | '(' | ')')
}

/// Whether a character is invisible: a control character, one that changes the direction of text, or one without width.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
