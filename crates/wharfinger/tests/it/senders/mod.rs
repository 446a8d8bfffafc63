//! What the server adds for those who send, and the commands of the client.

mod convert;
mod csv;
mod events;
mod export;
mod hints;
mod limits;
mod mends;
mod simulate;
mod validate;
