//! The golden cases of every dialect, embedded, and what plays them: to any server, or to a client.
//!
//! Each room imports only rooms below it.
//!
//! ```text
//! kit.rs        `wharfinger conformance`: options, and what they choose
//! serve/        a server with the expected responses, to test a client
//! report/       results for people, as JSON lines and as JUnit XML
//! play/         cases are sent to a server: keys, organisations, other names, differences
//! compare.rs    what differs between two responses
//! exchange.rs   requests and responses
//! json.rs       JSON as values, with numbers as they are spelled
//! text.rs       text that comes from outside, patterns of names
//! case/         the format of the cases: files and text
//! ```

pub mod case;
mod compare;
mod exchange;
mod json;
mod kit;
mod play;
mod report;
mod serve;
mod text;

pub use self::exchange::{Answer, Sent, Transport, encoded};
pub use self::kit::Kit;
pub use self::play::Given;
