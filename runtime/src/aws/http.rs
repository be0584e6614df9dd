//! The SDK's calls over the HTTP client that the function has anyway: one stack of HTTP and TLS instead of two.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client, Request, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::model::error::{Error, ErrorCode};

/// A connection that nobody used for so long is not used again: a Lambda may have slept meanwhile.
const IDLE: Duration = Duration::from_secs(20);

/// One client for all services; its connections are shared.
#[derive(Clone, Debug)]
pub struct Http {
    roots: Arc<RootCertStore>,
    /// Made with the settings of the first service that calls: all have the same.
    connector: Arc<OnceLock<SharedHttpConnector>>,
}

impl Http {
    /// A client that trusts these.
    pub fn trusting(roots: RootCertStore) -> Self {
        Self { roots: Arc::new(roots), connector: Arc::default() }
    }

    fn client(&self, settings: &HttpConnectorSettings) -> Result<Client, Error> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::permanent(ErrorCode::TlsFailed, format!("the HTTP client cannot be built: {error}"))
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_idle_timeout(IDLE);
        if let Some(time) = settings.connect_timeout() {
            client = client.connect_timeout(time);
        }
        client.build().map_err(|error| failed(&error))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let make = || SharedHttpConnector::new(Calls { client: self.client(settings), read: settings.read_timeout() });
        self.connector.get_or_init(make).clone()
    }
}

#[derive(Debug)]
struct Calls {
    client: Result<Client, Error>,
    read: Option<Duration>,
}

impl HttpConnector for Calls {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, read) = (self.client.clone(), self.read);
        HttpConnectorFuture::new(async move {
            let client = client.map_err(|error| ConnectorError::user(error.into()))?;
            let request = prepared(request).map_err(ConnectorError::user)?;
            let answer = client.execute(request);
            let answer = match read {
                Some(time) => timeout(time, answer).await.map_err(|error| ConnectorError::timeout(error.into()))?,
                None => answer.await,
            };
            let answer = answer.map_err(|error| {
                if error.is_timeout() {
                    ConnectorError::timeout(error.into())
                } else {
                    ConnectorError::io(error.into())
                }
            })?;
            told(answer).map_err(ConnectorError::user)
        })
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// The SDK's request as the client takes it. What is sent here is in memory.
fn prepared(request: HttpRequest) -> Result<Request, BoxError> {
    let request = request.try_into_http1x()?;
    let body = request.body().bytes().map(<[u8]>::to_vec).ok_or("the request's body is not in memory")?;
    Ok(Request::try_from(request.map(|_| Body::from(body)))?)
}

/// The answer as the SDK reads it, while it comes.
fn told(answer: reqwest::Response) -> Result<HttpResponse, BoxError> {
    Ok(HttpResponse::try_from(http::Response::<Body>::from(answer).map(SdkBody::from_body_1_x))?)
}
