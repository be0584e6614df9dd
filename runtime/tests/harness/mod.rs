//! A small HTTP server that answers as a test tells it to, and the way to open a stage against it.

#![allow(clippy::module_inception, reason = "those who need the server alone call all of it `wiki`")]
#![allow(dead_code, reason = "each test file uses its own part of the harness")]

pub mod attack;
pub mod memory;
pub mod place;
pub mod wiki;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use fanggen_runtime::component::services::{Bucket, Document, Doors, Queue, Rows};
use fanggen_runtime::component::{Binding, Opened, Pace, Role, Stage};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::model::tree::Tree;
use serde_json::Value;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many came before it.
    pub before: usize,
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// The head as it came; names are in lower case, as our client writes them.
    pub head: String,
    /// The body, where there is one.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn titles(&self) -> Vec<&str> {
        self.query.get("titles").map(|titles| titles.split('|').collect()).unwrap_or_default()
    }
}

type Script = Box<dyn FnOnce(&mut TcpStream) -> io::Result<()> + Send>;

/// What the server does about a request.
pub enum Reply {
    /// Answers with status, header lines and body.
    Whole(u16, Vec<String>, Vec<u8>),
    /// Writes what it likes, the status line included.
    Script(Script),
    /// Lets the connection break (a TCP reset, since the request stays unread).
    Reset,
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::text(200, &value.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::Whole(status, vec![], body.as_bytes().to_vec())
    }

    pub fn with(mut self, line: &str) -> Self {
        if let Self::Whole(_, headers, _) = &mut self {
            headers.push(line.to_owned());
        }
        self
    }

    pub fn to(location: &str) -> Self {
        Self::text(302, "").with(&format!("Location: {location}"))
    }
}

pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    pub fn start(route: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let server = Self { port, asked: Arc::clone(&asked), connections: Arc::clone(&connections) };
        let route = Arc::new(route);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *connections.lock().expect("no panic") += 1;
                let (asked, route) = (Arc::clone(&asked), Arc::clone(&route));
                // A client that hangs up early is what many tests are about.
                thread::spawn(move || drop(answer(stream, &asked, &*route)));
            }
        });
        server
    }

    pub fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().expect("no panic")
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }

    pub fn allow(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn answer(mut stream: TcpStream, asked: &Mutex<Vec<Asked>>, route: &dyn Fn(&Asked) -> Reply) -> io::Result<()> {
    // Looked at and not yet read: a connection that is dropped with unread data is reset.
    let mut head = vec![0; 64 * 1024];
    let length = loop {
        let seen = stream.peek(&mut head)?;
        if let Some(end) = head[..seen].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match head[..seen].first() {
            None => return Ok(()),
            // The greeting of TLS, which this server does not speak.
            Some(0x16) => {
                let _ = stream.read(&mut head)?;
                return stream.write_all(b"HTTP/1.1 400 Said\r\n\r\n");
            }
            Some(_) => {}
        }
        thread::sleep(Duration::from_millis(1));
    };
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let sent = head.to_lowercase();
    let sent = sent.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    // A request with a body is read before it is answered; one without stays unread, so that it can be reset.
    let (mut unread, mut body) = (length, vec![0; sent.unwrap_or_default()]);
    if sent.is_some() {
        stream.read_exact(&mut vec![0; length])?;
        stream.read_exact(&mut body)?;
        unread = 0;
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let target = url::Url::parse(&format!("http://x{target}")).expect("a target");
    let request = {
        let mut asked = asked.lock().expect("no panic");
        let query = target.query_pairs().into_owned().collect();
        let path = target.path().to_owned();
        let request = Asked { before: asked.len(), path, query, head, body };
        asked.push(request.clone());
        request
    };
    let reply = route(&request);
    if matches!(reply, Reply::Reset) {
        return Ok(());
    }
    stream.read_exact(&mut vec![0; unread])?;
    match reply {
        Reply::Reset => Ok(()),
        Reply::Script(script) => script(&mut stream),
        Reply::Whole(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
            for line in headers {
                write!(stream, "{line}\r\n")?;
            }
            stream.write_all(b"\r\n")?;
            stream.write_all(&body)
        }
    }
}

/// A real answer that was recorded, or none (and a word on stderr) where the recordings are not at hand.
pub fn recorded(name: &str) -> Option<String> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/wikipedia"));
    if !folder.exists() {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return None;
    }
    let text = std::fs::read_to_string(folder.join(name)).expect("a recording");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    // A cassette holds exchanges, the others are answers themselves.
    match value["interactions"][0]["response"]["body"]["string"].as_str() {
        Some(body) => Some(body.to_owned()),
        None => Some(text),
    }
}

/// Opens a stage as a function would.
pub fn stage(kind: &str, settings: Value, pace: Option<Pace>) -> Box<dyn Stage> {
    let kind = registry::find(Role::Stage, kind).expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    let binding =
        Binding { name: "summary".into(), pace, contact: Some("me@example.com".into()), ..Binding::default() };
    match settings.open(binding, &NoDoors).expect("an open stage") {
        Opened::Stage(stage) => stage,
        _ => unreachable!("a stage opens as a stage"),
    }
}

/// Records of these items.
pub fn records(items: impl IntoIterator<Item = Item>) -> Vec<Record> {
    items.into_iter().map(|item| Record::new("20261122T090000Z", "companies", item)).collect()
}

/// What became of each record: its text, or the code of its failure.
pub fn outcomes(records: &[Record]) -> Vec<Result<&str, &str>> {
    records
        .iter()
        .map(|record| match (&record.failure, &record.text) {
            (Some(failure), _) => Err(failure.error.code.as_str()),
            (None, Some(text)) => Ok(text.body.as_str()),
            (None, None) => Err("neither"),
        })
        .collect()
}

/// A place without doors.
pub struct NoDoors;

impl Doors for NoDoors {
    fn bucket(&self, _: &str) -> Result<Arc<dyn Bucket>, Error> {
        Err(Error::permanent("no_door", "there is no bucket here"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn Rows>, Error> {
        Err(Error::permanent("no_door", "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(Error::permanent("no_door", "there is no queue here"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn Document>, Error> {
        Err(Error::permanent("no_door", "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent("no_door", "there is no folder here"))
    }
}

/// A deadline that no test reaches.
pub fn far() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(600)
}
