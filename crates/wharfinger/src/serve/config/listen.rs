//! The address that the server listens on, as users write it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// The number of the error "address family not supported": the machine has no IPv6.
const NO_FAMILY: i32 = 97;

/// Where the server listens: `127.0.0.1:8080`, `localhost:8080`, or `:8080` for all addresses of the machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Listen {
    text: String,
    /// The addresses to try. A later one counts only if the machine does not have the earlier ones.
    addresses: Vec<SocketAddr>,
}

impl Listen {
    /// Starts to listen.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) async fn bind(&self) -> io::Result<TcpListener> {
        let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match TcpListener::bind(address).await {
                Err(error)
                    if error.kind() == ErrorKind::AddrNotAvailable
                        || error.raw_os_error() == Some(NO_FAMILY) =>
                {
                    failed = error;
                }
                done => return done,
            }
        }
        Err(failed)
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self {
            text: address.to_string(),
            addresses: vec![address],
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let wrong = || {
            "write an address as 127.0.0.1:8080, localhost:8080, or :8080 for all addresses"
                .to_owned()
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let ips: [IpAddr; 2] = match host {
            // The first one also takes connections over IPv4.
            "" => [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
            "localhost" => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return Err(wrong()),
        };
        let port: u16 = port.parse().map_err(|_| wrong())?;
        Ok(Self {
            text: text.to_owned(),
            addresses: ips.map(|ip| SocketAddr::new(ip, port)).into(),
        })
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.text
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Listen;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, addresses) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8080", "127.0.0.1:8080 [::1]:8080"),
            (":8080", "[::]:8080 0.0.0.0:8080"),
        ] {
            let listen: Listen = text.parse().unwrap();
            let found = Vec::from_iter(listen.addresses.iter().map(ToString::to_string));
            assert_eq!(
                (found.join(" "), listen.to_string()),
                (addresses.into(), text.into())
            );
        }
        for wrong in [
            "",
            "8080",
            "localhost",
            ":",
            ":65536",
            "db.example.com:80",
            "::1:x",
        ] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }
}
