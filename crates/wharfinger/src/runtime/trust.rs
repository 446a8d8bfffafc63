//! Which certificates are trusted.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Adds the CAs in a PEM file. `whose` they are is part of the error, such as `the database`.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub fn add_file(roots: &mut RootCertStore, file: &Path, whose: &str) -> Result<(), String> {
    let named = |error: &dyn std::fmt::Display| {
        format!(
            "cannot use {} as the CA of {whose}: {error}",
            file.display()
        )
    };
    let bytes = std::fs::read(file).map_err(|error| named(&error))?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| named(&error))?;
        roots.add(certificate).map_err(|error| named(&error))?;
    }
    if roots.len() == before {
        return Err(named(&"it has no PEM certificate (BEGIN CERTIFICATE)"));
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
