//! TLS that verifies the server's certificate.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Trusts the CAs in a PEM file, or those that the system trusts.
pub(super) fn config(ca: Option<&Path>) -> Result<TlsConfig> {
    let certificates = match ca {
        Some(file) => of_file(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    if certificates.is_empty() {
        bail!(
            "this system trusts no CA; install ca-certificates, or name the server's CA with --ca"
        );
    }
    let roots = certificates
        .iter()
        .map(|der| Certificate::from_der(der).to_owned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&Vec::from_iter(roots)))
        .build())
}

/// Encrypts, but verifies no certificate.
pub(super) fn unverified() -> TlsConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .disable_verification(true)
        .build()
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let failed = || format!("cannot read certificates from {}", file.display());
    let bytes = std::fs::read(file).with_context(failed)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.with_context(failed)?;
    if found.is_empty() {
        bail!(
            "{} has no PEM certificate (BEGIN CERTIFICATE)",
            file.display()
        );
    }
    Ok(found)
}
