//! The proxies of the environment (`HTTPS_PROXY` and the like), and what the address guard can do in front of them.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use url::{Host, Url};

use super::guard;
use crate::model::error::Error;

/// The variables that name a proxy, as curl and `reqwest` read them. `HTTP_PROXY` in capitals is one of them, since no
/// program of ours is a CGI script.
const VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The names of the proxies: the only hosts that may have any address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies(Arc<[String]>);

impl Proxies {
    /// Those of the environment, if there are any. No function has such variables: its environment is the template's.
    pub fn from_env() -> Option<Self> {
        Self::of(VARIABLES.iter().filter_map(|name| std::env::var(name).ok()))
    }

    fn of(values: impl Iterator<Item = String>) -> Option<Self> {
        let set = values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let host = |value: String| {
            let url = if value.contains("://") { value } else { format!("http://{value}") };
            Url::parse(&url).ok()?.host_str().map(str::to_owned)
        };
        let hosts: Vec<String> = set.map(|value| host(value).unwrap_or_default()).collect();
        (!hosts.is_empty()).then(|| Self(hosts.into()))
    }

    /// Whether this is the name of a proxy.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    /// Checks the name in a URL before a proxy gets it: a name that this machine resolves to addresses which are not
    /// permitted is refused. A name that only the proxy can resolve passes, and so does one that the proxy resolves otherwise:
    /// what the proxy may reach is up to the proxy.
    ///
    /// # Errors
    /// `address_refused`.
    pub async fn check(&self, url: &Url, allow: &[SocketAddr]) -> Result<(), Error> {
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let (host, port) = (name.to_owned(), guard::port(url));
        let resolving = tokio::task::spawn_blocking(move || (host.as_str(), port).to_socket_addrs());
        let Ok(Ok(found)) = resolving.await else { return Ok(()) };
        let found: Vec<_> = found.map(|address| address.ip()).collect();
        if found.is_empty() {
            return Ok(());
        }
        guard::resolved(name, port, found, allow).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_of_proxies_are_found_in_every_form() {
        let of = |values: &[&str]| Proxies::of(values.iter().map(|value| (*value).to_owned()));
        assert_eq!((of(&[]), of(&["", " "])), (None, None));
        for form in ["http://me:pw@proxy.corp:3128/", "https://proxy.corp", "proxy.corp:3128", " PROXY.corp "] {
            assert!(of(&[form]).is_some_and(|proxies| proxies.has("Proxy.Corp") && !proxies.has("corp")), "{form}");
        }
    }

    #[tokio::test]
    async fn a_local_name_is_not_handed_to_a_proxy() {
        let proxies = Proxies::of(["http://localhost:3128".to_owned()].into_iter()).expect("a proxy");
        let check = async |url: &str, allow: &[SocketAddr]| {
            proxies.check(&Url::parse(url).expect("a URL"), allow).await.map_err(|error| error.code.to_string())
        };
        assert_eq!(check("http://localhost:8080/", &[]).await, Err("address_refused".into()));
        let allow = ["127.0.0.1:8080", "[::1]:8080"].map(|address| address.parse().expect("an address"));
        assert_eq!(check("http://localhost:8080/", &allow).await, Ok(()));
        assert_eq!(check("https://no-such-name.invalid/", &[]).await, Ok(()), "the proxy may know it");
    }
}
