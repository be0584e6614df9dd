//! Fetching from the network, guarded: where to, how much, and how long.

mod agent;
mod client;
mod guard;
mod pace;
mod patient;
mod read;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, header};
use url::Url;

use crate::model::error::Error;
use crate::model::retry;
use crate::model::values::HostPort;

pub use agent::agent;
pub use pace::Gate;
pub use patient::Patient;

/// What one fetch may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body at most, after decompression (and as they travel).
    pub bytes: usize,
    /// How long the whole may take, redirects and body included.
    pub time: Duration,
    /// Redirects that are followed.
    pub redirects: usize,
}

impl Default for Limits {
    /// 4 MiB, 15 s, 5 redirects: many times what a page of text needs, and a fraction of a function's memory and time.
    fn default() -> Self {
        Self { bytes: 4 * 1024 * 1024, time: Duration::from_secs(15), redirects: 5 }
    }
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What `Retry-After` asked to be waited for, from the moment of the answer.
    pub retry_after: Option<Duration>,
    /// The `Content-Type`, as it was sent.
    pub content_type: Option<String>,
    /// The `Content-Language`, as it was sent.
    pub content_language: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// The address that answered, after redirects.
    pub url: String,
}

/// Fetches from the public internet, and from nowhere else unless it was allowed by address and port.
///
/// It is cheap until the first fetch: certificates and connections are made then.
pub struct Fetcher {
    agent: HeaderValue,
    allow: Vec<SocketAddr>,
    // A name is resolved for a client, and not for a port: each allowed port has a client of its own, whose resolver
    // knows that port; all others share the one that admits nothing closed.
    clients: Mutex<HashMap<Option<u16>, Client>>,
}

impl Fetcher {
    /// A fetcher that calls itself `user_agent`, and may reach these closed addresses too.
    ///
    /// # Errors
    /// `settings_unreadable` where the name is not visible ASCII, or an address is none.
    pub fn new(user_agent: &str, allow: &[HostPort]) -> Result<Self, Error> {
        let unreadable = |what: &str| Error::permanent("settings_unreadable", format!("`{what}` cannot be used here"));
        Ok(Self {
            agent: HeaderValue::from_str(user_agent).map_err(|_| unreadable(user_agent))?,
            allow: allow
                .iter()
                .map(|text| text.as_str().parse().map_err(|_| unreadable(text.as_str())))
                .collect::<Result<_, _>>()?,
            clients: Mutex::default(),
        })
    }

    /// Fetches an address, following redirects; the body is read no further than the limits go.
    ///
    /// # Errors
    /// `url_unreadable`, `address_refused`, `redirect_refused`, `too_many_redirects`, `too_large`, `tls_failed` and
    /// `answer_unreadable` are permanent where another try would only repeat them; `timed_out` and `unreachable` are
    /// transient. A status such as 404 is an answer and no error.
    pub async fn get(&self, url: &str, limits: Limits) -> Result<Answer, Error> {
        let url = guard::read(url)?;
        let first = guard::origin(&url);
        tokio::time::timeout(limits.time, self.follow(url, limits)).await.unwrap_or_else(|_| {
            Err(Error::transient("timed_out", format!("`{first}` did not answer within {:.1?}", limits.time)))
        })
    }

    /// Posts a body to an address, which nobody may redirect: what is signed for one address goes to no other.
    ///
    /// # Errors
    /// Those of [`Self::get`]; `redirect_refused` where the address leads on.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        limits: Limits,
    ) -> Result<Answer, Error> {
        let url = guard::read(url)?;
        let origin = guard::origin(&url);
        let posting = async {
            guard::literal(&url, &self.allow)?;
            let mut request = self.client(guard::port(&url))?.post(url.clone()).header(ACCEPT_ENCODING, "gzip");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let response = request.body(body).send().await.map_err(|error| client::wrong(&url, &error))?;
            let status = response.status().as_u16();
            if (300..400).contains(&status) {
                let words = format!("`{origin}` answers a post with status {status}: give the address it leads to");
                return Err(Error::permanent("redirect_refused", words));
            }
            answer(url.clone(), response, limits.bytes).await
        };
        tokio::time::timeout(limits.time, posting).await.unwrap_or_else(|_| {
            Err(Error::transient("timed_out", format!("`{origin}` did not answer within {:.1?}", limits.time)))
        })
    }

    async fn follow(&self, mut url: Url, limits: Limits) -> Result<Answer, Error> {
        for _ in 0..=limits.redirects {
            guard::literal(&url, &self.allow)?;
            let request = self.client(guard::port(&url))?.get(url.clone()).header(ACCEPT_ENCODING, "gzip");
            let response = request.send().await.map_err(|error| client::wrong(&url, &error))?;
            match redirect(&url, response.status().as_u16(), response.headers())? {
                Some(next) => url = next,
                None => return answer(url, response, limits.bytes).await,
            }
        }
        Err(Error::permanent(
            "too_many_redirects",
            format!("`{}` redirects more than {} times", guard::origin(&url), limits.redirects),
        ))
    }

    fn client(&self, port: u16) -> Result<Client, Error> {
        let allow: Vec<_> = self.allow.iter().filter(|allowed| allowed.port() == port).copied().collect();
        let key = (!allow.is_empty()).then_some(port);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = client::build(self.agent.clone(), port, allow)?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Where an answer leads on to, if it does.
fn redirect(from: &Url, status: u16, headers: &HeaderMap) -> Result<Option<Url>, Error> {
    let Some(location) = headers.get(header::LOCATION).filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
        return Ok(None);
    };
    let unreadable =
        || Error::permanent("url_unreadable", format!("`{}` redirects to no address", guard::origin(from)));
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| unreadable())?;
    let next = from.join(location).map_err(|_| unreadable())?;
    guard::check(&next)?;
    if from.scheme() == "https" && next.scheme() == "http" {
        return Err(Error::permanent(
            "redirect_refused",
            format!("`{}` redirects to `{}`, which is not encrypted", guard::origin(from), guard::origin(&next)),
        ));
    }
    Ok(Some(next))
}

async fn answer(url: Url, response: Response, most: usize) -> Result<Answer, Error> {
    let header = |name: &HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(|text| text.trim().to_owned())
    };
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: header(&header::RETRY_AFTER).and_then(|text| retry::retry_after(&text, jiff::Timestamp::now())),
        content_type: header(&header::CONTENT_TYPE),
        content_language: header(&header::CONTENT_LANGUAGE),
        body: read::body(&url, header(&header::CONTENT_ENCODING), response, most).await?,
        url: url.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(from: &str, status: u16, to: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(to).expect("a header"));
        redirect(&Url::parse(from).expect("an address"), status, &headers)
            .map(|next| next.map(Into::into))
            .map_err(|error| error.code)
    }

    #[test]
    fn a_redirect_is_followed_where_it_stays_fetchable_and_encrypted() {
        assert_eq!(led("https://a.example/x/y", 301, "../z?q#f"), Ok(Some("https://a.example/z?q#f".into())));
        assert_eq!(led("http://a.example/", 308, "https://b.example/"), Ok(Some("https://b.example/".into())));
        assert_eq!(led("https://a.example/", 302, "//b.example"), Ok(Some("https://b.example/".into())));
        assert_eq!(led("https://a.example/", 200, "/z"), Ok(None));
        assert_eq!(led("https://a.example/", 304, "/z"), Ok(None));
        assert_eq!(led("https://a.example/", 302, "http://a.example/"), Err("redirect_refused".into()));
        assert_eq!(led("http://a.example/", 302, "file:///etc/passwd"), Err("url_unreadable".into()));
        assert_eq!(led("http://a.example/", 302, "http://me:pw@b.example/"), Err("address_refused".into()));
        assert_eq!(led("http://a.example/", 302, "http://[::"), Err("url_unreadable".into()));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_before_anything_is_sent() {
        let fetcher = Fetcher::new("test", &[]).expect("a fetcher");
        let error = fetcher.get("http://localhost:9/", Limits::default()).await.expect_err("refused");
        assert_eq!(error.code, "address_refused", "{error}");
        assert!(!error.transient);
    }

    #[test]
    fn a_name_that_would_break_the_header_is_refused() {
        assert!(Fetcher::new("a\r\nHost: b", &[]).is_err());
    }
}
