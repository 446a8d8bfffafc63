//! The process's limit on open files.

use std::num::NonZero;

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::serve::config::Config;

/// Open files that any command needs.
const FOR_COMMANDS: u64 = 32;
/// Open files that a server needs besides its connections: the store, its readers, the log.
const FOR_SERVER: u64 = 64;
/// Open files that each serving thread needs.
const FOR_THREAD: u64 = 8;

/// Refuses to run a command that would run out of open files.
pub(super) fn require_for_commands() -> Result<()> {
    require_open_files(FOR_COMMANDS)?;
    Ok(())
}

/// Open files that a server needs for itself.
pub(super) fn of_server() -> u64 {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    FOR_SERVER + FOR_THREAD * threads as u64
}

/// Refuses to start a server if the limit is too low for itself. Warns if it is too low for `connections_max`.
pub(super) fn require(config: &Config) -> Result<()> {
    let own = of_server();
    let limit = require_open_files(own)?;
    let connections_max = u64::try_from(config.transport.connections_max)?;
    if limit.is_some_and(|limit| limit < own + connections_max) {
        tracing::warn!(
            connections_max,
            limit,
            "The limit on open files is too low for connections_max, so some connections will wait. Raise it with \
             `ulimit -n`, or with LimitNOFILE= in the systemd unit."
        );
    }
    Ok(())
}

/// Raises the limit as far as allowed. Fails if that is not enough. Returns the limit, if there is one.
fn require_open_files(needed: u64) -> Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = if current != maximum && setrlimit(Resource::Nofile, raised).is_ok() {
        maximum
    } else {
        current
    };
    ensure!(
        limit.is_none_or(|limit| limit >= needed),
        "the limit on open files is {}, but {needed} are needed; raise it with `ulimit -n 4096`, or with LimitNOFILE= in the \
         systemd unit",
        limit.unwrap_or_default()
    );
    Ok(limit)
}
