//! The tokens of a JSON text.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    /// A text with its quotes: a name or a value.
    Text,
    /// A number, `true`, `false` or `null`.
    Bare,
}

/// A token and its bytes in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of a text. They end at the first byte that begins none.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// Reads a text from its beginning.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    Tokens {
        bytes: text.as_bytes(),
        at,
    }
}

impl Tokens<'_> {
    /// Whether everything was read.
    #[cfg(test)]
    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_white_space();
        self.at == self.bytes.len()
    }

    fn skip_white_space(&mut self) {
        let rest = &self.bytes[self.at..];
        let white = rest.iter().take_while(|byte| is_white_space(**byte));
        self.at += white.count();
    }
}

/// Whether a byte is white space between tokens.
pub(super) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_white_space();
        let start = self.at;
        let rest = &self.bytes[start..];
        let (kind, length) = match rest.first()? {
            b'{' => (Kind::ObjectStart, 1),
            b'}' => (Kind::ObjectEnd, 1),
            b'[' => (Kind::ArrayStart, 1),
            b']' => (Kind::ArrayEnd, 1),
            b',' => (Kind::Comma, 1),
            b':' => (Kind::Colon, 1),
            b'"' => (Kind::Text, length_of_text(rest)?),
            _ => (Kind::Bare, length_of_bare(rest)?),
        };
        self.at += length;
        Some(Token {
            kind,
            start,
            end: self.at,
        })
    }
}

/// The length of a text with both quotes. `None` if it has no end.
fn length_of_text(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match rest.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The length of a number or word. `None` if there is none.
fn length_of_bare(rest: &[u8]) -> Option<usize> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = rest.iter().take_while(is_part).count();
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_where_the_text_is_no_json() {
        let of = |text: &str| {
            let mut tokens = tokens(text);
            let found: Vec<_> = tokens
                .by_ref()
                .map(|token| &text[token.start..token.end])
                .collect();
            (found.join(" "), tokens.is_at_end())
        };
        let is = |found: &str, is_whole: bool| (found.to_owned(), is_whole);
        assert_eq!(
            of("\u{feff} {\"a\\\"}\": [1.50e+3,true ]}\n"),
            is("{ \"a\\\"}\" : [ 1.50e+3 , true ] }", true)
        );
        assert_eq!(of("{'a':1}"), is("{", false));
        assert_eq!(of("[\"a"), is("[", false));
        assert_eq!(of("[\"a\\"), is("[", false));
        assert_eq!(of(""), is("", true));
    }
}
