//! What the server adds for those who send, and the commands of the client.

mod events;
mod limits;
mod mends;
mod simulate;
