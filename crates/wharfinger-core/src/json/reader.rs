//! The one pass over a body: envelope, orders, faults and content hashes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::hash::{self, Gathered};
use super::scan::{self, Scanned, Syntax, skip_white_space};
use super::tape::{Kind, Node, Tape, Value};
use super::{Malformed, NameCase};
use crate::problem::{Code, Path, Problem, Step};

/// Faults kept of one order; the first is what matters, the rest is courtesy.
const FAULTS_MAX: usize = 8;

/// Members of an object from which on their names are looked up in a set.
const NAMES_COMPARED_MAX: u32 = 32;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// One order.
    One,
    /// An array of orders.
    Array,
    /// An object whose members are orders, under names of the sender's.
    Object,
}

/// The bounds of one order, and how its names compare.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How member names are compared.
    pub names: NameCase,
    /// The deepest nesting of an order, the order itself being 1.
    pub depth_max: usize,
    /// The most bytes an order's text may take.
    pub order_bytes_max: usize,
}

/// One order of a body, as read.
#[derive(Debug)]
pub struct Entry<'d, 'a> {
    /// The sender's name for it, in an object of orders.
    pub name: Option<Cow<'a, str>>,
    /// Its bytes as they came.
    pub raw: &'a str,
    /// Its content hash.
    pub hash: u128,
    /// What makes it unreadable; its value is then not to be trusted.
    pub faults: &'d [Problem],
    /// Its content.
    pub value: Value<'d, 'a>,
}

/// Reads a body order by order.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    envelope: Envelope,
    stage: Stage,
    names: HashSet<Cow<'a, str>>,
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
    /// Begins to read a body.
    ///
    /// # Errors
    /// The body is no UTF-8.
    pub fn new(body: &'a [u8], envelope: Envelope, rules: Rules) -> Result<Self, Malformed> {
        let text = simdutf8::compat::from_utf8(body)
            .map_err(|error| Malformed::at(body, error.valid_up_to(), "invalid UTF-8"))?;
        let byte_order_mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Ok(Self {
            text,
            at: skip_white_space(body, byte_order_mark),
            envelope,
            stage: Stage::Start,
            names: HashSet::new(),
            parser: Parser::new(text, rules),
        })
    }

    /// Whether there is nothing but white space.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stage == Stage::Start && self.at == self.text.len()
    }

    /// Whether the body is of the kind that the envelope wants. Where it is not, [`Self::next`] gives no
    /// orders, but still reads to the end.
    #[must_use]
    pub fn root_fits(&self) -> bool {
        let first = self.text.as_bytes().get(self.at);
        self.stage != Stage::Start
            || match self.envelope {
                Envelope::One => true,
                Envelope::Array => first == Some(&b'['),
                Envelope::Object => first == Some(&b'{'),
            }
    }

    /// The next order, or none at the end of the body.
    ///
    /// # Errors
    /// The text cannot be read on; so too where an object of orders repeats a name.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry borrows from the reader, which no iterator can express"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_, 'a>>, Malformed> {
        match self.advance() {
            Ok(Some((name, raw))) => Ok(Some(Entry {
                name,
                raw,
                hash: self.parser.hash,
                faults: &self.parser.faults,
                value: Value::root(&self.parser.tape),
            })),
            Ok(None) => Ok(None),
            Err(fault) => Err(Malformed::at(
                self.text.as_bytes(),
                fault.offset,
                fault.reason,
            )),
        }
    }

    /// Moves on by one order: its name and bytes.
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
            Envelope::One | Envelope::Array => None,
        };
        let raw = self.value()?;
        Ok(Some((name, raw)))
    }

    fn closing(&self) -> u8 {
        match self.envelope {
            Envelope::Object => b'}',
            Envelope::One | Envelope::Array => b']',
        }
    }

    /// The name of an order in an object of orders, and the colon behind it.
    fn order_name(&mut self) -> Result<Cow<'a, str>, Syntax> {
        let start = self.at;
        let (name, end) = self.parser.name_at(start)?;
        if name.fault.is_some() {
            return Err(Syntax::new(start, "a name that no Unicode text can hold"));
        }
        let inner = &self.text[start + 1..name.end - 1];
        let name = if name.escaped {
            Cow::Owned(scan::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        };
        if !self.names.insert(name.clone()) {
            return Err(Syntax::new(start, "this name stands twice in the object"));
        }
        self.at = end;
        Ok(name)
    }

    fn value(&mut self) -> Result<&'a str, Syntax> {
        let start = skip_white_space(self.text.as_bytes(), self.at);
        self.at = self.parser.parse(start)?;
        Ok(&self.text[start..self.at])
    }

    /// A body that is no object cannot be an order: a fault inside it is then the body's own.
    fn refuse_faulty_scalar(&self, raw: &str) -> Result<(), Syntax> {
        if raw.starts_with('{') || self.parser.faults.is_empty() {
            return Ok(());
        }
        let too_deep = "the body is nested too deep or holds what cannot be kept";
        Err(Syntax::new(self.at - raw.len(), too_deep))
    }

    fn finish(&mut self) -> Result<(), Syntax> {
        self.stage = Stage::Done;
        let end = skip_white_space(self.text.as_bytes(), self.at);
        if end < self.text.len() {
            return Err(Syntax::new(end, "the text goes on behind its end"));
        }
        Ok(())
    }
}

fn expected_separator(bytes: &[u8], at: usize, in_object: bool) -> Syntax {
    let reason = match (at < bytes.len(), in_object) {
        (false, _) => "the text ends too early",
        (true, true) => "expected ',' or '}'",
        (true, false) => "expected ',' or ']'",
    };
    Syntax::new(at, reason)
}

/// Parses one value at a time onto the tape.
#[derive(Debug)]
struct Parser<'a> {
    tape: Tape<'a>,
    rules: Rules,
    frames: Vec<Frame>,
    faults: Vec<Problem>,
    hash: u128,
    /// Off once an order is past its size: its syntax is still checked, its content no longer kept.
    recording: bool,
    scratch: Vec<u8>,
}

/// A container that is being read.
#[derive(Debug)]
struct Frame {
    is_object: bool,
    node: usize,
    /// The node of the current member's name.
    name: usize,
    /// Children begun so far.
    count: u32,
    gathered: Gathered,
    /// A bit for each name seen, so that most names need no comparing.
    seen: u64,
    names: HashSet<String>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, rules: Rules) -> Self {
        Self {
            tape: Tape {
                text,
                names: rules.names,
                nodes: Vec::new(),
            },
            rules,
            frames: Vec::new(),
            faults: Vec::new(),
            hash: 0,
            recording: true,
            scratch: Vec::new(),
        }
    }

    fn bytes(&self) -> &'a [u8] {
        self.tape.text.as_bytes()
    }

    /// Parses the value that begins at `start`; the offset behind it.
    fn parse(&mut self, start: usize) -> Result<usize, Syntax> {
        self.tape.nodes.clear();
        self.frames.clear();
        self.faults.clear();
        self.recording = true;
        let mut at = start;
        loop {
            if at - start > self.rules.order_bytes_max {
                self.recording = false;
            }
            at = match self.begin_value(at)? {
                Begun::Whole(end) => end,
                Begun::Opened(inside) => {
                    at = inside;
                    continue;
                }
            };
            match self.after_value(at)? {
                After::Child(next) => at = next,
                After::Root(end) => break self.check_size(start, end),
            }
        }
    }

    /// Judges the size of the value that was read; the content of one too large was not kept whole.
    fn check_size(&mut self, start: usize, end: usize) -> Result<usize, Syntax> {
        let bytes_max = self.rules.order_bytes_max;
        if end - start > bytes_max {
            self.tape.nodes.clear();
            self.recording = true;
            self.push(Kind::Null, start, end, false);
            self.faults.clear();
            self.fault(Code::OrderTooLarge { bytes_max });
        }
        Ok(end)
    }

    /// Reads a scalar, or opens a container.
    fn begin_value(&mut self, at: usize) -> Result<Begun, Syntax> {
        let bytes = self.bytes();
        let at = skip_white_space(bytes, at);
        let (kind, scanned) = match bytes.get(at) {
            Some(b'{') => return self.open(at, true),
            Some(b'[') => return self.open(at, false),
            Some(b'"') => (Kind::Text, scan::string(bytes, at)?),
            Some(b'-' | b'0'..=b'9') => (Kind::Number, scan::number(bytes, at)?),
            Some(b't') => (Kind::True, scan::literal(bytes, at, "true")?),
            Some(b'f') => (Kind::False, scan::literal(bytes, at, "false")?),
            Some(b'n') => (Kind::Null, scan::literal(bytes, at, "null")?),
            Some(_) => return Err(Syntax::new(at, "expected a value")),
            None => return Err(Syntax::new(at, "the text ends too early")),
        };
        if let Some(code) = scanned.fault {
            self.fault(code);
        }
        self.scalar(kind, at, scanned);
        Ok(Begun::Whole(scanned.end))
    }

    /// Opens the container at `at`, or reads past it where it is too deep or empty.
    fn open(&mut self, at: usize, is_object: bool) -> Result<Begun, Syntax> {
        let bytes = self.bytes();
        let depth_max = self.rules.depth_max;
        if self.frames.len() == depth_max {
            self.fault(Code::TooDeep { depth_max });
            let end = skip_nested(bytes, at)?;
            self.push(Kind::Null, at, end, false);
            return Ok(Begun::Whole(end));
        }
        let kind = if is_object { Kind::Object } else { Kind::Array };
        let node = self.push(kind, at, at, false);
        self.frames.push(Frame {
            is_object,
            node,
            name: 0,
            count: 0,
            gathered: Gathered::default(),
            seen: 0,
            names: HashSet::new(),
        });
        let inside = skip_white_space(bytes, at + 1);
        let closing = if is_object { b'}' } else { b']' };
        if bytes.get(inside) == Some(&closing) {
            self.close(inside + 1);
            return Ok(Begun::Whole(inside + 1));
        }
        self.next_child(inside).map(Begun::Opened)
    }

    /// Goes on behind a value: to the next child's value, or closes containers up to the root.
    fn after_value(&mut self, mut at: usize) -> Result<After, Syntax> {
        let bytes = self.bytes();
        while let Some(frame) = self.frames.last() {
            let is_object = frame.is_object;
            at = skip_white_space(bytes, at);
            match bytes.get(at) {
                Some(b',') => return self.next_child(at + 1).map(After::Child),
                Some(b'}') if is_object => self.close(at + 1),
                Some(b']') if !is_object => self.close(at + 1),
                _ => return Err(expected_separator(bytes, at, is_object)),
            }
            at += 1;
        }
        Ok(After::Root(at))
    }

    /// Begins the next child of the innermost container; in an object, reads its name.
    fn next_child(&mut self, at: usize) -> Result<usize, Syntax> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(at);
        };
        frame.count += 1;
        if !frame.is_object {
            return Ok(at);
        }
        let start = skip_white_space(self.bytes(), at);
        let (name, end) = self.name_at(start)?;
        let node = self.push(Kind::Text, start, name.end, name.escaped);
        if self.recording {
            if let Some(frame) = self.frames.last_mut() {
                frame.name = node;
            }
            if let Some(code) = name.fault {
                self.fault(code);
            }
            self.check_repeated(node);
        }
        Ok(end)
    }

    /// The name at `start`, and the offset behind its colon.
    fn name_at(&self, start: usize) -> Result<(Scanned, usize), Syntax> {
        let bytes = self.bytes();
        if bytes.get(start) != Some(&b'"') {
            return Err(Syntax::new(start, "expected a name in quotes"));
        }
        let name = scan::string(bytes, start)?;
        let colon = skip_white_space(bytes, name.end);
        if bytes.get(colon) != Some(&b':') {
            return Err(Syntax::new(colon, "expected ':'"));
        }
        Ok((name, colon + 1))
    }

    /// Notes a fault if the innermost object has had the name in `node` before.
    fn check_repeated(&mut self, node: usize) {
        let tape = &self.tape;
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let name = tape.plain(node);
        let bit = name_bit(&name);
        let is_new_bit = frame.seen & bit == 0;
        frame.seen |= bit;
        let folded = |name: &str| match tape.names {
            NameCase::Exact => name.to_owned(),
            NameCase::Ignored => name.to_ascii_lowercase(),
        };
        let repeated = if frame.count > NAMES_COMPARED_MAX {
            if frame.names.is_empty() {
                let earlier = names_between(tape, frame.node + 1, node);
                frame.names = earlier.map(|name| folded(&name)).collect();
            }
            !frame.names.insert(folded(&name))
        } else {
            !is_new_bit
                && names_between(tape, frame.node + 1, node)
                    .any(|earlier| tape.names.same(&earlier, &name))
        };
        if repeated {
            self.fault(Code::RepeatedName);
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) -> usize {
        let index = self.tape.nodes.len();
        if self.recording {
            self.tape.nodes.push(Node {
                kind,
                escaped,
                start: offset(start),
                end: offset(end),
                next: offset(index + 1),
            });
        }
        index
    }

    fn scalar(&mut self, kind: Kind, start: usize, scanned: Scanned) {
        if !self.recording {
            return;
        }
        let node = self.push(kind, start, scanned.end, scanned.escaped);
        let Some(frame) = self.frames.last_mut() else {
            self.hash = hash_of_scalar(&self.tape, node, &mut self.scratch);
            return;
        };
        if frame.is_object {
            let member = hash_of_member(&self.tape, frame.name, node, &mut self.scratch);
            frame.gathered.add_member(member);
        } else {
            let element = hash_of_scalar(&self.tape, node, &mut self.scratch);
            frame.gathered.add_element(element);
        }
    }

    /// Closes the innermost container, whose text ends at `end`.
    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let next = offset(self.tape.nodes.len());
        if let Some(node) = self.tape.nodes.get_mut(frame.node) {
            node.end = offset(end);
            node.next = next;
        }
        if !self.recording {
            return;
        }
        let bracket = if frame.is_object { b'{' } else { b'[' };
        let hash = frame.gathered.finish(bracket, frame.count);
        match self.frames.last_mut() {
            None => self.hash = hash,
            Some(parent) if parent.is_object => {
                let name = self.tape.plain(parent.name);
                let member = hash::of_nested_member(&mut self.scratch, &name, hash);
                parent.gathered.add_member(member);
            }
            Some(parent) => parent.gathered.add_element(hash),
        }
    }

    /// Notes a fault at the value or name being read.
    fn fault(&mut self, code: Code) {
        if !self.recording || self.faults.len() == FAULTS_MAX {
            return;
        }
        let steps = self.frames.iter().map(|frame| {
            if frame.is_object {
                Step::Name(self.tape.plain(frame.name).into_owned())
            } else {
                Step::Index(frame.count as usize - 1)
            }
        });
        let path = Path(steps.collect());
        self.faults.push(Problem { path, code });
    }
}

enum Begun {
    /// A value that ends at this offset.
    Whole(usize),
    /// A container; its first child's value begins at this offset.
    Opened(usize),
}

enum After {
    /// The offset of the next child's value.
    Child(usize),
    /// The root ended at this offset.
    Root(usize),
}

fn offset(offset: usize) -> u32 {
    u32::try_from(offset).expect("the body's size limit is far below 4 GiB")
}

/// One of 64 bits for a name, the same whatever its case.
fn name_bit(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let lower = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or_default() | 0x20);
    let middle = lower(bytes.get(bytes.len() / 2));
    let length = u32::try_from(bytes.len() & 0xff).unwrap_or_default();
    1 << ((length * 7 + lower(bytes.first()) + lower(bytes.last()) * 3 + middle * 5) & 63)
}

/// The names from node `first` up to, not with, node `last`.
fn names_between<'t, 'a>(
    tape: &'t Tape<'a>,
    first: usize,
    last: usize,
) -> impl Iterator<Item = Cow<'a, str>> + use<'t, 'a> {
    let mut at = first;
    std::iter::from_fn(move || {
        let name = (at < last).then_some(at)?;
        at = tape.nodes[at + 1].next as usize;
        Some(tape.plain(name))
    })
}

fn hash_of_scalar(tape: &Tape<'_>, node: usize, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    write_scalar(tape, node, scratch);
    hash::of_text(scratch)
}

fn hash_of_member(tape: &Tape<'_>, name: usize, value: usize, scratch: &mut Vec<u8>) -> u128 {
    let (left, right) = (&tape.nodes[name], &tape.nodes[value]);
    let is_canonical = !left.escaped && !right.escaped && right.start == left.end + 1;
    if is_canonical {
        let span = left.start as usize..right.end as usize;
        return hash::of_text(&tape.text.as_bytes()[span]);
    }
    scratch.clear();
    hash::write_text(scratch, &tape.plain(name));
    scratch.push(b':');
    write_scalar(tape, value, scratch);
    hash::of_text(scratch)
}

fn write_scalar(tape: &Tape<'_>, node: usize, out: &mut Vec<u8>) {
    if tape.nodes[node].escaped {
        hash::write_text(out, &tape.plain(node));
    } else {
        out.extend_from_slice(tape.raw(node).as_bytes());
    }
}

/// Reads past a container that nests too deep, checking its syntax, with one byte a level.
fn skip_nested(bytes: &[u8], start: usize) -> Result<usize, Syntax> {
    let mut open = Vec::new();
    let mut at = start;
    let mut after_value = false;
    let mut just_opened = false;
    loop {
        at = skip_white_space(bytes, at);
        let Some(&byte) = bytes.get(at) else {
            return Err(Syntax::new(at, "the text ends too early"));
        };
        let in_object = open.last() == Some(&b'{');
        let closes = byte == if in_object { b'}' } else { b']' };
        if closes && (after_value || just_opened) {
            open.pop();
            at += 1;
            if open.is_empty() {
                return Ok(at);
            }
            (after_value, just_opened) = (true, false);
            continue;
        }
        if after_value {
            if byte != b',' {
                return Err(expected_separator(bytes, at, in_object));
            }
            at = skip_white_space(bytes, at + 1);
        }
        if in_object {
            if bytes.get(at) != Some(&b'"') {
                return Err(Syntax::new(at, "expected a name in quotes"));
            }
            at = skip_white_space(bytes, scan::string(bytes, at)?.end);
            if bytes.get(at) != Some(&b':') {
                return Err(Syntax::new(at, "expected ':'"));
            }
            at = skip_white_space(bytes, at + 1);
        }
        (after_value, just_opened) = (true, false);
        at = match bytes.get(at) {
            Some(&bracket @ (b'{' | b'[')) => {
                open.push(bracket);
                (after_value, just_opened) = (false, true);
                at + 1
            }
            Some(b'"') => scan::string(bytes, at)?.end,
            Some(b'-' | b'0'..=b'9') => scan::number(bytes, at)?.end,
            Some(b't') => scan::literal(bytes, at, "true")?.end,
            Some(b'f') => scan::literal(bytes, at, "false")?.end,
            Some(b'n') => scan::literal(bytes, at, "null")?.end,
            _ => return Err(Syntax::new(at, "expected a value")),
        };
    }
}
