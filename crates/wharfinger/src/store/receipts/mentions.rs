//! Shared by erasures of rejected orders and of saved responses: rows that may mention a person.

use crate::store::engine::driver::Engine;

/// SQL for the API keys that may access the organisation of the first parameter, including revoked keys.
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

/// The rows that a search found, and the row after which to continue. The latter is `None` at the end.
#[derive(Default)]
pub(crate) struct Slice {
    pub found: Vec<i64>,
    pub next: Option<i64>,
}
