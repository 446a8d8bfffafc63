//! Tells the service manager how the server is: ready, alive, stopping. This is the protocol of `sd_notify(3)`, which is a
//! datagram of lines to the socket in `NOTIFY_SOCKET`. Without that variable nothing is sent.
//!
//! `RELOADING=1` is not sent. A reload reads the certificate again, which interrupts nothing, and systemd 252 (Debian 12) does not
//! wait for it. systemd 253 and newer would, but only with `Type=notify-reload`, which older ones refuse.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a message may wait for room in the manager's socket.
const SEND_WITHIN: Duration = Duration::from_secs(1);

/// The service manager that started this process, if one did.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The manager that the environment names.
    #[must_use]
    pub fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let pid = number("WATCHDOG_PID");
        let is_meant = pid.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_meant && *usec > 0);
        Self {
            socket: std::env::var_os("NOTIFY_SOCKET")
                .filter(|name| !name.is_empty())
                .and_then(socket),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// How long the manager waits for the next [`alive`](Self::alive) before it takes the server for hung. `None`: it does not.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// The server accepts connections, at this URL.
    pub fn ready(&self, url: &str) {
        self.send(&format!("READY=1\nSTATUS=Serving {url}"));
    }

    /// The server works.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The server ends, after the requests in flight.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Finishing the requests in flight");
    }

    fn send(&self, message: &str) {
        let Some((socket, address)) = &self.socket else {
            return;
        };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::warn!(%error, "Could not notify the service manager (NOTIFY_SOCKET).");
        }
    }
}

/// A socket to the manager's address: a path, or an abstract name after `@`.
fn socket(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    };
    let opened = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_WITHIN))?;
        Ok((socket, address))
    });
    match opened {
        Ok(opened) => Some(opened),
        Err(error) => {
            tracing::warn!(%error, "Could not use the socket in NOTIFY_SOCKET.");
            None
        }
    }
}
