//! `wharfinger completions` and `wharfinger man`: what shells and `man` know of the command line.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// `wharfinger completions`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: wharfinger completions bash > ~/.local/share/bash-completion/completions/wharfinger\n\
Example: wharfinger completions zsh > ~/.zfunc/_wharfinger\n\
Example: wharfinger completions fish > ~/.config/fish/completions/wharfinger.fish"
)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// `wharfinger man`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: wharfinger man ~/.local/share/man/man1 && man wharfinger-orders-list"
)]
pub(super) struct Man {
    /// Directory to write the pages to, one for each command; it is made if it does not exist
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Completions {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        // The generator cannot say that writing failed, so its script is written as a whole.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "wharfinger", &mut script);
        out.write_all(&script)?;
        out.flush()?;
        Ok(())
    }
}

impl Man {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let directory = self.directory;
        let failed = || format!("cannot write to {}", directory.display());
        std::fs::create_dir_all(&directory).with_context(failed)?;
        clap_mangen::generate_to(command(), &directory).with_context(failed)?;
        let shown = directory.display().to_string();
        writeln!(
            out,
            "wrote the pages to {}; read one with `man -l`",
            super::shown(&shown)
        )?;
        Ok(())
    }
}

/// The command line without its hidden commands.
fn command() -> Command {
    let whole = Cli::command();
    let subcommands = whole.get_subcommands().filter(|sub| !sub.is_hide_set());
    let subcommands = Vec::from_iter(subcommands.cloned());
    let mut visible = Command::new("wharfinger").subcommands(subcommands);
    if let Some(about) = whole.get_about() {
        visible = visible.about(about.clone());
    }
    if let Some(after_help) = whole.get_after_help() {
        visible = visible.after_help(after_help.clone());
    }
    visible.version(env!("CARGO_PKG_VERSION"))
}
