//! Mappings for the exports that shops have. They are files in the form that users write.

/// Name and text of each preset.
const PRESETS: [(&str, &str); 2] = [
    ("shopify", include_str!("presets/shopify.toml")),
    ("woocommerce", include_str!("presets/woocommerce.toml")),
];

/// The text of a preset.
pub(super) fn find(name: &str) -> Option<&'static str> {
    let preset = PRESETS.iter().find(|(known, _)| *known == name);
    preset.map(|(_, text)| *text)
}

/// Name and text of all presets.
pub(super) fn all() -> [(&'static str, &'static str); 2] {
    PRESETS
}

/// The names of all presets, for messages.
pub(super) fn names() -> String {
    PRESETS.map(|(name, _)| name).join(", ")
}
