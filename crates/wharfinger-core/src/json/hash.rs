//! The content hash: 128 bits that are equal for equal JSON.
//!
//! White space, the order of members and the way text is escaped make no difference; a number counts as it is spelled.
//! A member is hashed as its canonical text `"name":value`, which most senders write anyway, so that those bytes are
//! hashed where they stand; an object is the sum of its members, an array the chain of its elements.

use xxhash_rust::xxh3::xxh3_128;

use super::tape::Tape;

/// Hashes of a container's content, gathered while it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gathered(u128);

impl Gathered {
    /// Takes in a member of an object.
    pub(super) fn add_member(&mut self, hash: u128) {
        self.0 = self.0.wrapping_add(hash);
    }

    /// Takes in an element of an array.
    pub(super) fn add_element(&mut self, hash: u128) {
        self.0 = pair(b'+', self.0, hash);
    }

    /// The hash of the container, which begins with `bracket`.
    pub(super) fn finish(self, bracket: u8, count: u32) -> u128 {
        pair(bracket, self.0, u128::from(count))
    }
}

fn pair(tag: u8, left: u128, right: u128) -> u128 {
    let mut bytes = [tag; 33];
    bytes[1..17].copy_from_slice(&left.to_le_bytes());
    bytes[17..].copy_from_slice(&right.to_le_bytes());
    xxh3_128(&bytes)
}

/// The hash of canonical text.
fn of_text(canonical: &[u8]) -> u128 {
    xxh3_128(canonical)
}

/// The hash of a member whose value is a container.
pub(super) fn of_nested_member(scratch: &mut Vec<u8>, name: &str, value: u128) -> u128 {
    scratch.clear();
    write_text(scratch, name);
    scratch.extend_from_slice(b":#");
    scratch.extend_from_slice(&value.to_le_bytes());
    xxh3_128(scratch)
}

/// Writes text as a JSON string with no more escapes than are needed.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let needs_escape = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    if !text.as_bytes().iter().any(needs_escape) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The hash of an element, or of a root, that is no container.
pub(super) fn of_scalar(tape: &Tape<'_>, node: usize, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    write_scalar(tape, node, scratch);
    of_text(scratch)
}

/// The hash of a member whose value is no container.
pub(super) fn of_member(tape: &Tape<'_>, name: usize, value: usize, scratch: &mut Vec<u8>) -> u128 {
    let (left, right) = (&tape.nodes[name], &tape.nodes[value]);
    let is_canonical = !left.escaped && !right.escaped && right.start == left.end + 1;
    if is_canonical {
        let span = left.start as usize..right.end as usize;
        return of_text(&tape.text.as_bytes()[span]);
    }
    scratch.clear();
    write_text(scratch, &tape.plain(name));
    scratch.push(b':');
    write_scalar(tape, value, scratch);
    of_text(scratch)
}

fn write_scalar(tape: &Tape<'_>, node: usize, out: &mut Vec<u8>) {
    if tape.nodes[node].escaped {
        write_text(out, &tape.plain(node));
    } else {
        out.extend_from_slice(tape.raw(node).as_bytes());
    }
}
