//! Subjects: `<prefix>.<organisation>.<type>`.

use crate::store::EventKind;

/// The subject of an event. The type has two tokens, such as `order.accepted`.
pub(super) fn subject(prefix: &str, code: &str, kind: EventKind) -> String {
    format!("{prefix}.{}.{}", token(code), kind.name())
}

/// An organisation's code as one token of a subject. Bytes other than ASCII letters, digits, `-` and `_` are written as `=` and
/// two hexadecimal digits, as in quoted-printable. So different codes have different tokens.
fn token(code: &str) -> String {
    let mut token = String::with_capacity(code.len());
    for byte in code.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => token.push(byte.into()),
            _ => token.push_str(&format!("={byte:02X}")),
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_token() {
        for (code, token) in [
            ("TRK001", "TRK001"),
            ("shop.example.com", "shop=2Eexample=2Ecom"),
            ("a b", "a=20b"),
            ("a=2Eb", "a=3D2Eb"),
            ("*>", "=2A=3E"),
            ("é", "=C3=A9"),
        ] {
            let subject = subject("orders", code, EventKind::OrderAccepted);
            assert_eq!(subject, format!("orders.{token}.order.accepted"));
            assert_eq!(subject.split('.').count(), 4);
        }
    }
}
