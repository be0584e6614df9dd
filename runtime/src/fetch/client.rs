//! The HTTP client: its certificates, its resolver that lets only checked addresses through, and what went wrong.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderValue;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::guard;
use crate::model::error::Error;

/// How long finding a name, connecting and shaking hands may take together.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection that nobody used for so long is not used again: a Lambda may have slept meanwhile.
const IDLE: Duration = Duration::from_secs(20);

/// A client for a port, which admits these closed addresses there.
pub fn build(agent: HeaderValue, port: u16, allow: Vec<SocketAddr>) -> Result<Client, Error> {
    Client::builder()
        .tls_backend_preconfigured(tls()?)
        .user_agent(agent)
        .dns_resolver(Checked { port: (!allow.is_empty()).then_some(port), allow: allow.into() })
        // A proxy would resolve names and connect in our place, unguarded.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .build()
        .map_err(|error| Error::permanent("tls_failed", format!("the HTTP client cannot be built: {error}")))
}

/// Mozilla's roots with ring, made once for the process, when something is fetched for the first time.
fn tls() -> Result<ClientConfig, Error> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::permanent("tls_failed", format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| config).clone())
}

/// Resolves names by the system, and gives the connector only addresses that were checked: what is checked is what
/// is connected to, however often the name changes.
struct Checked {
    // Zero stands for the port of the request, which the connector fills in.
    port: Option<u16>,
    allow: Arc<[SocketAddr]>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (port, allow) = (self.port.unwrap_or_default(), Arc::clone(&self.allow));
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || (host.as_str(), port).to_socket_addrs()).await??;
            let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            let open = guard::resolved(name.as_str(), port, found, &allow)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// What kept a request from being answered, in our words.
pub fn wrong(url: &Url, error: &reqwest::Error) -> Error {
    let origin = guard::origin(url);
    let mut innermost: &(dyn StdError + 'static) = error;
    while let Some(next) = inner(innermost) {
        innermost = next;
        // The guard's own refusal, on its way through the connector.
        if let Some(refused) = innermost.downcast_ref::<Error>() {
            return refused.clone();
        }
        if let Some(tls) = innermost.downcast_ref::<rustls::Error>() {
            let code = "tls_failed";
            let words = format!("no safe connection to `{origin}`: {tls}");
            // A wrong certificate stays wrong; a broken handshake may have been a broken line.
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::permanent(code, words),
                _ => Error::transient(code, words),
            };
        }
    }
    if error.is_timeout() {
        return Error::transient("timed_out", format!("`{origin}` did not answer within {CONNECT:?}"));
    }
    Error::transient("unreachable", format!("`{origin}` cannot be reached: {innermost}"))
}

/// The cause of an error; an I/O error hides the one that it wraps from `source`.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
