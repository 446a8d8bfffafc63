//! The list of dialects. Everything that names a vendor is in its folder, or in the lines below.
//!
//! May import every room. One dialect does not import another.

mod centra;
mod gosweetspot;
#[cfg(test)]
mod misspellings;
mod native;
mod reevoo;

use schemars::{Schema, SchemaGenerator};

use crate::dialect::Dialect;

/// All dialects.
pub static ALL: &[&dyn Dialect] = &[
    &reevoo::Reevoo,
    &centra::Centra,
    &gosweetspot::GoSweetSpot,
    &native::Native,
];

/// Our own dialect, which answers requests that no vendor's dialect claims.
pub static OWN: &dyn Dialect = &native::Native;

/// Returns the dialect with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.id() == id)
}

/// Lists the ids of all dialects, for messages.
#[must_use]
pub fn ids() -> String {
    let ids: Vec<_> = ALL.iter().map(|dialect| dialect.id()).collect();
    ids.join(", ")
}

/// The schemas of the responses of [`OWN`].
#[derive(Debug)]
pub struct AnswerSchemas {
    /// The outcome of a batch.
    pub batch: Schema,
    /// A refused request.
    pub problem: Schema,
}

/// Describes the responses of [`OWN`].
#[must_use]
pub fn answer_schemas(generator: &mut SchemaGenerator) -> AnswerSchemas {
    native::answer_schemas(generator)
}

/// Extracts the token of `Authorization: Bearer`.
fn bearer_token(field: &str) -> Option<&str> {
    let (scheme, token) = field.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
