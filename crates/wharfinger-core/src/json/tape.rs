//! One parsed value as flat nodes, and the views of it that decoders read.

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
    /// An object. Its nodes are alternately names (text) and values.
    Object,
}

/// A value or a name. Children follow their container, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// For text, whether it has escapes.
    pub escaped: bool,
    /// The byte range in the body, including quotes and brackets.
    pub start: u32,
    pub end: u32,
    /// The index of the node after this one and all its children.
    pub next: u32,
    /// For a name, its [`name_bit`]. For an object, the bits of all its names, so that most absent names need no
    /// search.
    pub names: u64,
    /// For an object, whether no two of its members share a bit in `names`.
    pub has_distinct_bits: bool,
}

/// The nodes of one order. The memory is reused for the next order.
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

    /// The bytes between the quotes of a text node.
    #[inline]
    fn inner(&self, at: usize) -> &'a [u8] {
        let node = &self.nodes[at];
        &self.text.as_bytes()[node.start as usize + 1..node.end as usize - 1]
    }

    /// The [`name_bit`] of a name node.
    #[inline]
    pub(super) fn name_bit(&self, at: usize) -> u64 {
        if self.nodes[at].escaped {
            name_bit(self.plain(at).as_bytes())
        } else {
            name_bit(self.inner(at))
        }
    }

    /// Whether a name node has this name.
    #[inline(always)]
    pub(super) fn is_named(&self, at: usize, name: &str) -> bool {
        let node = &self.nodes[at];
        if node.escaped {
            return self.names.same(self.plain(at).as_bytes(), name.as_bytes());
        }
        // Most names differ in length. The quotes add two bytes to each.
        (node.end - node.start) as usize == name.len() + 2
            && self.names.same(self.inner(at), name.as_bytes())
    }

    /// Whether a name node is spelled exactly like this name.
    #[inline(always)]
    fn is_spelled(&self, at: usize, name: &str) -> bool {
        let node = &self.nodes[at];
        let behind_quote = &self.text.as_bytes()[node.start as usize + 1..];
        (node.end - node.start) as usize == name.len() + 2
            && behind_quote.starts_with(name.as_bytes())
            && !node.escaped
    }

    /// The content of a text node, without quotes and with escapes decoded.
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

/// A view of one value. `'a` is the lifetime of the body, `'d` that of the parsed order.
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

    /// The value as spelled in the body.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.tape.raw(self.at)
    }

    /// The content of a text value, or `None` for any other kind.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::Text).then(|| self.tape.plain(self.at))
    }

    /// The value of a number. `None` for any other kind, or if it has too many digits before its point.
    #[must_use]
    #[inline(always)]
    pub fn number(&self) -> Option<Decimal<'a>> {
        if self.kind() != Kind::Number {
            return None;
        }
        Decimal::parse(Cow::Borrowed(self.raw()))
    }

    /// Whether the value counts as absent: `null`, or text that is empty or only white space.
    #[must_use]
    #[inline(always)]
    pub fn is_blank(&self) -> bool {
        match self.kind() {
            Kind::Null => true,
            Kind::Text => {
                // Most text begins with a letter or digit, which answers the question.
                let first = self.tape.text.as_bytes()[self.node().start as usize + 1];
                !first.is_ascii_alphanumeric() && self.is_white_space()
            }
            Kind::True | Kind::False | Kind::Number | Kind::Array | Kind::Object => false,
        }
    }

    /// Whether the text is empty or only white space.
    #[inline(never)]
    fn is_white_space(&self) -> bool {
        self.tape.plain(self.at).trim().is_empty()
    }

    /// Whether the value is an empty array or object.
    #[must_use]
    pub fn is_empty_container(&self) -> bool {
        let is_container = matches!(self.kind(), Kind::Array | Kind::Object);
        is_container && self.node().next as usize == self.at + 1
    }

    /// Iterates over the elements of an array. Empty for any other kind.
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

    /// Iterates over the elements of an array, or the member values of an object.
    ///
    /// PHP writes an array as an object if its keys are not 0, 1, 2 and so on.
    pub fn items(&self) -> impl Iterator<Item = Value<'d, 'a>> + use<'d, 'a> {
        let tape = self.tape;
        let of_members = self
            .member_places()
            .map(move |at| Value { tape, at: at + 1 });
        self.elements().chain(of_members)
    }

    /// Iterates over the names and values of an object's members. Empty for any other kind.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)> + use<'d, 'a> {
        let tape = self.tape;
        self.member_places()
            .map(move |at| (tape.plain(at), Value { tape, at: at + 1 }))
    }

    /// Returns the value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'d, 'a>> {
        Object::new(*self).get(name)
    }

    /// Iterates over the nodes that hold member names.
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
/// Senders write members nearly in the order of the vendor's table, and they are read in that order. So the member
/// after the last one found is tried first.
#[derive(Clone, Debug)]
pub struct Object<'d, 'a> {
    value: Value<'d, 'a>,
    /// The [`name_bit`]s of all members.
    names: u64,
    /// The node after the last member.
    end: usize,
    /// The name node that is tried first.
    expected: Cell<usize>,
    /// The [`name_bit`]s of the members found so far.
    found: Cell<u64>,
}

impl<'d, 'a> Object<'d, 'a> {
    /// Starts to look up members of an object. Any other value has no members.
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

    /// Whether every member was looked up. Also false if that is unknown because two names share a bit.
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

    /// Returns the value of the member with this name.
    // Inlined because the compiler then usually knows the name. An absent member costs one bit test. The expected
    // member costs a comparison of a few words.
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

    /// Searches from the expected member to the last, then from the first.
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

/// Maps a name to one of 64 bits, ignoring case.
#[inline]
fn name_bit(name: &[u8]) -> u64 {
    let [first, .., last] = name else {
        return 1;
    };
    let lower = |byte: &u8| usize::from(byte | 0x20);
    let middle = lower(&name[name.len() / 2]);
    // With these factors, only 7 names in the tables of all dialects share a bit with another name of their object.
    // Most orders have none of these names.
    1 << (((name.len() + lower(first)) * 53 + lower(last) + middle * 31) & 63)
}
