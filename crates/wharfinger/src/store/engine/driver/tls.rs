//! TLS to a database: the server's certificate and its name are verified.

use rustls::CertificateError;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::runtime::trust::{Trust, client_config};

/// The ALPN name of PostgreSQL's protocol. Servers check it from version 17.
const PROTOCOL: &[u8] = b"postgresql";

/// A TLS connector that trusts these CAs. `setting` is where the user names them, for messages.
pub(super) fn connector(trust: Trust<'_>, setting: &str) -> Result<MakeRustlsConnect, String> {
    let mut config = client_config(trust, "the database", setting)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

/// Explains a TLS error, with the remedy. `None` if the error is not about TLS.
pub(super) fn why(
    error: Option<&(dyn std::error::Error + 'static)>,
    trusted: &str,
    setting: &str,
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
        format!("was not issued by a CA that {trusted} trusts; name its CA with {setting}")
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
