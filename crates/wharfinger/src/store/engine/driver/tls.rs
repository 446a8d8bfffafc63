//! TLS to a database: the server's certificate and its name are verified.

use std::path::Path;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::runtime::trust;

/// The ALPN name of PostgreSQL's protocol. Servers check it from version 17.
const PROTOCOL: &[u8] = b"postgresql";

/// A TLS connector that trusts the CAs in a file or, without a file, the system's CAs.
pub(super) fn connector(ca: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let roots = match ca {
        Some(file) => of_file(file)?,
        None => of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn of_file(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    trust::add_file(&mut roots, file, "the database")?;
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, String> {
    let roots = trust::of_system();
    if roots.is_empty() {
        return Err(
            "this system trusts no CA; install ca-certificates, or name the CA of the database with --database-ca".into(),
        );
    }
    Ok(roots)
}

/// Explains a TLS error, with the remedy. `None` if the error is not about TLS.
pub(super) fn why(
    error: Option<&(dyn std::error::Error + 'static)>,
    trusted: &str,
) -> Option<String> {
    let error = error?.downcast_ref::<std::io::Error>()?.get_ref()?;
    if let Some(error) = error.downcast_ref::<rustls::pki_types::InvalidDnsNameError>() {
        return Some(format!(
            "the host name of the database cannot occur in a certificate: {error}"
        ));
    }
    let error = error.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(fault) = error else {
        return Some(format!("TLS with the database failed: {error}"));
    };
    let (unknown, bad) = (
        CertificateError::UnknownIssuer,
        CertificateError::BadSignature,
    );
    // `BadSignature`: issued by another CA of the same name.
    let why = if *fault == unknown || *fault == bad {
        format!(
            "was not issued by a CA that {trusted} trusts; name the file with its CA in --database-ca"
        )
    } else if let CertificateError::NotValidForNameContext {
        expected,
        presented,
    } = fault
    {
        format!(
            "is not valid for {}, but for {}; use that name in the URL, or give the server a certificate for this name \
             (subjectAltName)",
            expected.to_str(),
            names(presented)
        )
    } else {
        format!(
            "is not valid ({fault}); give the server its own certificate, not a CA's, that is valid now and for its name \
             (subjectAltName)"
        )
    };
    Some(format!("the database's certificate {why}"))
}

/// The names of a certificate. rustls writes them as `DnsName("a")`.
fn names(presented: &[String]) -> String {
    let bare = presented.iter().map(|name| {
        let inner = name
            .split_once('(')
            .and_then(|(_, name)| name.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    let bare = Vec::from_iter(bare);
    if bare.is_empty() {
        "no name".into()
    } else {
        bare.join(", ")
    }
}
