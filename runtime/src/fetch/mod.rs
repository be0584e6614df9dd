//! HTTP requests with limits: which addresses, how many bytes, how long, how often.

mod body;
mod client;
mod guard;
mod proxies;
mod rate_limiter;
mod retrying;
mod user_agent;
pub mod webhook;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, header};
use url::{Host, Url};

use crate::component::services::Network;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry;
use crate::model::values::HostPort;

use proxies::Proxies;
pub use rate_limiter::RateLimiter;
pub use retrying::RetryingFetcher;
pub use user_agent::user_agent;

/// The failures of a request that gets no response, or one that cannot be used.
pub const REQUEST_FAILURES: &[ErrorCode] = &[
    ErrorCode::AddressRefused,
    ErrorCode::AnswerUnreadable,
    ErrorCode::RedirectRefused,
    ErrorCode::TimedOut,
    ErrorCode::TlsFailed,
    ErrorCode::TooLarge,
    ErrorCode::TooManyRedirects,
    ErrorCode::Unreachable,
    ErrorCode::UrlUnreadable,
];

/// The failures of a request whose response has a status other than success.
pub const STATUS_FAILURES: &[ErrorCode] =
    &[ErrorCode::AccessRefused, ErrorCode::PageMissing, ErrorCode::RateLimited, ErrorCode::Unavailable];

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Maximum size of the body in bytes, compressed and decompressed.
    pub bytes: usize,
    /// Timeout for the whole request, redirects and body included.
    pub time: Duration,
    /// Maximum number of redirects.
    pub redirects: usize,
}

impl Default for FetchLimits {
    /// 4 MiB, 15 s, 5 redirects: many times what a page of text needs, and a fraction of a function's memory and timeout.
    fn default() -> Self {
        Self { bytes: 4 * 1024 * 1024, time: Duration::from_secs(15), redirects: 5 }
    }
}

/// A response, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// The HTTP status.
    pub status: u16,
    /// The wait that `Retry-After` asks for, counted from the response.
    pub retry_after: Option<Duration>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Content-Language` header.
    pub content_language: Option<String>,
    /// The decompressed body.
    pub body: Vec<u8>,
    /// The URL of the response, after redirects.
    pub url: String,
}

/// Fetches from the public internet, and from non-public addresses only if they are allowed by address and port.
///
/// Creating it is cheap: certificates and connections are set up at the first fetch.
pub struct Fetcher {
    user_agent: HeaderValue,
    allow: Vec<SocketAddr>,
    // A resolver sees names but not ports. So each allowed port has its own client, whose resolver knows the port; all
    // other ports share one that permits public addresses only.
    clients: Mutex<HashMap<Option<u16>, Client>>,
    proxies: Option<Proxies>,
    /// What answers in place of the network.
    network: Option<Arc<dyn Network>>,
}

/// What kind of non-public address the host of a URL is, if its settings allow no request to it: `localhost`, or an address
/// that is written out. Other names are checked when they are resolved.
#[must_use]
pub fn refused_host(url: &str, allow: &[HostPort]) -> Option<&'static str> {
    let url = Url::parse(url).ok()?;
    let allow: Vec<SocketAddr> = allow.iter().filter_map(|text| text.as_str().parse().ok()).collect();
    let port = guard::port(&url);
    match url.host()? {
        Host::Ipv4(address) => guard::non_public(address.into()).filter(|_| !allow.contains(&(address, port).into())),
        Host::Ipv6(address) => guard::non_public(address.into()).filter(|_| !allow.contains(&(address, port).into())),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let local = name == "localhost" || name.ends_with(".localhost");
            let allowed = allow.iter().any(|target| target.port() == port && target.ip().is_loopback());
            (local && !allowed).then_some("a loopback address")
        }
    }
}

impl Fetcher {
    /// A fetcher with this `User-Agent` that may also reach the non-public addresses in `allow`.
    ///
    /// # Errors
    /// `settings_unreadable` if the `User-Agent` is not visible ASCII or an address is invalid.
    pub fn new(user_agent: &str, allow: &[HostPort]) -> Result<Self, Error> {
        let unreadable =
            |what: &str| Error::permanent(ErrorCode::SettingsUnreadable, format!("invalid value `{what}`"));
        Ok(Self {
            user_agent: HeaderValue::from_str(user_agent).map_err(|_| unreadable(user_agent))?,
            allow: allow
                .iter()
                .map(|text| text.as_str().parse().map_err(|_| unreadable(text.as_str())))
                .collect::<Result<_, _>>()?,
            clients: Mutex::default(),
            proxies: Proxies::from_env(),
            network: None,
        })
    }

    /// This fetcher, with what answers in place of the network, if anything does.
    #[must_use]
    pub fn on(self, network: Option<Arc<dyn Network>>) -> Self {
        Self { network, ..self }
    }

    /// Fetches a URL, following redirects within the limits.
    ///
    /// # Errors
    /// `url_unreadable`, `address_refused`, `redirect_refused`, `too_many_redirects`, `too_large`, `tls_failed` and
    /// `answer_unreadable` are permanent if a retry would fail the same way; `timed_out` and `unreachable` are transient. A
    /// status such as 404 is a response, not an error.
    pub async fn get(&self, url: &str, limits: FetchLimits) -> Result<FetchResponse, Error> {
        let url = guard::parse(url)?;
        let first = guard::origin(&url);
        if let Some(network) = &self.network {
            return self.ask(network.as_ref(), &url, limits).await;
        }
        tokio::time::timeout(limits.time, self.follow(url, limits))
            .await
            .unwrap_or_else(|_| Err(timed_out(&first, limits.time)))
    }

    /// Posts a body to a URL, without following redirects: a request that is signed for one URL must not go to another.
    ///
    /// # Errors
    /// Those of [`Self::get`]; `redirect_refused` if the response is a redirect.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        limits: FetchLimits,
    ) -> Result<FetchResponse, Error> {
        let url = guard::parse(url)?;
        let origin = guard::origin(&url);
        if let Some(network) = &self.network {
            return self.ask(network.as_ref(), &url, limits).await;
        }
        let posting = async {
            self.check(&url).await?;
            let mut request = self.client(guard::port(&url))?.post(url.clone()).header(ACCEPT_ENCODING, "gzip");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let response = request.body(body).send().await.map_err(|error| client::request_error(&url, &error))?;
            let status = response.status().as_u16();
            if (300..400).contains(&status) {
                let message =
                    format!("`{origin}` redirects the POST (HTTP {status}): use the URL that it redirects to");
                return Err(Error::permanent(ErrorCode::RedirectRefused, message));
            }
            read_response(url.clone(), response, limits.bytes).await
        };
        tokio::time::timeout(limits.time, posting).await.unwrap_or_else(|_| Err(timed_out(&origin, limits.time)))
    }

    /// Sends a request to what answers in place of the network, within the same limits.
    async fn ask(&self, network: &dyn Network, url: &Url, limits: FetchLimits) -> Result<FetchResponse, Error> {
        guard::check_literal(url, &self.allow)?;
        let response = tokio::time::timeout(limits.time, network.respond(url.as_str())).await;
        let response = response.unwrap_or_else(|_| Err(timed_out(&guard::origin(url), limits.time)))?;
        Ok(FetchResponse {
            status: response.status,
            retry_after: response.retry_after,
            content_type: None,
            content_language: None,
            body: Vec::new(),
            url: url.to_string(),
        })
    }

    async fn follow(&self, mut url: Url, limits: FetchLimits) -> Result<FetchResponse, Error> {
        for _ in 0..=limits.redirects {
            self.check(&url).await?;
            let request = self.client(guard::port(&url))?.get(url.clone()).header(ACCEPT_ENCODING, "gzip");
            let response = request.send().await.map_err(|error| client::request_error(&url, &error))?;
            match redirect_target(&url, response.status().as_u16(), response.headers())? {
                Some(next) => url = next,
                None => return read_response(url, response, limits.bytes).await,
            }
        }
        Err(Error::permanent(
            ErrorCode::TooManyRedirects,
            format!("`{}` redirects more than {} times", guard::origin(&url), limits.redirects),
        ))
    }

    /// Checks a host before a request. Without proxies, names are checked when they are resolved.
    async fn check(&self, url: &Url) -> Result<(), Error> {
        guard::check_literal(url, &self.allow)?;
        match &self.proxies {
            Some(proxies) => proxies.check(url, &self.allow).await,
            None => Ok(()),
        }
    }

    fn client(&self, port: u16) -> Result<Client, Error> {
        let allow: Vec<_> = self.allow.iter().filter(|allowed| allowed.port() == port).copied().collect();
        let key = (!allow.is_empty()).then_some(port);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = client::build(self.user_agent.clone(), port, allow, self.proxies.clone())?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// The failure of a server that did not answer in time. At the end of a chunk, there may be no time at all.
fn timed_out(origin: &str, time: Duration) -> Error {
    let message = if time < Duration::from_millis(100) {
        format!("no time was left in this chunk to request `{origin}`")
    } else {
        format!("`{origin}` did not answer within {time:.1?}")
    };
    Error::transient(ErrorCode::TimedOut, message)
}

/// The URL that a response redirects to, if it is a redirect.
fn redirect_target(from: &Url, status: u16, headers: &HeaderMap) -> Result<Option<Url>, Error> {
    let Some(location) = headers.get(header::LOCATION).filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
        return Ok(None);
    };
    let unreadable =
        || Error::permanent(ErrorCode::UrlUnreadable, format!("`{}` redirects to an invalid URL", guard::origin(from)));
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| unreadable())?;
    let next = from.join(location).map_err(|_| unreadable())?;
    guard::check(&next)?;
    if from.scheme() == "https" && next.scheme() == "http" {
        return Err(Error::permanent(
            ErrorCode::RedirectRefused,
            format!("`{}` redirects to `{}`, which is not encrypted", guard::origin(from), guard::origin(&next)),
        ));
    }
    Ok(Some(next))
}

async fn read_response(url: Url, response: Response, max_bytes: usize) -> Result<FetchResponse, Error> {
    let header = |name: &HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(|text| text.trim().to_owned())
    };
    Ok(FetchResponse {
        status: response.status().as_u16(),
        retry_after: header(&header::RETRY_AFTER).and_then(|text| retry::retry_after(&text, jiff::Timestamp::now())),
        content_type: header(&header::CONTENT_TYPE),
        content_language: header(&header::CONTENT_LANGUAGE),
        body: body::read(&url, header(&header::CONTENT_ENCODING), response, max_bytes).await?,
        url: url.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::services::NetworkResponse;

    fn target(from: &str, status: u16, to: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(to).expect("a header"));
        redirect_target(&Url::parse(from).expect("a URL"), status, &headers)
            .map(|next| next.map(Into::into))
            .map_err(|error| error.code.to_string())
    }

    #[test]
    fn a_redirect_may_not_leave_http_or_drop_encryption() {
        assert_eq!(target("https://a.example/x/y", 301, "../z?q#f"), Ok(Some("https://a.example/z?q#f".into())));
        assert_eq!(target("http://a.example/", 308, "https://b.example/"), Ok(Some("https://b.example/".into())));
        assert_eq!(target("https://a.example/", 302, "//b.example"), Ok(Some("https://b.example/".into())));
        assert_eq!(target("https://a.example/", 200, "/z"), Ok(None));
        assert_eq!(target("https://a.example/", 304, "/z"), Ok(None));
        assert_eq!(target("https://a.example/", 302, "http://a.example/"), Err("redirect_refused".into()));
        assert_eq!(target("http://a.example/", 302, "file:///etc/passwd"), Err("url_unreadable".into()));
        assert_eq!(target("http://a.example/", 302, "http://me:pw@b.example/"), Err("address_refused".into()));
        assert_eq!(target("http://a.example/", 302, "http://[::"), Err("url_unreadable".into()));
    }

    #[test]
    fn a_time_of_nothing_is_not_told() {
        let message = |time| timed_out("https://a.example", time).message;
        assert_eq!(message(Duration::ZERO), "no time was left in this chunk to request `https://a.example`");
        assert_eq!(message(Duration::from_millis(1_500)), "`https://a.example` did not answer within 1.5s");
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_before_a_request_is_sent() {
        let fetcher = Fetcher::new("test", &[]).expect("a fetcher");
        let error = fetcher.get("http://localhost:9/", FetchLimits::default()).await.expect_err("refused");
        assert_eq!(error.code, ErrorCode::AddressRefused, "{error}");
        assert!(!error.transient);
    }

    #[test]
    fn an_address_of_the_inside_is_known_before_a_request() {
        let refused = |url: &str, allow: &[&str]| {
            let allow: Vec<_> = allow.iter().map(|text| HostPort::new(*text).expect("an address")).collect();
            refused_host(url, &allow)
        };
        assert_eq!(refused("http://169.254.169.254/latest", &[]), Some("a link-local address"));
        assert_eq!(refused("https://[::1]/", &[]), Some("an address outside the public IPv6 space"));
        assert_eq!(refused("http://0x7f.1:8080/", &[]), Some("a loopback address"));
        assert_eq!(refused("http://LOCALHOST./", &[]), Some("a loopback address"));
        assert_eq!(refused("http://127.0.0.1:8080/", &["127.0.0.1:8080"]), None);
        assert_eq!(refused("http://localhost:8080/", &["127.0.0.1:8080"]), None);
        assert_eq!(refused("http://127.0.0.1:8081/", &["127.0.0.1:8080"]), Some("a loopback address"));
        assert_eq!(refused("https://hooks.example.com/", &[]), None);
    }

    /// Answers with a status, or never.
    struct OtherNetwork(Option<u16>);

    #[async_trait::async_trait]
    impl Network for OtherNetwork {
        async fn respond(&self, _: &str) -> Result<NetworkResponse, Error> {
            match self.0 {
                Some(status) => Ok(NetworkResponse { status, retry_after: None }),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn what_answers_in_place_of_the_network_is_within_the_same_limits() {
        let on = |status| {
            Fetcher::new("test", &[]).expect("a fetcher").on(Some(Arc::new(OtherNetwork(status)) as Arc<dyn Network>))
        };
        let limits = FetchLimits { time: Duration::from_millis(20), ..FetchLimits::default() };
        let response = on(Some(429)).get("https://nowhere.example/x", limits).await.expect("a response");
        assert_eq!((response.status, response.url.as_str()), (429, "https://nowhere.example/x"));
        let posted = on(Some(200)).post("https://nowhere.example/x", &[], Vec::new(), limits).await;
        assert_eq!(posted.map(|response| response.status), Ok(200));
        let code = |result: Result<FetchResponse, Error>| result.expect_err("an error").code;
        assert_eq!(code(on(None).get("https://nowhere.example/x", limits).await), ErrorCode::TimedOut);
        assert_eq!(code(on(Some(200)).get("http://127.0.0.1/x", limits).await), ErrorCode::AddressRefused);
    }

    #[test]
    fn a_user_agent_that_would_break_the_header_is_refused() {
        assert!(Fetcher::new("a\r\nHost: b", &[]).is_err());
    }
}
