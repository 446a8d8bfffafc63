//! The one list of dialects. Everything that names a vendor is in its folder, and in the lines below.

mod centra;
mod gosweetspot;
mod native;
mod reevoo;

use schemars::{Schema, SchemaGenerator};

use crate::dialect::Dialect;

/// Every dialect that is spoken.
pub static ALL: &[&dyn Dialect] = &[
    &reevoo::Reevoo,
    &centra::Centra,
    &gosweetspot::GoSweetSpot,
    &native::Native,
];

/// The one that speaks where no vendor is asked for.
pub static OWN: &dyn Dialect = &native::Native;

/// The dialect of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.id() == id)
}

/// The ids of all of them, for a sentence that says which there are.
#[must_use]
pub fn ids() -> String {
    let ids: Vec<_> = ALL.iter().map(|dialect| dialect.id()).collect();
    ids.join(", ")
}

/// The schemas of what [`OWN`] answers.
#[derive(Debug)]
pub struct AnswerSchemas {
    /// What became of a batch.
    pub batch: Schema,
    /// A refusal.
    pub problem: Schema,
}

/// Describes what [`OWN`] answers.
#[must_use]
pub fn answer_schemas(generator: &mut SchemaGenerator) -> AnswerSchemas {
    native::answer_schemas(generator)
}

/// The token of `Authorization: Bearer`.
fn bearer_token(field: &str) -> Option<&str> {
    let (scheme, token) = field.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
