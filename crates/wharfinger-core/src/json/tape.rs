//! One parsed value as flat nodes, and the view of it that decoders read.

use std::borrow::Cow;
use std::cell::Cell;

use super::{Decimal, NameCase, scan};

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number.
    Number,
    /// Text.
    Text,
    /// An array.
    Array,
    /// An object; its nodes are names (text) and values in turn.
    Object,
}

/// A value or a name. Children stand behind their container, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// For text: whether it holds escapes.
    pub escaped: bool,
    /// Byte span in the body, quotes and brackets included.
    pub start: u32,
    pub end: u32,
    /// The node behind this one and all its children.
    pub next: u32,
    /// For a name: its [`name_bit`]. For an object: those of its members, so that most absent names need no search.
    pub names: u64,
    /// For an object: whether each of its members has a bit of its own in `names`.
    pub has_distinct_bits: bool,
}

/// The nodes of one order, reused from order to order.
#[derive(Debug)]
pub(super) struct Tape<'a> {
    pub text: &'a str,
    pub names: NameCase,
    pub nodes: Vec<Node>,
}

impl<'a> Tape<'a> {
    pub(super) fn raw(&self, at: usize) -> &'a str {
        let node = &self.nodes[at];
        &self.text[node.start as usize..node.end as usize]
    }

    /// What stands between the quotes of text.
    #[inline]
    fn inner(&self, at: usize) -> &'a [u8] {
        let node = &self.nodes[at];
        &self.text.as_bytes()[node.start as usize + 1..node.end as usize - 1]
    }

    /// The [`name_bit`] of the name in a node.
    #[inline]
    pub(super) fn name_bit(&self, at: usize) -> u64 {
        if self.nodes[at].escaped {
            name_bit(self.plain(at).as_bytes())
        } else {
            name_bit(self.inner(at))
        }
    }

    /// Whether the name in a node is this one.
    #[inline(always)]
    pub(super) fn is_named(&self, at: usize, name: &str) -> bool {
        let node = &self.nodes[at];
        if node.escaped {
            return self.names.same(self.plain(at).as_bytes(), name.as_bytes());
        }
        // Most names differ in length, and quotes are the same everywhere.
        (node.end - node.start) as usize == name.len() + 2
            && self.names.same(self.inner(at), name.as_bytes())
    }

    /// Whether the name in a node is spelled just like this one.
    #[inline(always)]
    fn is_spelled(&self, at: usize, name: &str) -> bool {
        let node = &self.nodes[at];
        let behind_quote = &self.text.as_bytes()[node.start as usize + 1..];
        (node.end - node.start) as usize == name.len() + 2
            && behind_quote.starts_with(name.as_bytes())
            && !node.escaped
    }

    /// The text of a text node, without quotes and escapes.
    pub(super) fn plain(&self, at: usize) -> Cow<'a, str> {
        let node = &self.nodes[at];
        let inner = &self.text[node.start as usize + 1..node.end as usize - 1];
        if node.escaped {
            Cow::Owned(scan::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        }
    }
}

/// A view of one value: `'a` is the body's lifetime, `'d` that of the parsed order.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d, 'a> {
    tape: &'d Tape<'a>,
    at: usize,
}

impl<'d, 'a> Value<'d, 'a> {
    pub(super) fn root(tape: &'d Tape<'a>) -> Self {
        Self { tape, at: 0 }
    }

    fn node(&self) -> &'d Node {
        &self.tape.nodes[self.at]
    }

    /// The kind of the value.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// The value as it stands in the body.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.tape.raw(self.at)
    }

    /// The text of a text value.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::Text).then(|| self.tape.plain(self.at))
    }

    /// The value of a number.
    #[must_use]
    #[inline(always)]
    pub fn number(&self) -> Option<Decimal<'a>> {
        if self.kind() != Kind::Number {
            return None;
        }
        Decimal::parse(Cow::Borrowed(self.raw()))
    }

    /// Whether the value counts as absent: null, or text of nothing but white space.
    #[must_use]
    #[inline(always)]
    pub fn is_blank(&self) -> bool {
        match self.kind() {
            Kind::Null => true,
            Kind::Text => {
                // Nearly all text begins with a letter or a digit, which settles it.
                let first = self.tape.text.as_bytes()[self.node().start as usize + 1];
                !first.is_ascii_alphanumeric() && self.is_white_space()
            }
            Kind::True | Kind::False | Kind::Number | Kind::Array | Kind::Object => false,
        }
    }

    /// Whether text is nothing but white space, if anything.
    #[inline(never)]
    fn is_white_space(&self) -> bool {
        self.tape.plain(self.at).trim().is_empty()
    }

    /// Whether the value is an array or object with nothing in it.
    #[must_use]
    pub fn is_empty_container(&self) -> bool {
        let is_container = matches!(self.kind(), Kind::Array | Kind::Object);
        is_container && self.node().next as usize == self.at + 1
    }

    /// The elements of an array; of anything else, none.
    pub fn elements(&self) -> impl Iterator<Item = Value<'d, 'a>> + use<'d, 'a> {
        let of_array = self.kind() == Kind::Array;
        let tape = self.tape;
        let end = self.node().next as usize;
        let mut at = if of_array { self.at + 1 } else { end };
        std::iter::from_fn(move || {
            let element = (at < end).then_some(Value { tape, at })?;
            at = tape.nodes[at].next as usize;
            Some(element)
        })
    }

    /// The elements of an array, or the values of an object's members. PHP writes an array as an object where its keys are
    /// not 0, 1, 2 and so on.
    pub fn items(&self) -> impl Iterator<Item = Value<'d, 'a>> + use<'d, 'a> {
        let tape = self.tape;
        let of_members = self
            .member_places()
            .map(move |at| Value { tape, at: at + 1 });
        self.elements().chain(of_members)
    }

    /// The names and values of an object's members; of anything else, none.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)> + use<'d, 'a> {
        let tape = self.tape;
        self.member_places()
            .map(move |at| (tape.plain(at), Value { tape, at: at + 1 }))
    }

    /// The value of the member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'d, 'a>> {
        Object::new(*self).get(name)
    }

    /// The nodes that hold the names of an object's members.
    fn member_places(&self) -> impl Iterator<Item = usize> + use<'d, 'a> {
        let of_object = self.kind() == Kind::Object;
        let tape = self.tape;
        let end = self.node().next as usize;
        let mut at = if of_object { self.at + 1 } else { end };
        std::iter::from_fn(move || {
            let name = (at < end).then_some(at)?;
            at = tape.nodes[at + 1].next as usize;
            Some(name)
        })
    }
}

/// An object whose members are looked up one after another.
///
/// Senders write them nearly in the order of the vendor's table, in which they are also read: the member behind the
/// one found last is tried first.
#[derive(Clone, Debug)]
pub struct Object<'d, 'a> {
    value: Value<'d, 'a>,
    /// The [`name_bit`]s of its members.
    names: u64,
    /// The node behind its last member.
    end: usize,
    /// The node of the name that is tried first.
    expected: Cell<usize>,
    /// The [`name_bit`]s of the members that were found.
    found: Cell<u64>,
}

impl<'d, 'a> Object<'d, 'a> {
    /// Begins to look up members of an object; anything else has none.
    #[must_use]
    pub fn new(value: Value<'d, 'a>) -> Self {
        let node = value.node();
        Self {
            value,
            names: node.names,
            end: node.next as usize,
            expected: Cell::new(value.at + 1),
            found: Cell::new(0),
        }
    }

    /// Whether every member was looked up. False may also mean that this cannot be told, as two names share a bit.
    #[must_use]
    #[inline]
    pub fn is_read_through(&self) -> bool {
        self.found.get() == self.names && self.value.node().has_distinct_bits
    }

    /// The object itself.
    #[must_use]
    pub fn value(&self) -> Value<'d, 'a> {
        self.value
    }

    /// The value of the member of this name.
    // Inlined, since the name is then mostly known to the compiler: an absent member costs a test of a bit, and the
    // expected one a comparison of a few words.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, name: &str) -> Option<Value<'d, 'a>> {
        let bit = name_bit(name.as_bytes());
        if self.names & bit == 0 {
            return None;
        }
        let tape = self.value.tape;
        let expected = self.expected.get();
        if expected < self.end && tape.is_spelled(expected, name) {
            let at = expected + 1;
            self.expected.set(tape.nodes[at].next as usize);
            self.found.set(self.found.get() | bit);
            return Some(Value { tape, at });
        }
        self.find(name, bit)
    }

    /// Searches from the expected member to the last, and then from the first.
    #[inline(never)]
    fn find(&self, name: &str, bit: u64) -> Option<Value<'d, 'a>> {
        let tape = self.value.tape;
        let expected = self.expected.get();
        for (from, to) in [(expected, self.end), (self.value.at + 1, expected)] {
            let mut at = from;
            while at < to {
                let next = tape.nodes[at + 1].next as usize;
                if tape.nodes[at].names == bit && tape.is_named(at, name) {
                    self.expected.set(next);
                    self.found.set(self.found.get() | bit);
                    return Some(Value { tape, at: at + 1 });
                }
                at = next;
            }
        }
        None
    }
}

/// One of 64 bits for a name, the same whatever its case.
#[inline]
fn name_bit(name: &[u8]) -> u64 {
    let [first, .., last] = name else {
        return 1;
    };
    let lower = |byte: &u8| usize::from(byte | 0x20);
    let middle = lower(&name[name.len() / 2]);
    // With these factors, 7 names of all the dialects' tables share a bit with another one of their object, and none of those
    // that most orders have.
    1 << (((name.len() + lower(first)) * 53 + lower(last) + middle * 31) & 63)
}
