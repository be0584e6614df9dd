//! The HTTP client: its certificates, its resolver that returns only permitted addresses, and its errors.

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
use super::proxies::Proxies;
use crate::model::error::{Error, ErrorCode};

/// Timeout for DNS, TCP connect and the TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was idle for longer is not reused: a Lambda may have been frozen in the meantime.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// A client for one port that may also reach the non-public addresses in `allow`, through the proxies of the environment if
/// there are any.
pub fn build(
    user_agent: HeaderValue,
    port: u16,
    allow: Vec<SocketAddr>,
    proxies: Option<Proxies>,
) -> Result<Client, Error> {
    let client = Client::builder();
    // With proxies, the client reads the variables itself, `NO_PROXY` too.
    let client = if proxies.is_some() { client } else { client.no_proxy() };
    client
        .tls_backend_preconfigured(tls_config()?)
        .user_agent(user_agent)
        .dns_resolver(GuardedResolver { port: (!allow.is_empty()).then_some(port), allow: allow.into(), proxies })
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|error| Error::permanent(ErrorCode::TlsFailed, format!("cannot build the HTTP client: {error}")))
}

/// Mozilla's root certificates with ring, built once per process at the first fetch.
fn tls_config() -> Result<ClientConfig, Error> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::permanent(ErrorCode::TlsFailed, format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| config).clone())
}

/// Resolves names with the system resolver and returns only permitted addresses. Since the connector uses these very
/// addresses, a name that changes between check and connect (DNS rebinding) gains nothing.
struct GuardedResolver {
    // None: the port of the request, which the connector fills in.
    port: Option<u16>,
    allow: Arc<[SocketAddr]>,
    /// The proxies, which may be in a private network. A URL with the name of one was checked before.
    proxies: Option<Proxies>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (port, allow) = (self.port.unwrap_or_default(), Arc::clone(&self.allow));
        let is_proxy = self.proxies.as_ref().is_some_and(|proxies| proxies.has(name.as_str()));
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || (host.as_str(), port).to_socket_addrs()).await??;
            let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            if is_proxy {
                return Ok(Box::new(found.into_iter().map(move |address| SocketAddr::new(address, port))) as Addrs);
            }
            let permitted = guard::resolved(name.as_str(), port, found, &allow)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The error of a request that got no response.
pub fn request_error(url: &Url, error: &reqwest::Error) -> Error {
    let origin = guard::origin(url);
    let mut innermost: &(dyn StdError + 'static) = error;
    while let Some(next) = source(innermost) {
        innermost = next;
        // The guard's own error, passed through the connector.
        if let Some(refused) = innermost.downcast_ref::<Error>() {
            return refused.clone();
        }
        if let Some(tls) = innermost.downcast_ref::<rustls::Error>() {
            let code = ErrorCode::TlsFailed;
            let message = format!("cannot connect to `{origin}` with TLS: {tls}");
            // An invalid certificate stays invalid; a failed handshake may be a network problem.
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::permanent(code, message),
                _ => Error::transient(code, message),
            };
        }
    }
    if error.is_timeout() {
        return Error::transient(ErrorCode::TimedOut, format!("`{origin}` did not answer within {CONNECT_TIMEOUT:?}"));
    }
    Error::transient(ErrorCode::Unreachable, format!("cannot reach `{origin}`: {innermost}"))
}

/// The source of an error. An I/O error does not return the error that it wraps from its own `source`.
fn source<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
