//! What the server adds for those who send, and the commands of the client.

mod convert;
mod csv;
mod desk;
mod events;
mod export;
mod files;
mod hints;
mod interrupted;
mod limits;
mod mends;
mod proxy;
mod resend;
mod simulate;
mod submit;
mod submit_forms;
mod validate;
