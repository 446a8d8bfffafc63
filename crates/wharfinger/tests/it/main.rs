//! One test binary: real HTTP to the real program, real files.

mod cases;
mod cli;
mod crash;
mod hostile;
mod model;
mod readme;
mod routes;
mod serving;
mod support;
