//! The console: pages for the people whose orders they are, at `/console` of every server.
//!
//! It knows the server only through a [`Host`]: sign in, and requests to `/v1` in the rights of a session's key. So it has no
//! rules of its own, and what a person can do here can be done over HTTP too. Pages are rendered here and work without
//! JavaScript; a few small modules make them live.
//!
//! Rooms import rooms below them. The exception: `visit` answers a request without a session with the page *Sign in*.
//!
//! ```text
//! router.rs    the routes of all pages, and the header fields that all responses have
//! pages/       a file or folder for each page; pages do not import each other
//! assets.rs    the style sheet and the modules that pages load
//! passage.rs   /console/api/v1/...: requests of a page's modules, passed on to /v1
//! parts/       what pages share: tables, states, times, forms, plots, lists page by page
//! page.rs      the frame of every page: navigation, title, notices
//! visit.rs     one request of a person who is signed in; forms with their token
//! api.rs       requests to /v1 and their answers
//! digits.rs    bytes as hexadecimal digits, and random ones
//! texts/       texts of orders as JSON: places of attributes, changes, a form to read
//! session.rs   the cookie and the token of forms
//! host.rs      what the console needs from the server
//! ```

mod api;
mod assets;
mod digits;
pub mod host;
mod page;
mod pages;
mod parts;
mod passage;
mod router;
mod session;
mod texts;
mod visit;

pub use self::host::Host;
pub use self::router::router;
