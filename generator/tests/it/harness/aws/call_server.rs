//! A server for AWS calls on a free port of this machine.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::wire::{Answer, Call};

/// Listens on plain HTTP until it is dropped.
pub struct CallServer {
    port: u16,
    /// Its thread ends when this is dropped.
    _stop: oneshot::Sender<Infallible>,
}

impl CallServer {
    /// Answers each call with this function. Where it gives an error, the connection ends without an answer.
    pub fn start<F>(answer: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, String>> + Send,
    {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        socket.set_nonblocking(true).expect("a socket");
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(TcpListener::from_std(socket).expect("a socket"), Arc::new(answer)) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, _stop: stop }
    }

    /// Its address, as `AWS_ENDPOINT_URL` takes it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve<F>(socket: TcpListener, answer: Arc<impl Fn(Call) -> F + Send + Sync + 'static>)
where
    F: Future<Output = Result<Answer, String>> + Send,
{
    while let Ok((stream, _)) = socket.accept().await {
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(async |request: Request<Incoming>| {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
                answer(Call::new(head, body)).await
            });
            // An error here is a connection that ended early, which a fault may ask for.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
