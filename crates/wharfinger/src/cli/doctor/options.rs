//! The settings of `serve`, for commands that look at a server. The help shows the few that say where the store is.

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::serve::config::{Config, ServeOptions};

/// The settings that the help shows.
const SHOWN: [&str; 5] = [
    "config",
    "data",
    "database",
    "database_password_file",
    "database_ca",
];

/// All settings of `serve`.
#[derive(Clone, Debug)]
pub(in super::super) struct StoreSettings(ServeOptions);

impl StoreSettings {
    /// Resolves them as a server does.
    ///
    /// # Errors
    /// Those of [`ServeOptions::resolve`].
    pub(in super::super) fn resolve(&self) -> Result<Config> {
        self.0.resolve()
    }
}

impl Args for StoreSettings {
    /// Must come before other arguments of a command, which would be hidden.
    fn augment_args(command: Command) -> Command {
        let with_settings = ServeOptions::augment_args(command);
        with_settings.mut_args(|argument| {
            let is_shown = SHOWN.contains(&argument.get_id().as_str());
            argument.hide(!is_shown)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StoreSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        ServeOptions::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
