//! Passes calls on to the emulator, unchanged.

use http_body_util::Full;
use hyper::Response;

use super::wire::{Answer, Call};

/// The emulator's own address, and a client that trusts its certificate.
#[derive(Clone)]
pub struct Upstream {
    address: String,
    client: reqwest::Client,
}

impl Upstream {
    pub fn new(address: String, client: reqwest::Client) -> Self {
        Self { address, client }
    }

    pub async fn ask(&self, call: &Call) -> Result<Answer, String> {
        let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
        // All headers are passed on unchanged, `Host` included: the signature covers them.
        let mut headers = call.head.headers.clone();
        for own in ["connection", "transfer-encoding"] {
            headers.remove(own);
        }
        let request = self.client.request(call.head.method.clone(), format!("{}{path}", self.address));
        let request = request.headers(headers).body(call.body.clone());
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let mut reply = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            if !["connection", "transfer-encoding"].contains(&name.as_str()) {
                reply = reply.header(name, value);
            }
        }
        let body = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
        reply.body(Full::new(body)).map_err(|error| error.to_string())
    }
}
