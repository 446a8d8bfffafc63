//! Scans scalars: where one ends, and what is wrong with it.

use super::decimal;
use super::fault::Fault;

/// A syntax error: the text cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub offset: usize,
    pub reason: &'static str,
}

impl Syntax {
    pub(super) fn new(offset: usize, reason: &'static str) -> Self {
        Self { offset, reason }
    }
}

/// A scanned scalar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    /// The offset after its last byte.
    pub end: usize,
    /// For text, whether it has escapes.
    pub escaped: bool,
    pub fault: Option<Fault>,
}

impl Scanned {
    fn up_to(end: usize) -> Self {
        Self {
            end,
            escaped: false,
            fault: None,
        }
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH_BITS: u64 = ONES << 7;

/// Finds the next quote, backslash or control character at or after `from`, or the end of the text. Takes eight bytes
/// per step.
#[inline(always)]
fn next_special(text: &[u8], mut from: usize) -> usize {
    while let Some(chunk) = text[from..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        // Flipping this bit swaps the quote (0x22) with the space (0x20), which directly follows the control
        // characters.
        let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let special = (quote_or_control | backslash) & !word & HIGH_BITS;
        if special != 0 {
            // A borrow can cause false positives only above the first true one.
            return from + special.trailing_zeros() as usize / 8;
        }
        from += 8;
    }
    let is_special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    let rest = text[from..].iter().position(is_special);
    rest.map_or(text.len(), |at| from + at)
}

/// Scans the text whose opening quote is at `start`.
#[inline(always)]
pub(super) fn string(text: &[u8], start: usize) -> Result<Scanned, Syntax> {
    let end = next_special(text, start + 1);
    if text.get(end) == Some(&b'"') {
        return Ok(Scanned::up_to(end + 1));
    }
    // The struct is rebuilt here so that the common result above stays in registers.
    let Scanned {
        end,
        escaped,
        fault,
    } = string_with_escapes(text, start)?;
    Ok(Scanned {
        end,
        escaped,
        fault,
    })
}

/// Scans text that has escapes or faults.
#[inline(never)]
fn string_with_escapes(text: &[u8], start: usize) -> Result<Scanned, Syntax> {
    let mut scanned = Scanned::up_to(start + 1);
    loop {
        let at = next_special(text, scanned.end);
        scanned.end = at + 1;
        match text.get(at) {
            Some(b'"') => return Ok(scanned),
            Some(b'\\') => {
                scanned.escaped = true;
                let (end, fault) = escape(text, at)?;
                scanned.end = end;
                scanned.fault = scanned.fault.or(fault);
            }
            Some(_) => {
                return Err(Syntax::new(
                    at,
                    "a control character must be escaped in a string",
                ));
            }
            None => return Err(Syntax::new(text.len(), "a string has no closing quote")),
        }
    }
}

/// Scans the escape whose backslash is at `at`. Returns the offset after it, and its fault.
fn escape(text: &[u8], at: usize) -> Result<(usize, Option<Fault>), Syntax> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok((at + 2, None)),
        Some(b'u') => {
            let unit = hex_unit(text, at)?;
            match unit {
                0 => Ok((at + 6, Some(Fault::NulCharacter))),
                0xD800..=0xDBFF if text[at + 6..].starts_with(b"\\u") => {
                    match hex_unit(text, at + 6)? {
                        0xDC00..=0xDFFF => Ok((at + 12, None)),
                        _ => Ok((at + 6, Some(Fault::LoneSurrogate))),
                    }
                }
                0xD800..=0xDFFF => Ok((at + 6, Some(Fault::LoneSurrogate))),
                _ => Ok((at + 6, None)),
            }
        }
        Some(_) => Err(Syntax::new(at, "unknown escape sequence")),
        None => Err(Syntax::new(text.len(), "a string has no closing quote")),
    }
}

/// Parses the UTF-16 code unit of the `\uXXXX` at `at`.
fn hex_unit(text: &[u8], at: usize) -> Result<u16, Syntax> {
    let mut unit = 0;
    for offset in at + 2..at + 6 {
        let digit = text
            .get(offset)
            .and_then(|&byte| char::from(byte).to_digit(16))
            .and_then(|digit| u16::try_from(digit).ok())
            .ok_or_else(|| Syntax::new(at, "\\u must be followed by four hexadecimal digits"))?;
        unit = unit << 4 | digit;
    }
    Ok(unit)
}

/// Decodes the escapes of text that [`string`] accepted. An unpaired surrogate becomes U+FFFD.
pub(super) fn unescape(inner: &str) -> String {
    let mut plain = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let (replacement, used) = match rest.as_bytes().get(at + 1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unescape_unit(rest.as_bytes(), at),
            Some(&other) => (char::from(other), 2),
            None => break,
        };
        plain.push(replacement);
        rest = &rest[at + used..];
    }
    plain.push_str(rest);
    plain
}

/// Decodes the `\uXXXX` at `at`, or the surrogate pair that begins there. Also returns the number of bytes it takes.
fn unescape_unit(text: &[u8], at: usize) -> (char, usize) {
    let Ok(first) = hex_unit(text, at) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    let second = match first {
        0xD800..=0xDBFF if text[at + 6..].starts_with(b"\\u") => hex_unit(text, at + 6).ok(),
        _ => None,
    };
    let units = [first, second.unwrap_or_default()];
    let used = if second.is_some() { 2 } else { 1 };
    match char::decode_utf16(units[..used].iter().copied()).next() {
        Some(Ok(character)) => (character, 6 * used),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// Scans the number at `start`.
pub(super) fn number(text: &[u8], start: usize) -> Result<Scanned, Syntax> {
    let digits_from = |from: usize| {
        from + text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let integer = start + usize::from(text[start] == b'-');
    let mut end = digits_from(integer);
    if end == integer {
        return Err(Syntax::new(end, "expected a digit"));
    }
    if text[integer] == b'0' && end > integer + 1 {
        return Err(Syntax::new(integer, "a number must not have leading zeros"));
    }
    if text.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits_from(fraction);
        if end == fraction {
            return Err(Syntax::new(end, "expected a digit after the point"));
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let signed = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + signed;
        end = digits_from(exponent);
        if end == exponent {
            return Err(Syntax::new(end, "expected a digit in the exponent"));
        }
    }
    let too_many_digits = decimal::too_many_digits(&text[start..end]);
    Ok(Scanned {
        fault: too_many_digits.then_some(Fault::TooManyDigits {
            digits_max: decimal::DIGITS_MAX,
        }),
        ..Scanned::up_to(end)
    })
}

/// Scans `true`, `false` or `null` at `start`.
pub(super) fn literal(text: &[u8], start: usize, word: &'static str) -> Result<Scanned, Syntax> {
    if !text[start..].starts_with(word.as_bytes()) {
        return Err(Syntax::new(start, "expected a value"));
    }
    Ok(Scanned::up_to(start + word.len()))
}

/// Returns the offset of the next byte that is not white space.
pub(super) fn skip_white_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// The error if neither a comma nor the closing bracket follows a value.
pub(super) fn expected_separator(bytes: &[u8], at: usize, in_object: bool) -> Syntax {
    let reason = match (at < bytes.len(), in_object) {
        (false, _) => "unexpected end of the text",
        (true, true) => "expected ',' or '}'",
        (true, false) => "expected ',' or ']'",
    };
    Syntax::new(at, reason)
}

/// Skips a container that is nested too deep, and checks its syntax. Needs one byte of memory per level.
pub(super) fn skip_nested(bytes: &[u8], start: usize) -> Result<usize, Syntax> {
    let mut open = Vec::new();
    let mut at = start;
    let mut after_value = false;
    let mut just_opened = false;
    loop {
        at = skip_white_space(bytes, at);
        let Some(&byte) = bytes.get(at) else {
            return Err(Syntax::new(at, "unexpected end of the text"));
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
            at = skip_white_space(bytes, string(bytes, at)?.end);
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
            Some(b'"') => string(bytes, at)?.end,
            Some(b'-' | b'0'..=b'9') => number(bytes, at)?.end,
            Some(b't') => literal(bytes, at, "true")?.end,
            Some(b'f') => literal(bytes, at, "false")?.end,
            Some(b'n') => literal(bytes, at, "null")?.end,
            _ => return Err(Syntax::new(at, "expected a value")),
        };
    }
}
