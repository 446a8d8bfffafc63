//! Where a JSON value ends.
//!
//! Only brackets and strings are looked at, which is enough to tell the orders of a file apart. Whether an order is correct JSON
//! is found out by whoever judges it.

/// A value whose end is being looked for. It can go on when more bytes are at hand.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The offset of the next byte to look at.
    at: usize,
    /// The open brackets, innermost last.
    open: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Outside,
    Text,
    Escape,
    Scalar,
}

/// What a scan has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The value goes on after the bytes at hand.
    More,
    /// The value ends before this offset.
    End(usize),
    /// The value cannot be read on at this offset.
    Bad(usize, &'static str),
}

impl Scan {
    /// Looks for the end. `bytes` begin with the value, and are at least those of the call before.
    pub(super) fn run(&mut self, bytes: &[u8]) -> Found {
        while let Some(&byte) = bytes.get(self.at) {
            let found = match self.state {
                State::Start => self.start(byte),
                State::Text => self.text(byte),
                State::Escape => {
                    self.state = State::Text;
                    None
                }
                State::Outside => self.outside(byte),
                State::Scalar if is_of_scalar(byte) => None,
                State::Scalar => Some(Found::End(self.at)),
            };
            if let Some(found) = found {
                return found;
            }
            self.at += 1;
        }
        Found::More
    }

    /// What is found if no more bytes follow: a number or a word may end with the file.
    pub(super) fn at_end(&self) -> Found {
        match self.state {
            State::Scalar => Found::End(self.at),
            State::Start | State::Outside | State::Text | State::Escape => Found::More,
        }
    }

    #[inline]
    fn start(&mut self, byte: u8) -> Option<Found> {
        self.state = match byte {
            b'{' | b'[' => {
                self.open.push(byte);
                State::Outside
            }
            b'"' => State::Text,
            byte if is_of_scalar(byte) => State::Scalar,
            _ => return Some(Found::Bad(self.at, "expected a value")),
        };
        None
    }

    #[inline]
    fn text(&mut self, byte: u8) -> Option<Found> {
        match byte {
            b'"' if self.open.is_empty() => return Some(Found::End(self.at + 1)),
            b'"' => self.state = State::Outside,
            b'\\' => self.state = State::Escape,
            0..0x20 => {
                let reason = "a control character must be escaped in a string";
                return Some(Found::Bad(self.at, reason));
            }
            _ => {}
        }
        None
    }

    #[inline]
    fn outside(&mut self, byte: u8) -> Option<Found> {
        match byte {
            b'"' => self.state = State::Text,
            b'{' | b'[' => self.open.push(byte),
            b'}' | b']' => {
                let (opening, reason) = match byte {
                    b'}' => (b'{', "expected ',' or ']'"),
                    _ => (b'[', "expected ',' or '}'"),
                };
                if self.open.pop() != Some(opening) {
                    return Some(Found::Bad(self.at, reason));
                }
                if self.open.is_empty() {
                    return Some(Found::End(self.at + 1));
                }
            }
            _ => {}
        }
        None
    }
}

fn is_of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
