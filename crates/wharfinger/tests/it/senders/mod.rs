//! What the server adds for those who send, and the commands of the client.

mod convert;
mod csv;
mod events;
mod export;
mod limits;
mod mends;
mod simulate;
