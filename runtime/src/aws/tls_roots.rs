//! Whom the Lambda trusts: Amazon's own roots, unless it runs where others sign or somebody names a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::model::error::{Error, ErrorCode};

/// The roots that sign the public endpoints of AWS. To load all that the system has takes more than half of a Lambda's
/// start (measured: 9.7 against 4.1 ms, and far more on the CPU share of a small one).
const AMAZON: &[u8] = include_bytes!("../../data/amazon-roots.pem");

/// The beginnings of regions whose endpoints others may sign: China, and those apart from the public network.
const ELSEWHERE: [&str; 3] = ["cn-", "us-iso", "eu-isoe"];

/// Where systems keep their certificates: Amazon Linux, and Debian.
const SYSTEM: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// The variables that name a file of certificates, the first one first.
const BUNDLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// The variable that names a folder of them.
const FOLDER: &str = "SSL_CERT_DIR";

/// The certificates that endpoints of this region are trusted by.
///
/// # Errors
/// `trust_unreadable` where what a variable names, or the system has, holds no certificate.
pub fn roots(variables: &BTreeMap<String, String>, region: &str) -> Result<RootCertStore, Error> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if let Some((name, path)) = BUNDLES.iter().chain([&FOLDER]).find_map(|name| Some((name, set(name)?))) {
        return all(Path::new(path)).map_err(|words| {
            Error::permanent(ErrorCode::TrustUnreadable, format!("`{name}` names `{path}` for certificates: {words}"))
        });
    }
    if ELSEWHERE.iter().any(|start| region.starts_with(start)) {
        let system = SYSTEM.iter().find_map(|path| all(Path::new(path)).ok());
        return system.ok_or_else(|| {
            let words = format!("`{region}` needs the system's certificates, and there are none: set `AWS_CA_BUNDLE`");
            Error::permanent(ErrorCode::TrustUnreadable, words)
        });
    }
    Ok(read(AMAZON))
}

/// The certificates of a file, or of all files of a folder.
fn all(path: &Path) -> Result<RootCertStore, String> {
    let words = |error: std::io::Error| error.to_string();
    let mut roots = RootCertStore::empty();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(words)?.flatten() {
            roots.extend(fs::read(entry.path()).map(|file| read(&file).roots).unwrap_or_default());
        }
    } else {
        roots = read(&fs::read(path).map_err(words)?);
    }
    if roots.is_empty() { Err("there is none in it".into()) } else { Ok(roots) }
}

/// The certificates of a text. Those that nobody understands are left out, as the system's own store does it.
fn read(text: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text).flatten());
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(variables: &[(&str, &str)], region: &str) -> Result<usize, Error> {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        roots(&owned, region).map(|roots| roots.len())
    }

    #[test]
    fn amazons_roots_are_all_there_and_trusted_alone() {
        let total_counts =
            CertificateDer::pem_slice_iter(AMAZON).map(|certificate| certificate.expect("a certificate"));
        assert_eq!((total_counts.count(), count(&[], "eu-central-1")), (5, Ok(5)));
    }

    #[test]
    fn where_others_sign_the_systems_roots_are_trusted() {
        if !SYSTEM.iter().any(|path| Path::new(path).exists()) {
            // Past the capture of the test runner, so that it is seen.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: the system has no certificates\n");
            return;
        }
        for region in ["cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"] {
            assert!(count(&[], region).expect("roots") > 50, "{region}");
        }
    }

    #[test]
    fn a_bundle_is_trusted_alone_and_one_without_certificates_is_an_error() {
        let folder = std::env::temp_dir().join(format!("fanggen-trust-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = |name: &str, text: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let odd = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let one = AMAZON.split_inclusive(|byte| *byte == b'\n').scan(false, |over, line| {
            let now = *over;
            *over |= line.starts_with(b"-----END");
            (!now).then_some(line)
        });
        let one: Vec<u8> = one.flatten().copied().collect();
        let (good, bad) = (path("good.pem", &[odd, one.as_slice()].concat()), path("bad.pem", odd));
        assert_eq!(count(&[("SSL_CERT_FILE", &bad), ("AWS_CA_BUNDLE", &good)], "us-east-1"), Ok(1));
        assert_eq!(count(&[("SSL_CERT_DIR", &folder.display().to_string())], "us-east-1"), Ok(1));
        let error = count(&[("SSL_CERT_FILE", &bad)], "us-east-1").expect_err("no certificate");
        assert_eq!(error.code, ErrorCode::TrustUnreadable);
        assert_eq!(error.message, format!("`SSL_CERT_FILE` names `{bad}` for certificates: there is none in it"));
        fs::remove_dir_all(folder).expect("removed");
    }
}
