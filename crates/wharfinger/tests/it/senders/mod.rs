//! What the server adds for those who send, and the commands of the client.

mod batches;
mod conformance;
mod convert;
mod csv;
mod desk;
mod events;
mod export;
mod files;
mod golden;
mod hints;
mod interrupted;
mod liar;
mod limits;
mod listen;
mod mends;
mod orders;
mod profiles;
mod programs;
mod proxy;
mod resend;
mod simulate;
mod submit;
mod submit_forms;
mod tail;
mod trigger;
mod validate;
