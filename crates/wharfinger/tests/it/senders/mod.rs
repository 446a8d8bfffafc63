//! What the server adds for those who send, and the commands of the client.

mod limits;
mod mends;
