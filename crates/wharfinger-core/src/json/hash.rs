//! The content hash: 128 bits that are equal for equal JSON.
//!
//! White space, the order of members and the escaping of text make no difference. Numbers are compared by spelling.
//!
//! A member is hashed as its canonical text `"name":value`. Most senders write exactly that, so the bytes are hashed in
//! place. The hash of an object is the sum of its members' hashes. The hash of an array chains its elements' hashes.
//! Each call of the hash function is expensive, so a nested container is hashed once, in the same call that adds it to
//! its parent.

use xxhash_rust::xxh3::xxh3_128;

use super::tape::Tape;

/// Hashes of a container's content, accumulated while it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gathered(u128);

/// The complete content of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    /// The kind of bracket and the number of children.
    head: u64,
    gathered: u128,
}

/// Tags that separate hashes of nested members, of elements and of roots.
const MEMBER: u64 = b':' as u64;
const ELEMENT: u64 = b'+' as u64;

impl Gathered {
    /// Adds a member whose value is a scalar.
    #[inline]
    pub(super) fn add_member(
        &mut self,
        tape: &Tape<'_>,
        name: usize,
        value: usize,
        scratch: &mut Vec<u8>,
    ) {
        let (left, right) = (&tape.nodes[name], &tape.nodes[value]);
        let is_canonical = !left.escaped && !right.escaped && right.start == left.end + 1;
        let hash = if is_canonical {
            xxh3_128(&tape.text.as_bytes()[left.start as usize..right.end as usize])
        } else {
            scratch.clear();
            write_scalar(tape, name, scratch);
            scratch.push(b':');
            write_scalar(tape, value, scratch);
            xxh3_128(scratch)
        };
        self.0 = self.0.wrapping_add(hash);
    }

    /// Adds a member whose value is a container.
    pub(super) fn add_nested_member(
        &mut self,
        tape: &Tape<'_>,
        name: usize,
        value: Content,
        scratch: &mut Vec<u8>,
    ) {
        let name = of_scalar(tape, name, scratch);
        let hash = together(value.head | MEMBER, value.gathered, name);
        self.0 = self.0.wrapping_add(hash);
    }

    /// Adds an array element that is a scalar.
    pub(super) fn add_element(&mut self, tape: &Tape<'_>, element: usize, scratch: &mut Vec<u8>) {
        self.0 = together(ELEMENT, of_scalar(tape, element, scratch), self.0);
    }

    /// Adds an array element that is a container.
    pub(super) fn add_nested_element(&mut self, element: Content) {
        self.0 = together(element.head | ELEMENT, element.gathered, self.0);
    }

    /// Returns the complete content of the container.
    pub(super) fn finish(self, is_object: bool, count: u32) -> Content {
        let bracket = if is_object { b'{' } else { b'[' };
        Content {
            head: u64::from(count) << 32 | u64::from(bracket) << 8,
            gathered: self.0,
        }
    }
}

impl Content {
    /// The hash of the container as the root.
    pub(super) fn hash(self) -> u128 {
        together(self.head, self.gathered, 0)
    }
}

/// Combines two hashes into one.
///
/// The bytes are written as whole words: reading bytes that were just written in smaller pieces is slow.
fn together(head: u64, left: u128, right: u128) -> u128 {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&head.to_le_bytes());
    bytes[8..24].copy_from_slice(&left.to_le_bytes());
    bytes[24..].copy_from_slice(&right.to_le_bytes());
    xxh3_128(&bytes)
}

/// The hash of a scalar's or name's canonical text.
pub(super) fn of_scalar(tape: &Tape<'_>, node: usize, scratch: &mut Vec<u8>) -> u128 {
    if !tape.nodes[node].escaped {
        return xxh3_128(tape.raw(node).as_bytes());
    }
    scratch.clear();
    write_scalar(tape, node, scratch);
    xxh3_128(scratch)
}

/// Writes the canonical text of a scalar or name, with the minimum of escapes.
fn write_scalar(tape: &Tape<'_>, node: usize, out: &mut Vec<u8>) {
    if !tape.nodes[node].escaped {
        out.extend_from_slice(tape.raw(node).as_bytes());
        return;
    }
    out.push(b'"');
    for &byte in tape.plain(node).as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
