//! The one list of dialects. Everything that names a vendor is in its folder, and in the lines below.

mod centra;
mod gosweetspot;
mod reevoo;

use crate::dialect::Dialect;

/// Every dialect that is spoken.
pub static ALL: &[&dyn Dialect] = &[&reevoo::Reevoo, &centra::Centra, &gosweetspot::GoSweetSpot];

/// The dialect of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.id() == id)
}
