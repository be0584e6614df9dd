//! Runs the SDK on the `reqwest` client that the function uses anyway, so that it contains one HTTP and TLS stack.

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

/// How long an idle connection is kept. Older ones may be dead, since Lambda freezes functions between invocations.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP client of all services, with one connection pool.
#[derive(Clone, Debug)]
pub struct Http {
    roots: Arc<RootCertStore>,
    /// Created with the settings of the first service that is called; all services have the same settings.
    connector: Arc<OnceLock<SharedHttpConnector>>,
}

impl Http {
    /// A client that trusts these root certificates.
    pub fn with_roots(roots: RootCertStore) -> Self {
        Self { roots: Arc::new(roots), connector: Arc::default() }
    }

    fn client(&self, settings: &HttpConnectorSettings) -> Result<Client, Error> {
        let build_error = |error: &dyn std::fmt::Display| {
            Error::permanent(ErrorCode::TlsFailed, format!("cannot create the HTTP client: {error}"))
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| build_error(&error))?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_idle_timeout(IDLE_TIMEOUT);
        if let Some(time) = settings.connect_timeout() {
            client = client.connect_timeout(time);
        }
        client.build().map_err(|error| build_error(&error))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let create = || {
            SharedHttpConnector::new(ReqwestConnector {
                client: self.client(settings),
                read_timeout: settings.read_timeout(),
            })
        };
        self.connector.get_or_init(create).clone()
    }
}

#[derive(Debug)]
struct ReqwestConnector {
    client: Result<Client, Error>,
    read_timeout: Option<Duration>,
}

impl HttpConnector for ReqwestConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, read_timeout) = (self.client.clone(), self.read_timeout);
        HttpConnectorFuture::new(async move {
            let client = client.map_err(|error| ConnectorError::user(error.into()))?;
            let request = to_reqwest(request).map_err(ConnectorError::user)?;
            let response = client.execute(request);
            let response = match read_timeout {
                Some(time) => timeout(time, response).await.map_err(|error| ConnectorError::timeout(error.into()))?,
                None => response.await,
            };
            let response = response.map_err(|error| {
                if error.is_timeout() {
                    ConnectorError::timeout(error.into())
                } else {
                    ConnectorError::io(error.into())
                }
            })?;
            from_reqwest(response).map_err(ConnectorError::user)
        })
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// Converts a request of the SDK. Its body must be in memory, as it is for all calls here.
fn to_reqwest(request: HttpRequest) -> Result<Request, BoxError> {
    let request = request.try_into_http1x()?;
    let body = request.body().bytes().map(<[u8]>::to_vec).ok_or("the request's body is not in memory")?;
    Ok(Request::try_from(request.map(|_| Body::from(body)))?)
}

/// Converts a response for the SDK, which streams its body.
fn from_reqwest(response: reqwest::Response) -> Result<HttpResponse, BoxError> {
    Ok(HttpResponse::try_from(http::Response::<Body>::from(response).map(SdkBody::from_body_1_x))?)
}
