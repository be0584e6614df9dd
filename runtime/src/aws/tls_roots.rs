//! The trusted root certificates: Amazon's own, a bundle from the environment, or the system's in some regions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::model::error::{Error, ErrorCode};

/// The roots of the public AWS endpoints. Loading all of the system's instead would more than double the cold start
/// (measured: 9.7 ms instead of 4.1 ms, and far more with the CPU share of a small function).
const AMAZON_ROOTS: &[u8] = include_bytes!("../../data/amazon-roots.pem");

/// Prefixes of regions whose endpoints may have other roots: China, and isolated regions.
const OTHER_ROOTS: [&str; 3] = ["cn-", "us-iso", "eu-isoe"];

/// The system's certificates on Amazon Linux and on Debian.
const SYSTEM_BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// Variables with the path of a certificate bundle, in order of precedence.
const BUNDLE_VARIABLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// The variable with the path of a folder of certificates.
const FOLDER_VARIABLE: &str = "SSL_CERT_DIR";

/// The root certificates for the endpoints of a region.
///
/// # Errors
/// `trust_unreadable` if the configured or the system's certificates cannot be read.
pub fn roots(variables: &BTreeMap<String, String>, region: &str) -> Result<RootCertStore, Error> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if let Some((name, path)) =
        BUNDLE_VARIABLES.iter().chain([&FOLDER_VARIABLE]).find_map(|name| Some((name, set(name)?)))
    {
        return load(Path::new(path)).map_err(|error| {
            let message = format!("`{name}`: cannot load certificates from `{path}`: {error}");
            Error::permanent(ErrorCode::TrustUnreadable, message)
        });
    }
    if OTHER_ROOTS.iter().any(|start| region.starts_with(start)) {
        let system = SYSTEM_BUNDLES.iter().find_map(|path| load(Path::new(path)).ok());
        return system.ok_or_else(|| {
            let message = format!(
                "the region `{region}` needs the system's certificates, but there are none: set `AWS_CA_BUNDLE`"
            );
            Error::permanent(ErrorCode::TrustUnreadable, message)
        });
    }
    Ok(parse(AMAZON_ROOTS))
}

/// Loads the certificates of a file, or of all files of a folder.
fn load(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| error.to_string())?.flatten() {
            roots.extend(fs::read(entry.path()).map(|file| parse(&file).roots).unwrap_or_default());
        }
    } else {
        roots = parse(&fs::read(path).map_err(|error| error.to_string())?);
    }
    if roots.is_empty() { Err("no valid certificate".into()) } else { Ok(roots) }
}

/// Parses PEM certificates. Invalid ones are skipped, as in the system's store.
fn parse(text: &[u8]) -> RootCertStore {
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
    fn by_default_only_amazons_roots_are_trusted() {
        let amazon_roots =
            CertificateDer::pem_slice_iter(AMAZON_ROOTS).map(|certificate| certificate.expect("a certificate"));
        assert_eq!((amazon_roots.count(), count(&[], "eu-central-1")), (5, Ok(5)));
    }

    #[test]
    fn in_regions_with_other_roots_the_systems_are_trusted() {
        if !SYSTEM_BUNDLES.iter().any(|path| Path::new(path).exists()) {
            // Written directly to stderr, past the capture of the test runner.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: the system has no certificates\n");
            return;
        }
        for region in ["cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"] {
            assert!(count(&[], region).expect("roots") > 50, "{region}");
        }
    }

    #[test]
    fn a_bundle_replaces_the_roots_and_an_empty_one_is_an_error() {
        let folder = std::env::temp_dir().join(format!("fanggen-trust-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = |name: &str, text: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let invalid = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let first = AMAZON_ROOTS.split_inclusive(|byte| *byte == b'\n').scan(false, |ended, line| {
            let take = !*ended;
            *ended |= line.starts_with(b"-----END");
            take.then_some(line)
        });
        let first: Vec<u8> = first.flatten().copied().collect();
        let (good, bad) = (path("good.pem", &[invalid, first.as_slice()].concat()), path("bad.pem", invalid));
        assert_eq!(count(&[("SSL_CERT_FILE", &bad), ("AWS_CA_BUNDLE", &good)], "us-east-1"), Ok(1));
        assert_eq!(count(&[("SSL_CERT_DIR", &folder.display().to_string())], "us-east-1"), Ok(1));
        let error = count(&[("SSL_CERT_FILE", &bad)], "us-east-1").expect_err("no certificate");
        assert_eq!(error.code, ErrorCode::TrustUnreadable);
        assert_eq!(
            error.message,
            format!("`SSL_CERT_FILE`: cannot load certificates from `{bad}`: no valid certificate")
        );
        fs::remove_dir_all(folder).expect("removed");
    }
}
