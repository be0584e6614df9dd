//! Whom the Lambda trusts: Amazon's own roots, unless it runs where others sign or somebody names a bundle.

use std::collections::BTreeMap;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::Error;

/// The roots that sign the public endpoints of AWS. To load all that the system has takes more than half of a Lambda's
/// start (measured: 9.7 against 4.1 ms, and far more on the CPU share of a small one).
const AMAZON: &[u8] = include_bytes!("../../data/amazon-roots.pem");

/// The beginnings of regions whose endpoints others may sign: China, and those apart from the public network.
const ELSEWHERE: [&str; 3] = ["cn-", "us-iso", "eu-isoe"];

/// The variables that name a file of certificates, the first one first.
const BUNDLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// The certificates that endpoints of this region are trusted by.
///
/// # Errors
/// `trust_unreadable` where a file that a variable names holds no certificate.
pub fn store(variables: &BTreeMap<String, String>, region: &str) -> Result<RootCertStore, Error> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if let Some((name, path)) = BUNDLES.iter().find_map(|name| Some((name, set(name)?))) {
        return bundle(path).map_err(|words| {
            Error::permanent("trust_unreadable", format!("`{name}` names `{path}` for certificates: {words}"))
        });
    }
    // Where others sign, the system knows them.
    if ELSEWHERE.iter().any(|start| region.starts_with(start)) {
        let system = SYSTEM.iter().find_map(|path| bundle(path).ok());
        let absent = || Error::permanent("trust_unreadable", "the system has no certificates: set `AWS_CA_BUNDLE`");
        return system.ok_or_else(absent);
    }
    Ok(read(AMAZON))
}

/// Where systems keep their certificates: Amazon Linux, and Debian.
const SYSTEM: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// The certificates of a text; those that nobody understands are left out.
fn read(text: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text).flatten());
    roots
}

fn bundle(path: &str) -> Result<RootCertStore, String> {
    let roots = read(&std::fs::read(path).map_err(|error| error.to_string())?);
    if roots.is_empty() { Err("there is none in it".into()) } else { Ok(roots) }
}
