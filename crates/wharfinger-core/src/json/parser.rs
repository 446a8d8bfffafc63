//! One order: its nodes, its faults and its content hash, in one pass.

use std::collections::HashSet;

use super::NameCase;
use super::hash::{self, Gathered};
use super::scan::{self, Scanned, Syntax, expected_separator, skip_nested, skip_white_space};
use super::tape::{Kind, Node, Tape, name_bit};
use crate::problem::{Code, Path, Problem, Step};

/// Faults kept of one order; the first is what matters, the rest is courtesy.
const FAULTS_MAX: usize = 8;

/// Bytes of a name that are told in the path of a fault: a hostile name would otherwise be kept once a fault.
const NAME_BYTES_TOLD_MAX: usize = 255;

/// Members of an object from which on their names are looked up in a set.
const NAMES_COMPARED_MAX: u32 = 32;

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

/// Parses one value at a time onto the tape.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub tape: Tape<'a>,
    pub faults: Vec<Problem>,
    pub hash: u128,
    rules: Rules,
    frames: Vec<Frame>,
    /// Where the order begins.
    start: usize,
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
    /// The names, once there are many.
    names: Option<HashSet<String>>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, rules: Rules) -> Self {
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
            start: 0,
            recording: true,
            scratch: Vec::new(),
        }
    }

    fn bytes(&self) -> &'a [u8] {
        self.tape.text.as_bytes()
    }

    /// Parses the value that begins at `start`; the offset behind it.
    pub(super) fn parse(&mut self, start: usize) -> Result<usize, Syntax> {
        self.tape.nodes.clear();
        self.frames.clear();
        self.faults.clear();
        self.start = start;
        self.recording = true;
        let mut at = start;
        loop {
            self.record_up_to(at);
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

    /// Stops recording where the order's text up to `end` is too much of it already.
    fn record_up_to(&mut self, end: usize) {
        if end - self.start > self.rules.order_bytes_max {
            self.recording = false;
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
        self.record_up_to(scanned.end);
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
            names: None,
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
        self.record_up_to(end);
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
    pub(super) fn name_at(&self, start: usize) -> Result<(Scanned, usize), Syntax> {
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
            let first = frame.node + 1;
            let names = frame.names.get_or_insert_with(|| {
                let earlier = names_between(tape, first, node);
                earlier.map(|at| folded(&tape.plain(at))).collect()
            });
            !names.insert(folded(&name))
        } else {
            !is_new_bit
                && names_between(tape, frame.node + 1, node).any(|at| tape.is_named(at, &name))
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
                names: 0,
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
            self.hash = hash::of_scalar(&self.tape, node, &mut self.scratch);
            return;
        };
        if frame.is_object {
            let member = hash::of_member(&self.tape, frame.name, node, &mut self.scratch);
            frame.gathered.add_member(member);
        } else {
            let element = hash::of_scalar(&self.tape, node, &mut self.scratch);
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
            node.names = frame.seen;
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
                Step::Name(shortened(&self.tape.plain(frame.name)))
            } else {
                Step::Index(frame.count as usize - 1)
            }
        });
        let path = Path(steps.collect());
        self.faults.push(Problem { path, code });
    }
}

/// The name, or of a long one its beginning.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_BYTES_TOLD_MAX {
        return name.to_owned();
    }
    let end = name.floor_char_boundary(NAME_BYTES_TOLD_MAX);
    format!("{}…", &name[..end])
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

/// The nodes of the names from node `first` up to, not with, node `last`.
fn names_between(tape: &Tape<'_>, first: usize, last: usize) -> impl Iterator<Item = usize> {
    let mut at = first;
    std::iter::from_fn(move || {
        let name = (at < last).then_some(at)?;
        at = tape.nodes[at + 1].next as usize;
        Some(name)
    })
}
