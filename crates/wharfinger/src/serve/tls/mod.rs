//! The server's certificate: read at the start, and again when its files change, without dropping connections.

mod files;
mod follow;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use self::files::{Fingerprint, Loaded};
use crate::clock;
use crate::runtime::metrics::METRICS;

/// The protocols that are offered inside TLS, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The name of HTTP/2 in the negotiation of protocols (ALPN).
pub const HTTP_2: &[u8] = b"h2";

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub struct Files {
    /// PEM file with the certificate, then its intermediates.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// When a certificate ends, in seconds since 1970. `None` if it cannot be read.
#[must_use]
pub fn end_of(der: &[u8]) -> Option<i64> {
    files::validity(der).map(|(_, ends_at_s)| ends_at_s)
}

impl Files {
    /// When the certificate ends, in seconds since 1970, and why it is not valid now, if it is not. Both files are read as a server
    /// reads them.
    ///
    /// # Errors
    /// Those of [`Certificates::load`].
    pub fn end(&self) -> Result<(i64, Option<String>), String> {
        let loaded = files::load(self)?;
        Ok((loaded.ends_at_s, loaded.fault_at(now_s())))
    }
}

/// The certificate in use. It can be replaced while connections are served.
#[derive(Debug)]
pub struct Certificates {
    files: Files,
    /// The hash sum of the files that were read at the start.
    first: Fingerprint,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    /// The last second of the certificate, counted from 1970.
    ends_at_s: i64,
}

impl Certificates {
    /// Reads the certificate and its key. One that has expired is used, with a warning.
    ///
    /// # Errors
    /// A file is missing, is no such file, or the key does not belong to the certificate. The sentence says what to do.
    pub fn load(files: Files) -> Result<Arc<Self>, String> {
        // First, so that a change in the meantime is noticed.
        let first = files::fingerprint(&files);
        let loaded = files::load(&files)?;
        if let Some(fault) = loaded.fault_at(now_s()) {
            tracing::warn!("{fault}. Clients will refuse it.");
        }
        files::warn_of_open_key(&files.key);
        METRICS.note_certificate(loaded.ends_at_s);
        METRICS.note_certificate_read(true);
        let current = RwLock::new(Current::from(loaded));
        Ok(Arc::new(Self {
            files,
            first,
            current,
        }))
    }

    /// The settings of TLS: 1.2 and 1.3, HTTP/2 and HTTP/1.1, and always the certificate in use.
    ///
    /// # Errors
    /// The system has no randomness for session tickets.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder =
            builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // Sessions are resumed by tickets that the clients keep, so they need no memory here.
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(config)
    }

    /// Reads the files again. An error leaves the old certificate in use. So does a certificate that is not valid now, unless
    /// the one in use is not valid either.
    fn reload(&self) -> Result<(), String> {
        let loaded = files::load(&self.files)?;
        let now_s = now_s();
        let is_old_valid = self.ends_at_s() >= now_s;
        if let (Some(fault), true) = (loaded.fault_at(now_s), is_old_valid) {
            return Err(fault);
        }
        files::warn_of_open_key(&self.files.key);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current::from(loaded);
        METRICS.note_certificate(current.ends_at_s);
        Ok(())
    }

    fn ends_at_s(&self) -> i64 {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.ends_at_s
    }
}

impl From<Loaded> for Current {
    fn from(loaded: Loaded) -> Self {
        Self {
            certified: Arc::new(loaded.certified),
            ends_at_s: loaded.ends_at_s,
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.certified))
    }
}

fn now_s() -> i64 {
    clock::now_ms().div_euclid(1_000)
}
