//! E-mail addresses as orders are found by them.

use std::borrow::Cow;

use crate::dialect::{Dialect, Keep};

/// An address as it is compared: without white space around it, ASCII letters in small.
///
/// Before the `@` case may count, says the standard; no provider of note lets it, and people type it either way.
#[must_use]
pub fn normal(address: &str) -> Cow<'_, str> {
    let trimmed = address.trim();
    if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        Cow::Borrowed(trimmed)
    }
}

/// Whether two spellings are one address.
#[must_use]
pub fn is_same(left: &str, right: &str) -> bool {
    left.trim().eq_ignore_ascii_case(right.trim())
}

/// The condition that an order's customer has this address. A store that finds orders by hashes of addresses may come
/// upon another address of the same hash; this weeds it out.
#[must_use]
pub fn keep(dialect: &'static dyn Dialect, address: &str) -> Keep {
    let wanted = normal(address).into_owned();
    Box::new(move |order| {
        let found = dialect.email(order);
        found.is_some_and(|found| is_same(&found, &wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_have_one_normal_form() {
        for spelling in ["ann@example.com", " Ann@EXAMPLE.com\n"] {
            assert_eq!(normal(spelling), "ann@example.com");
            assert!(is_same(spelling, "ANN@example.com "));
        }
        // Other letters than those of ASCII are left alone.
        assert_eq!(normal("Ä@example.com"), "Ä@example.com");
        assert!(!is_same("ann@example.com", "anne@example.com"));
    }
}
