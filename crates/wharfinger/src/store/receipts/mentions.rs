//! What an erasure asks of rows that may mention a person: rejected orders and saved responses.

use crate::store::engine::driver::Engine;

/// The keys that reach the organisation of the first parameter, those that are void too.
pub(crate) fn keys_that_reach(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "(select keys.id from keys where sound(keys.intact) and (keys.organisations is null \
             or exists (select 1 from json_each(keys.organisations) as reached where reached.value = ?1)))"
        }
        Engine::Postgres => {
            "(select keys.id from keys where sound(keys.intact) and (keys.organisations is null \
             or exists (select 1 from json_array_elements_text(cast(keys.organisations as json)) as reached (value) \
             where cast(reached.value as bigint) = ?1)))"
        }
    }
}

/// Rows that were found in looking through some, and the row behind which to go on; none at the end.
#[derive(Default)]
pub(crate) struct Slice {
    pub found: Vec<i64>,
    pub next: Option<i64>,
}
