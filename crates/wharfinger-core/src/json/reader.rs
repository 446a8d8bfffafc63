//! Reads a body in one pass: envelope, orders, faults and content hashes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::fault::{Fault, FaultAt};
use super::parser::{Parser, Rules};
use super::scan::{self, Syntax, expected_separator, skip_white_space};
use super::tape::Value;
use super::{Malformed, NameCase};

/// The structure of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// One order.
    One,
    /// An array of orders.
    Array,
    /// An object whose members are orders. The sender chooses the names.
    Object,
    /// An array of orders, or a single order.
    OneOrMany,
    /// An object of orders, or an array of them. In an array the names are the indexes: `0`, `1` and so on.
    ObjectOrArray,
}

/// One order of a body.
#[derive(Debug)]
pub struct Entry<'d, 'a> {
    /// The sender's name for the order, in an object of orders.
    pub name: Option<Cow<'a, str>>,
    /// The bytes as they were sent.
    pub raw: &'a str,
    /// The content hash.
    pub hash: u128,
    /// The faults that make the order unreadable. If there are any, `value` is unreliable.
    pub faults: &'d [FaultAt],
    /// The parsed content.
    pub value: Value<'d, 'a>,
}

/// Reads a body one order at a time.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    envelope: Envelope,
    stage: Stage,
    names: HashSet<Cow<'a, str>>,
    /// The index of the next order, if indexes serve as names.
    next_index: Option<usize>,
    parser: Parser<'a>,
}

/// An order's name and bytes.
type Order<'a> = (Option<Cow<'a, str>>, &'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    Inside,
    Done,
}

impl<'a> Reader<'a> {
    /// Starts to read a body.
    ///
    /// # Errors
    /// The body is not UTF-8.
    pub fn new(body: &'a [u8], envelope: Envelope, rules: Rules) -> Result<Self, Malformed> {
        let text = simdutf8::compat::from_utf8(body)
            .map_err(|error| Malformed::at(body, error.valid_up_to(), "invalid UTF-8"))?;
        Ok(Self::of_text(text, envelope, rules))
    }

    pub(super) fn of_text(text: &'a str, envelope: Envelope, rules: Rules) -> Self {
        let mut reader = Self {
            text: "",
            at: 0,
            envelope,
            stage: Stage::Start,
            names: HashSet::new(),
            next_index: None,
            parser: Parser::new("", rules),
        };
        reader.begin(text);
        let is_array = text.as_bytes().get(reader.at) == Some(&b'[');
        reader.envelope = match envelope {
            Envelope::OneOrMany | Envelope::ObjectOrArray if is_array => Envelope::Array,
            Envelope::OneOrMany => Envelope::One,
            Envelope::ObjectOrArray => Envelope::Object,
            Envelope::One | Envelope::Array | Envelope::Object => envelope,
        };
        reader.next_index = (envelope == Envelope::ObjectOrArray && is_array).then_some(0);
        reader
    }

    /// Starts again with another text and the same rules.
    pub(super) fn begin(&mut self, text: &'a str) {
        let byte_order_mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
        self.text = text;
        self.at = skip_white_space(text.as_bytes(), byte_order_mark);
        self.stage = Stage::Start;
        self.parser.begin(text);
    }

    /// Reads the order that makes up the whole text.
    pub(super) fn only(&mut self) -> Result<Entry<'_, 'a>, Syntax> {
        let raw = self.value()?;
        self.finish()?;
        Ok(self.entry(None, raw))
    }

    fn entry(&self, name: Option<Cow<'a, str>>, raw: &'a str) -> Entry<'_, 'a> {
        Entry {
            name,
            raw,
            hash: self.parser.hash,
            faults: &self.parser.faults,
            value: Value::root(&self.parser.tape),
        }
    }

    /// Starts to read a stored order. No limits apply: the order was judged by the limits of its time.
    ///
    /// # Errors
    /// Never for a stored text. The signature matches [`Self::new`].
    pub fn of_stored(text: &'a str, names: NameCase) -> Result<Self, Malformed> {
        Ok(Self::of_text(text, Envelope::One, names.without_bounds()))
    }

    /// Whether the body has nothing but white space.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stage == Stage::Start && self.at == self.text.len()
    }

    /// The body's structure. [`Envelope::OneOrMany`] and [`Envelope::ObjectOrArray`] are resolved to what the body is.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Whether the body is an array of orders, although the envelope's usual form is an object of named orders.
    #[must_use]
    pub fn is_bare_list(&self) -> bool {
        self.next_index.is_some()
    }

    /// Whether the body's root fits the envelope.
    ///
    /// If it does not fit, [`Self::next`] returns no orders, but still reads to the end.
    #[must_use]
    pub fn root_fits(&self) -> bool {
        let first = self.text.as_bytes().get(self.at);
        self.stage != Stage::Start
            || match self.envelope {
                Envelope::One | Envelope::OneOrMany => true,
                Envelope::Array => first == Some(&b'['),
                Envelope::Object => first == Some(&b'{'),
                Envelope::ObjectOrArray => matches!(first, Some(b'{' | b'[')),
            }
    }

    /// Returns the next order, or `None` at the end of the body.
    ///
    /// # Errors
    /// The text cannot be read any further, or an object of orders repeats a name.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry borrows from the reader, which no iterator can express"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_, 'a>>, Malformed> {
        match self.advance() {
            Ok(Some((name, raw))) => Ok(Some(self.entry(name, raw))),
            Ok(None) => Ok(None),
            Err(fault) => Err(Malformed::at(
                self.text.as_bytes(),
                fault.offset,
                fault.reason,
            )),
        }
    }

    /// Advances by one order. Returns its name and bytes.
    fn advance(&mut self) -> Result<Option<Order<'a>>, Syntax> {
        let bytes = self.text.as_bytes();
        match self.stage {
            Stage::Done => return Ok(None),
            Stage::Start if self.envelope == Envelope::One || !self.root_fits() => {
                let is_order = self.root_fits();
                let raw = self.value()?;
                self.finish()?;
                self.refuse_faulty_scalar(raw)?;
                return Ok(is_order.then_some((None, raw)));
            }
            Stage::Start => {
                self.stage = Stage::Inside;
                self.at = skip_white_space(bytes, self.at + 1);
                if bytes.get(self.at) == Some(&self.closing()) {
                    self.at += 1;
                    return self.finish().map(|()| None);
                }
            }
            Stage::Inside => {
                self.at = skip_white_space(bytes, self.at);
                match bytes.get(self.at) {
                    Some(b',') => self.at = skip_white_space(bytes, self.at + 1),
                    Some(&byte) if byte == self.closing() => {
                        self.at += 1;
                        return self.finish().map(|()| None);
                    }
                    _ => return Err(expected_separator(bytes, self.at, self.closing() == b'}')),
                }
            }
        }
        let name = match self.envelope {
            Envelope::Object => Some(self.order_name()?),
            Envelope::One | Envelope::Array | Envelope::OneOrMany | Envelope::ObjectOrArray => {
                self.order_index().map(Cow::Owned)
            }
        };
        let raw = self.value()?;
        Ok(Some((name, raw)))
    }

    fn closing(&self) -> u8 {
        match self.envelope {
            Envelope::Object => b'}',
            Envelope::One | Envelope::Array | Envelope::OneOrMany | Envelope::ObjectOrArray => b']',
        }
    }

    /// The next index as an order's name, if indexes serve as names.
    fn order_index(&mut self) -> Option<String> {
        let index = self.next_index?;
        self.next_index = Some(index + 1);
        Some(index.to_string())
    }

    /// Reads the name of an order and the colon after it, in an object of orders.
    fn order_name(&mut self) -> Result<Cow<'a, str>, Syntax> {
        let start = self.at;
        let (name, end) = self.parser.name_at(start)?;
        if name.fault.is_some() {
            return Err(Syntax::new(start, "a name contains half a surrogate pair"));
        }
        let inner = &self.text[start + 1..name.end - 1];
        let name = if name.escaped {
            Cow::Owned(scan::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        };
        if !self.names.insert(name.clone()) {
            return Err(Syntax::new(start, "this name appears twice in the object"));
        }
        self.at = end;
        Ok(name)
    }

    fn value(&mut self) -> Result<&'a str, Syntax> {
        let start = skip_white_space(self.text.as_bytes(), self.at);
        self.at = self.parser.parse(start)?;
        Ok(&self.text[start..self.at])
    }

    /// Refuses a body that is not an object and has a fault inside. Such a body cannot be an order. Size alone is not a
    /// fault here.
    fn refuse_faulty_scalar(&self, raw: &str) -> Result<(), Syntax> {
        let is_fault = |at: &FaultAt| !matches!(at.fault, Fault::TooLarge { .. });
        if raw.starts_with('{') || !self.parser.faults.iter().any(is_fault) {
            return Ok(());
        }
        let too_deep = "the body is nested too deeply or contains a value that cannot be stored";
        Err(Syntax::new(self.at - raw.len(), too_deep))
    }

    fn finish(&mut self) -> Result<(), Syntax> {
        self.stage = Stage::Done;
        let end = skip_white_space(self.text.as_bytes(), self.at);
        if end < self.text.len() {
            return Err(Syntax::new(end, "unexpected text after the end"));
        }
        Ok(())
    }
}
