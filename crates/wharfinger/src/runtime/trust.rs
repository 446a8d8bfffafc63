//! Which certificates are trusted.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Which CAs are trusted.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'t> {
    /// Those that the system trusts.
    System,
    /// Those in a PEM file.
    File(&'t Path),
    /// Those in a PEM text.
    Text(&'t str),
}

/// TLS that verifies the certificate of the other side, and its name. `whose` certificate it is, such as `the database`, and
/// the `setting` in which the user names the CA, are parts of errors.
///
/// # Errors
/// The CAs cannot be read, or there are none.
pub fn client_config(trust: Trust<'_>, whose: &str, setting: &str) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => roots = of_system(),
        Trust::File(file) => add_file(&mut roots, file, whose)?,
        Trust::Text(pem) => add_pem(&mut roots, pem.as_bytes())
            .map_err(|error| format!("cannot use {setting} as the CA of {whose}: {error}"))?,
    }
    if roots.is_empty() {
        return Err(format!(
            "this system trusts no CA; install ca-certificates, or name the CA of {whose} with {setting}"
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Adds the CAs in a PEM file. `whose` they are is part of the error, such as `the database`.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub fn add_file(roots: &mut RootCertStore, file: &Path, whose: &str) -> Result<(), String> {
    let read = std::fs::read(file).map_err(|error| error.to_string());
    let added = read.and_then(|bytes| add_pem(roots, &bytes));
    added.map_err(|error| {
        format!(
            "cannot use {} as the CA of {whose}: {error}",
            file.display()
        )
    })
}

/// Adds the CAs in a PEM text.
fn add_pem(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.len() == before {
        return Err("it has no PEM certificate (BEGIN CERTIFICATE)".into());
    }
    Ok(())
}

/// The CAs that the system trusts. There may be none.
#[must_use]
pub fn of_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}
