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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::wire::{Answer, Call};

/// Listens until it is dropped.
pub struct CallServer {
    port: u16,
    encrypted: bool,
    /// Its thread ends when this is dropped.
    _stop: oneshot::Sender<Infallible>,
}

impl CallServer {
    /// Answers each call with this function, on plain HTTP. Where it gives an error, the connection ends without an answer.
    pub fn start<F>(answer: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, String>> + Send,
    {
        Self::start_with(None, answer)
    }

    /// The same on HTTPS, with these certificates.
    pub fn start_with<F>(tls: Option<rustls::ServerConfig>, answer: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, String>> + Send,
    {
        let encrypted = tls.is_some();
        let tls = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        socket.set_nonblocking(true).expect("a socket");
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(TcpListener::from_std(socket).expect("a socket"), tls, Arc::new(answer)) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, encrypted, _stop: stop }
    }

    /// Its address, as `AWS_ENDPOINT_URL` takes it.
    pub fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.encrypted { "https" } else { "http" }, self.port)
    }
}

async fn serve<F>(
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    answer: Arc<impl Fn(Call) -> F + Send + Sync + 'static>,
) where
    F: Future<Output = Result<Answer, String>> + Send,
{
    while let Ok((stream, _)) = socket.accept().await {
        let (tls, answer) = (tls.clone(), Arc::clone(&answer));
        tokio::spawn(async move {
            match tls {
                Some(tls) => {
                    // A client that ends the handshake early wants nothing.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_one(stream, &*answer).await;
                    }
                }
                None => serve_one(stream, &*answer).await,
            }
        });
    }
}

async fn serve_one<F>(stream: impl AsyncRead + AsyncWrite + Unpin, answer: &impl Fn(Call) -> F)
where
    F: Future<Output = Result<Answer, String>> + Send,
{
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        answer(Call::new(head, body)).await
    });
    // An error here is a connection that ended early, which a fault may ask for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
