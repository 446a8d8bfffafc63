//! Parses one order into nodes, faults and a content hash, in one pass.

use std::collections::HashSet;

use super::NameCase;
use super::fault::{Fault, FaultAt};
use super::hash::{self, Gathered};
use super::path::{Path, Step};
use super::scan::{self, Scanned, Syntax, expected_separator, skip_nested, skip_white_space};
use super::tape::{Kind, Node, Tape};

/// The number of faults kept per order. The first one matters; the others are a convenience.
const FAULTS_MAX: usize = 8;

/// The maximum length of a name in a fault's path, in bytes. Otherwise a long hostile name would be copied for every
/// fault.
const NAME_BYTES_TOLD_MAX: usize = 255;

/// Up to this many members, names are compared one by one. Larger objects use a set.
const NAMES_COMPARED_MAX: u32 = 32;

/// The limits of one order, and how its names are compared.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How member names are compared.
    pub names: NameCase,
    /// The maximum nesting depth of an order. The order itself is level 1.
    pub depth_max: usize,
    /// The maximum size of an order's text, in bytes.
    pub order_bytes_max: usize,
}

/// Parses one value at a time onto the tape.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub tape: Tape<'a>,
    pub faults: Vec<FaultAt>,
    pub hash: u128,
    rules: Rules,
    frames: Vec<Frame>,
    /// The name sets of the open objects that have many members, each with the object's node, innermost last.
    crowds: Vec<(usize, HashSet<String>)>,
    /// The offset that the order's text must not exceed.
    end_max: usize,
    /// False once the order exceeds its maximum size. Its syntax is still checked, but its content is no longer kept.
    recording: bool,
    scratch: Vec<u8>,
}

/// A container that is being parsed.
#[derive(Debug)]
struct Frame {
    is_object: bool,
    node: usize,
    /// The node of the current member's name.
    name: usize,
    /// The number of children so far.
    count: u32,
    gathered: Gathered,
    /// The [name bits](Tape::name_bit) seen so far. Most names have a bit of their own and need no comparison.
    seen: u64,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, rules: Rules) -> Self {
        let mut parser = Self {
            tape: Tape {
                text: "",
                names: rules.names,
                nodes: Vec::new(),
            },
            rules,
            frames: Vec::new(),
            faults: Vec::new(),
            hash: 0,
            crowds: Vec::new(),
            end_max: 0,
            recording: true,
            scratch: Vec::new(),
        };
        parser.begin(text);
        parser
    }

    /// Continues with another text.
    pub(super) fn begin(&mut self, text: &'a str) {
        let has_offsets = u32::try_from(text.len()).is_ok();
        assert!(has_offsets, "the body's size limit is far below 4 GiB");
        self.tape.text = text;
    }

    fn bytes(&self) -> &'a [u8] {
        self.tape.text.as_bytes()
    }

    /// Parses the value at `start`. Returns the offset after it.
    pub(super) fn parse(&mut self, start: usize) -> Result<usize, Syntax> {
        self.tape.nodes.clear();
        self.frames.clear();
        self.faults.clear();
        self.crowds.clear();
        self.end_max = start.saturating_add(self.rules.order_bytes_max);
        self.recording = true;
        let mut at = start;
        loop {
            let child = match self.begin_value(at)? {
                Begun::Opened(inside) => inside,
                Begun::Whole(end) => match self.after_value(end)? {
                    After::Comma(behind) => behind,
                    After::Root(end) => break self.check_size(start, end),
                },
            };
            at = self.begin_child(child)?;
        }
    }

    /// Checks the size of the parsed value. An oversized value was not kept completely and is replaced by a fault.
    fn check_size(&mut self, start: usize, end: usize) -> Result<usize, Syntax> {
        let bytes_max = self.rules.order_bytes_max;
        if end - start > bytes_max {
            self.tape.nodes.clear();
            self.end_max = end;
            self.recording = true;
            self.push(Kind::Null, start, end, false);
            self.faults.clear();
            self.fault(Fault::TooLarge { bytes_max });
        }
        Ok(end)
    }

    /// Parses a scalar, or opens a container.
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
            None => return Err(Syntax::new(at, "unexpected end of the text")),
        };
        self.scalar(kind, at, scanned);
        Ok(Begun::Whole(scanned.end))
    }

    /// Opens the container at `at`. Skips it if it is empty or nested too deep.
    fn open(&mut self, at: usize, is_object: bool) -> Result<Begun, Syntax> {
        let bytes = self.bytes();
        let depth_max = self.rules.depth_max;
        if self.frames.len() == depth_max {
            self.fault(Fault::TooDeep { depth_max });
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
        });
        let inside = skip_white_space(bytes, at + 1);
        let closing = if is_object { b'}' } else { b']' };
        if bytes.get(inside) == Some(&closing) {
            self.close(inside + 1);
            return Ok(Begun::Whole(inside + 1));
        }
        Ok(Begun::Opened(inside))
    }

    /// Continues after a value: up to the next comma, or closes containers up to the root.
    fn after_value(&mut self, mut at: usize) -> Result<After, Syntax> {
        let bytes = self.bytes();
        while let Some(frame) = self.frames.last() {
            let is_object = frame.is_object;
            at = skip_white_space(bytes, at);
            match bytes.get(at) {
                Some(b',') => return Ok(After::Comma(at + 1)),
                Some(b'}') if is_object => self.close(at + 1),
                Some(b']') if !is_object => self.close(at + 1),
                _ => return Err(expected_separator(bytes, at, is_object)),
            }
            at += 1;
        }
        Ok(After::Root(at))
    }

    /// Begins a child of the innermost container and returns the offset of its value. In an object, parses its name
    /// first.
    fn begin_child(&mut self, at: usize) -> Result<usize, Syntax> {
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
            self.name_child(node, name.fault);
        }
        Ok(end)
    }

    /// Scans the name at `start`. Also returns the offset after its colon.
    #[inline(always)]
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

    /// Records the name of the innermost object's current member.
    fn name_child(&mut self, node: usize, fault: Option<Fault>) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        frame.name = node;
        let bit = self.tape.name_bit(node);
        self.tape.nodes[node].names = bit;
        let may_be_repeated = frame.seen & bit != 0 || frame.count > NAMES_COMPARED_MAX;
        frame.seen |= bit;
        if let Some(fault) = fault {
            self.fault(fault);
        }
        if may_be_repeated && self.is_repeated(node) {
            self.fault(Fault::RepeatedName);
        }
    }

    /// Whether the name in `node` occurred before in the innermost object.
    fn is_repeated(&mut self, node: usize) -> bool {
        let tape = &self.tape;
        let Some(frame) = self.frames.last() else {
            return false;
        };
        let first = frame.node + 1;
        if frame.count <= NAMES_COMPARED_MAX {
            let name = tape.plain(node);
            return names_between(tape, first, node).any(|at| tape.is_named(at, &name));
        }
        let folded = |at| match tape.names {
            NameCase::Exact => tape.plain(at).into_owned(),
            NameCase::Ignored => tape.plain(at).to_ascii_lowercase(),
        };
        match self.crowds.last_mut() {
            Some((object, names)) if *object == frame.node => !names.insert(folded(node)),
            _ => {
                let mut names: HashSet<String> =
                    names_between(tape, first, node).map(folded).collect();
                let is_repeated = !names.insert(folded(node));
                self.crowds.push((frame.node, names));
                is_repeated
            }
        }
    }

    /// Adds a node for a value or name, unless the order is too large by its end. Returns the node's index.
    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) -> usize {
        let index = self.tape.nodes.len();
        if end > self.end_max {
            self.recording = false;
        }
        if self.recording {
            self.tape.nodes.push(Node {
                kind,
                escaped,
                start: offset(start),
                end: offset(end),
                next: offset(index + 1),
                names: 0,
                has_distinct_bits: false,
            });
        }
        index
    }

    fn scalar(&mut self, kind: Kind, start: usize, scanned: Scanned) {
        let node = self.push(kind, start, scanned.end, scanned.escaped);
        if !self.recording {
            return;
        }
        if let Some(fault) = scanned.fault {
            self.fault(fault);
        }
        let scratch = &mut self.scratch;
        match self.frames.last_mut() {
            None => self.hash = hash::of_scalar(&self.tape, node, scratch),
            Some(frame) if frame.is_object => {
                frame
                    .gathered
                    .add_member(&self.tape, frame.name, node, scratch);
            }
            Some(frame) => frame.gathered.add_element(&self.tape, node, scratch),
        }
    }

    /// Closes the innermost container. Its text ends at `end`.
    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.crowds.pop_if(|(object, _)| *object == frame.node);
        let next = offset(self.tape.nodes.len());
        if let Some(node) = self.tape.nodes.get_mut(frame.node) {
            node.end = offset(end);
            node.next = next;
            node.names = frame.seen;
            node.has_distinct_bits = frame.seen.count_ones() == frame.count;
        }
        if !self.recording {
            return;
        }
        let content = frame.gathered.finish(frame.is_object, frame.count);
        match self.frames.last_mut() {
            None => self.hash = content.hash(),
            Some(parent) if parent.is_object => {
                let scratch = &mut self.scratch;
                parent
                    .gathered
                    .add_nested_member(&self.tape, parent.name, content, scratch);
            }
            Some(parent) => parent.gathered.add_nested_element(content),
        }
    }

    /// Records a fault at the current value or name.
    fn fault(&mut self, fault: Fault) {
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
        self.faults.push(FaultAt { path, fault });
    }
}

/// Returns the name, cut off if it is long.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_BYTES_TOLD_MAX {
        return name.to_owned();
    }
    let end = name.floor_char_boundary(NAME_BYTES_TOLD_MAX);
    format!("{}…", &name[..end])
}

enum Begun {
    /// A complete value that ends at this offset.
    Whole(usize),
    /// A container whose first child begins at this offset.
    Opened(usize),
}

enum After {
    /// The offset after a comma, where the next child begins.
    Comma(usize),
    /// The offset at which the root ended.
    Root(usize),
}

/// Converts an offset into the text, or a node index, which is never larger. [`Parser::begin`] checks that offsets fit.
fn offset(offset: usize) -> u32 {
    offset as u32
}

/// Iterates over the name nodes from `first` up to, but excluding, `last`.
fn names_between(tape: &Tape<'_>, first: usize, last: usize) -> impl Iterator<Item = usize> {
    let mut at = first;
    std::iter::from_fn(move || {
        let name = (at < last).then_some(at)?;
        at = tape.nodes[at + 1].next as usize;
        Some(name)
    })
}
