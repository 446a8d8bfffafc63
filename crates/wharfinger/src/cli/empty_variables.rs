//! Variables of the environment that are set to nothing, as `WHARFINGER_DATABASE=` in a file of settings. They count as not set.

use clap::{Arg, Command, CommandFactory, FromArgMatches};

use super::Cli;

impl Cli {
    /// Reads the arguments and the environment of the process. Prints the help or an error, and ends the process, as clap does.
    #[must_use]
    pub fn of_arguments() -> Self {
        let mut command = without_empty(Self::command());
        let mut matches = command.get_matches_mut();
        Self::from_arg_matches_mut(&mut matches)
            .unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

/// Options of a command and of those below it no longer read variables that are empty.
fn without_empty(command: Command) -> Command {
    command
        .mut_args(|argument| {
            if is_empty(&argument) {
                argument.env(None::<&'static str>)
            } else {
                argument
            }
        })
        .mut_subcommands(without_empty)
}

fn is_empty(argument: &Arg) -> bool {
    let value = argument.get_env().and_then(std::env::var_os);
    value.is_some_and(|value| value.is_empty())
}
