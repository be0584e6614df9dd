//! A small HTTP server whose responses a test defines.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request that the server received.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The number of requests before it.
    pub index: usize,
    /// The path, without the query.
    pub path: String,
    /// The query parameters.
    pub query: BTreeMap<String, String>,
    /// The request line and the headers as received; our client writes header names in lower case.
    pub head: String,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The titles in a request to the Action API of Wikipedia.
    pub fn titles(&self) -> Vec<&str> {
        self.query.get("titles").map(|titles| titles.split('|').collect()).unwrap_or_default()
    }
}

type ResponseScript = Box<dyn FnOnce(&mut TcpStream) -> io::Result<()> + Send>;

/// How the server responds to a request.
pub enum CannedResponse {
    /// Sends a status, header lines and a body.
    Full(u16, Vec<String>, Vec<u8>),
    /// Writes the response to the connection itself, including the status line.
    Script(ResponseScript),
    /// Resets the connection.
    Reset,
}

impl CannedResponse {
    /// 200 with this JSON.
    pub fn json(value: &Value) -> Self {
        Self::text(200, &value.to_string())
    }

    /// A status and a body.
    pub fn text(status: u16, body: &str) -> Self {
        Self::Full(status, vec![], body.as_bytes().to_vec())
    }

    /// The same response with one more header line.
    #[must_use]
    pub fn with_header(mut self, line: &str) -> Self {
        if let Self::Full(_, headers, _) = &mut self {
            headers.push(line.to_owned());
        }
        self
    }

    /// A redirect to this address.
    pub fn redirect(location: &str) -> Self {
        Self::text(302, "").with_header(&format!("Location: {location}"))
    }
}

/// A server on a free port of 127.0.0.1. It listens until the process ends.
pub struct HttpServer {
    /// Its port.
    pub port: u16,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    connections: Arc<Mutex<usize>>,
}

impl HttpServer {
    /// Starts a server that responds to each request with the result of `route`.
    pub fn start(route: impl Fn(&ReceivedRequest) -> CannedResponse + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let server = Self { port, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        let route = Arc::new(route);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *connections.lock().expect("no panic") += 1;
                let (requests, route) = (Arc::clone(&requests), Arc::clone(&route));
                // In many tests the client closes the connection early, which is not an error here.
                thread::spawn(move || drop(respond(stream, &requests, &*route)));
            }
        });
        server
    }

    /// The requests so far.
    pub fn requests(&self) -> MutexGuard<'_, Vec<ReceivedRequest>> {
        self.requests.lock().expect("no panic")
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }

    /// Host and port, as the setting `allow` takes them.
    pub fn host_port(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn respond(
    mut stream: TcpStream,
    requests: &Mutex<Vec<ReceivedRequest>>,
    route: &dyn Fn(&ReceivedRequest) -> CannedResponse,
) -> io::Result<()> {
    // Only peeked: a connection that is dropped with unread data is reset.
    let mut head = vec![0; 64 * 1024];
    let length = loop {
        let seen = stream.peek(&mut head)?;
        if let Some(end) = head[..seen].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match head[..seen].first() {
            None => return Ok(()),
            // A TLS handshake, which this server does not speak.
            Some(0x16) => {
                let _ = stream.read(&mut head)?;
                return stream.write_all(b"HTTP/1.1 400 Canned\r\n\r\n");
            }
            Some(_) => {}
        }
        thread::sleep(Duration::from_millis(1));
    };
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let lower = head.to_lowercase();
    let sent = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    // A request with a body is read before the response. One without stays unread, so that it can be reset.
    let (mut unread, mut body) = (length, vec![0; sent.unwrap_or_default()]);
    if sent.is_some() {
        stream.read_exact(&mut vec![0; length])?;
        stream.read_exact(&mut body)?;
        unread = 0;
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let target = url::Url::parse(&format!("http://x{target}")).expect("a request target");
    let request = {
        let mut requests = requests.lock().expect("no panic");
        let query = target.query_pairs().into_owned().collect();
        let path = target.path().to_owned();
        let request = ReceivedRequest { index: requests.len(), path, query, head, body };
        requests.push(request.clone());
        request
    };
    let response = route(&request);
    if matches!(response, CannedResponse::Reset) {
        return Ok(());
    }
    stream.read_exact(&mut vec![0; unread])?;
    match response {
        CannedResponse::Reset => Ok(()),
        CannedResponse::Script(script) => script(&mut stream),
        CannedResponse::Full(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} Canned\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
            for line in headers {
                write!(stream, "{line}\r\n")?;
            }
            stream.write_all(b"\r\n")?;
            stream.write_all(&body)
        }
    }
}
