//! Reads a certificate and its key from PEM files. Each error is one sentence with the way out.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::Files;

/// Largest file that is read, in bytes. Chains of certificates have a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The permission of users who are neither the owner nor in the group to read a file.
const OTHERS_READ: u32 = 0o004;

/// A hash sum of the contents of both files.
pub(super) type Fingerprint = [u8; 32];

/// A certificate that was read, with its key.
pub(super) struct Loaded {
    pub(super) certified: CertifiedKey,
    /// When it begins and ends to be valid, in seconds since 1970.
    begins_at_s: i64,
    pub(super) ends_at_s: i64,
    /// The file, for messages.
    file: String,
}

impl Loaded {
    /// Why it is not valid now.
    pub(super) fn fault_at(&self, now_s: i64) -> Option<String> {
        let Self { file, .. } = self;
        if self.ends_at_s < now_s {
            let at = written(self.ends_at_s);
            return Some(format!(
                "the certificate in {file} expired at {at}; renew it"
            ));
        }
        let at = written(self.begins_at_s);
        (self.begins_at_s > now_s).then(|| {
            format!("the certificate in {file} is not valid before {at}; check the clock of this machine")
        })
    }
}

fn written(at_s: i64) -> String {
    Timestamp::from_second(at_s).map_or_else(|_| at_s.to_string(), |at| at.to_string())
}

/// Reads both files, and checks that they belong together.
pub(super) fn load(files: &Files) -> Result<Loaded, String> {
    let chain = chain(&files.certificate)?;
    let key = key(&files.key)?;
    let certificate = files.certificate.display().to_string();
    let first = chain.first().and_then(|first| validity(first));
    let Some((begins_at_s, ends_at_s)) = first else {
        return Err(format!(
            "the certificate in {certificate} is damaged; get it again from its CA"
        ));
    };
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider);
    let certified = certified.map_err(|error| {
        let key = files.key.display();
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            return format!(
                "the key in {key} does not belong to the first certificate in {certificate}; --tls-cert names a file that begins \
                 with the server's own certificate, and --tls-key its key"
            );
        }
        if matches!(error, rustls::Error::InvalidCertificate(_)) {
            return format!(
                "the first certificate in {certificate} cannot be used ({error}); it must be an X.509 certificate of version 3"
            );
        }
        format!("the key in {key} cannot be used ({error}); use an RSA key from 2,048 bits, P-256, P-384 or Ed25519")
    })?;
    Ok(Loaded {
        certified,
        begins_at_s,
        ends_at_s,
        file: certificate,
    })
}

/// When a certificate begins and ends to be valid, in seconds since 1970. `None` if it cannot be read.
pub(super) fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let certificate = Certificate::from_der(der).ok()?;
    let validity = &certificate.tbs_certificate.validity;
    let seconds = |time: &x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
    };
    Some((seconds(&validity.not_before), seconds(&validity.not_after)))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(file, "certificate", "--tls-cert")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let file = file.display();
    let chain =
        chain.map_err(|error| format!("the certificate file {file} is damaged: {error}"))?;
    if chain.is_empty() {
        return Err(format!(
            "{file} has no certificate (BEGIN CERTIFICATE); --tls-cert names the PEM file with the certificate"
        ));
    }
    Ok(chain)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(file, "key", "--tls-key")?;
    let shown = file.display();
    // The older form says it in a header field, the newer one in its first line.
    let is_encrypted = memchr::memmem::find(&pem, b"ENCRYPTED").is_some();
    if is_encrypted {
        return Err(format!(
            "the key in {shown} is encrypted, and the server cannot ask for its password; decrypt it with openssl pkey -in \
             {shown} -out FILE, and let only the server's user read FILE"
        ));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        if matches!(error, PemError::NoItemsFound) {
            format!("{shown} has no private key (BEGIN PRIVATE KEY); --tls-key names the PEM file with the key")
        } else {
            format!("the key file {shown} is damaged: {error}")
        }
    })
}

fn read(file: &Path, what: &str, setting: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| {
        let shown = file.display();
        format!("cannot read the {what} file {shown}: {error}; {setting} names a PEM file that the server's user can read")
    })?;
    Ok(bytes)
}

/// The hash sum of the contents of both files. A file that cannot be read counts as its error.
pub(super) fn fingerprint(files: &Files) -> Fingerprint {
    let mut sum = Sha256::new();
    for file in [&files.certificate, &files.key] {
        match read(file, "", "") {
            Ok(bytes) => sum.update(Sha256::digest(bytes)),
            Err(error) => sum.update(error),
        }
    }
    sum.finalize().into()
}

/// Warns if every user of this machine can read the key.
pub(super) fn warn_of_open_key(file: &Path) {
    let is_open = file
        .metadata()
        .is_ok_and(|metadata| metadata.mode() & OTHERS_READ != 0);
    if is_open {
        let file = file.display();
        tracing::warn!(
            "Every user of this machine can read the private key {file}. Change that with chmod 640 {file}."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_and_no_certificate_is_named_with_the_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("some.pem");
        let missing = key(&file).unwrap_err();
        assert!(
            missing.contains("cannot read the key file") && missing.contains("--tls-key"),
            "{missing}"
        );
        for (pem, said) in [
            ("", "has no private key"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "openssl pkey",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
                "openssl pkey",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----\n",
                "is damaged",
            ),
        ] {
            std::fs::write(&file, pem).unwrap();
            let error = key(&file).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        std::fs::write(
            &file,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        let error = chain(&file).unwrap_err();
        assert!(error.contains("has no certificate"), "{error}");
    }
}
