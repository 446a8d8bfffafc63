//! The server: everything that touches the world.

pub mod clock;
pub mod store;
