//! Which addresses a destination may have.
//!
//! Whoever may create a destination chooses an address to which this server connects. Without a guard, they could reach what only
//! this machine reaches: its own services, its network, the metadata service of its cloud. So a name is looked up here, every
//! answer must be a public address, and the connection goes to one of the answers, never to the name: it may mean another address
//! a moment later.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

mod addresses;
mod resolver;

/// Longest URL of a destination, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// Decides to which addresses this server may connect for destinations.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Networks that are allowed although they are not public, or although they are reached without TLS.
    allowed: Vec<IpNet>,
}

/// Why a URL or a host is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The URL is no URL of a webhook. The sentence says why.
    Url(String),
    /// The host has an address to which this server does not connect.
    Forbidden(ForbiddenAddress),
    /// The name could not be looked up. This may pass.
    Unresolved {
        /// The name.
        host: String,
        /// What the look-up met with.
        why: String,
    },
}

/// An address to which this server does not connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenAddress {
    /// The host, as it was given.
    pub host: String,
    /// Its address.
    pub address: IpAddr,
    /// What the address is for, such as `a loopback address`.
    pub what: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => f.write_str(why),
            Self::Forbidden(forbidden) => {
                let ForbiddenAddress {
                    host,
                    address,
                    what,
                } = forbidden;
                write!(
                    f,
                    "{host} has the address {address}, which is {what}; allow it with --destinations-allow if it is meant"
                )
            }
            Self::Unresolved { host, why } => write!(f, "{host} cannot be looked up: {why}"),
        }
    }
}

impl Guard {
    /// A guard that also allows connections to these networks.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Checks the URL of a webhook before it is stored. A name that cannot be looked up now is taken, because it is checked again
    /// before each connection.
    ///
    /// # Errors
    /// The URL is not one of `http` or `https`, or its host has an address to which this server does not connect.
    pub async fn check_url(&self, url: &str) -> Result<(), Refused> {
        let url = read_url(url)?;
        match self.addresses(&url).await {
            Ok(_) | Err(Refused::Unresolved { .. }) => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    /// The addresses of a URL's host. All of them may be connected to.
    ///
    /// # Errors
    /// The host cannot be looked up, or one of its addresses is forbidden.
    pub async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Refused> {
        let no_host = || Refused::Url("the URL has no host".into());
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let host = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let is_plain = url.scheme() == "http";
        self.resolve_for(&host, port, is_plain).await
    }

    /// The addresses of a host: a name, or an address without brackets. All of them may be connected to.
    ///
    /// # Errors
    /// The host cannot be looked up, or one of its addresses is forbidden.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
        self.resolve_for(host, port, false).await
    }

    async fn resolve_for(
        &self,
        host: &str,
        port: u16,
        is_plain: bool,
    ) -> Result<Vec<SocketAddr>, Refused> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => resolver::look_up(host, port)
                .await
                .map_err(|why| Refused::Unresolved {
                    host: host.to_owned(),
                    why,
                })?,
        };
        // One bad answer among good ones is an attack, or a mistake that would show only now and then.
        for address in &found {
            let address = address.ip();
            if let Some(what) = self.forbids(address, is_plain) {
                return Err(Refused::Forbidden(ForbiddenAddress {
                    host: host.to_owned(),
                    address,
                    what,
                }));
            }
        }
        Ok(found)
    }

    /// What a forbidden address is for. `None` if it may be connected to.
    fn forbids(&self, address: IpAddr, is_plain: bool) -> Option<&'static str> {
        let address = address.to_canonical();
        if self
            .allowed
            .iter()
            .any(|network| network.contains(&address))
        {
            return None;
        }
        if let Some(what) = addresses::purpose(address) {
            return Some(what);
        }
        is_plain.then_some("reached without TLS; use https")
    }
}

/// Reads the URL of a webhook.
///
/// # Errors
/// It is not a URL of `http` or `https` with a host, or it has a user, a password or a fragment.
pub fn read_url(text: &str) -> Result<Url, Refused> {
    let refused = |why: &str| Err(Refused::Url(why.to_owned()));
    if text.len() > URL_BYTES_MAX {
        return refused("the URL must have at most 2048 bytes");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refused(&format!("this is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refused("the URL must begin with https://, or with http:// for your own network");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused(
            "the URL must not have a user or a password; deliveries are signed instead",
        );
    }
    if url.fragment().is_some() {
        return refused("the URL must not have a fragment (#…), which is never sent");
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return refused("the URL must have a host, and a port other than 0 if it has one");
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
