//! The `wharfinger` program: parses its arguments and runs the command.

use std::process::ExitCode;

use wharfinger::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(Cli::of_arguments()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
