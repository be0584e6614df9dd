//! Whom the Lambda trusts: Amazon's own roots, unless it runs where others sign or somebody names a bundle.

use std::collections::BTreeMap;

use aws_smithy_http_client::tls::TrustStore;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
pub fn store(variables: &BTreeMap<String, String>, region: &str) -> Result<TrustStore, Error> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if let Some((name, path)) = BUNDLES.iter().find_map(|name| Some((name, set(name)?))) {
        return bundle(path).map_err(|words| {
            Error::permanent("trust_unreadable", format!("`{name}` names `{path}` for certificates: {words}"))
        });
    }
    if set("SSL_CERT_DIR").is_some() || ELSEWHERE.iter().any(|start| region.starts_with(start)) {
        return Ok(TrustStore::default());
    }
    Ok(TrustStore::empty().with_pem_certificate(AMAZON))
}

/// The certificates of a file. Those that nobody understands are left out, as the system's own store does it: the SDK
/// would panic over one.
fn bundle(path: &str) -> Result<TrustStore, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    let mut store = TrustStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file).flatten() {
        let text = STANDARD.encode(&certificate);
        if roots.add(certificate).is_ok() {
            store.add_pem_certificate(format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
        }
    }
    if roots.is_empty() { Err("there is none in it".into()) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debug(variables: &[(&str, &str)], region: &str) -> Result<String, Error> {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        store(&owned, region).map(|store| format!("{store:?}"))
    }

    #[test]
    fn amazons_roots_are_all_there_and_trusted_alone() {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(AMAZON) {
            roots.add(certificate.expect("a certificate")).expect("a root");
        }
        assert_eq!(roots.len(), 5);
        assert!(debug(&[], "eu-central-1").expect("roots").contains("enable_native_roots: false"));
    }

    #[test]
    fn where_others_sign_the_systems_roots_are_trusted() {
        for region in ["cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"] {
            assert!(debug(&[], region).expect("roots").contains("enable_native_roots: true"), "{region}");
        }
        assert!(debug(&[("SSL_CERT_DIR", "/x")], "us-east-1").expect("roots").contains("enable_native_roots: true"));
    }

    #[test]
    fn a_bundle_is_trusted_alone_and_one_without_certificates_is_an_error() {
        let folder = std::env::temp_dir().join(format!("fanggen-trust-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = |name: &str, text: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let odd = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let good = path("good.pem", &[odd, AMAZON].concat());
        let bad = path("bad.pem", odd);
        let said = debug(&[("SSL_CERT_FILE", &bad), ("AWS_CA_BUNDLE", &good)], "us-east-1").expect("a bundle");
        assert_eq!((said.matches("CertificatePEM").count(), said.contains("roots: false")), (5, true), "{said}");
        let error = debug(&[("SSL_CERT_FILE", &bad)], "us-east-1").expect_err("no certificate");
        assert_eq!(error.code, "trust_unreadable");
        assert_eq!(error.message, format!("`SSL_CERT_FILE` names `{bad}` for certificates: there is none in it"));
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
