//! The choice of an organisation, for keys that can access several.

use maud::{Markup, html};
use serde::Deserialize;

use super::forms::select;

/// What a key may do: `/v1/whoami`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Who {
    /// The codes of its organisations, at most the first 100.
    pub(crate) organisations: Vec<String>,
    /// How many there are.
    pub(crate) organisations_total: u64,
}

impl Who {
    /// The field that chooses an organisation. Nothing, if the key can access only one.
    pub(crate) fn organisation_field(&self, chosen: &str) -> Markup {
        if self.organisations_total < 2 {
            return html! {};
        }
        if self.organisations_total > self.organisations.len() as u64 {
            return html! {
                label.field {
                    span { "Organisation" }
                    input type="text" name="organisation" value=(chosen) list="organisations" placeholder="All" autocomplete="off";
                    datalist #organisations { @for code in &self.organisations { option value=(code) {} } }
                }
            };
        }
        let codes = self
            .organisations
            .iter()
            .map(|code| (code.as_str(), code.as_str()));
        let choices: Vec<_> = [("", "All")].into_iter().chain(codes).collect();
        select("organisation", "Organisation", chosen, &choices)
    }
}
