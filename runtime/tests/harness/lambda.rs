//! Lambda's side of the Runtime API, so that the real `bootstrap` is started, asked and ended as Lambda does it.

#![allow(dead_code, reason = "the tests ask it and the bench only starts it")]
#![allow(clippy::panic, reason = "a function that breaks the rules of Lambda has failed its test")]

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

/// Nothing here takes longer: what does is stuck, and fails its test instead of holding up all others.
const PATIENCE: Duration = Duration::from_secs(20);

/// The beginning of 2100, in milliseconds: a deadline that nobody reaches.
const FAR: u64 = 4_102_444_800_000;

/// What the function said of an event: its answer, or the error that it reported.
pub type Answer = Result<Value, Value>;

/// What the server tells whoever drives it.
enum Told {
    Polled,
    Answered(Answer),
    /// The function never got as far as its first event.
    InitError(Value),
}

/// An event on its way to the function.
struct Event {
    id: String,
    deadline: u64,
    body: String,
}

/// How a function is started.
pub struct Start {
    command: Command,
    patience: Duration,
    quiet: bool,
}

/// A running `bootstrap`, which is killed when this goes.
pub struct Lambda {
    child: Child,
    started: Instant,
    events: Sender<Event>,
    told: Receiver<Told>,
    patience: Duration,
    invoked: AtomicU64,
    /// Lines of stdout and of stderr.
    said: [Arc<Mutex<Vec<String>>>; 2],
    bytes: Arc<AtomicU64>,
    readers: Vec<JoinHandle<()>>,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Start {
    /// This program with these variables and those that Lambda sets, and no others.
    pub fn of(program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_FUNCTION_NAME", "fang-dev-worker")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, patience: PATIENCE, quiet: false }
    }

    /// With these arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// What it logs is counted, and neither kept nor shown.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// An event may take so long, and so may the time between two.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts it, with a server of its own.
    pub fn start(mut self) -> Lambda {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = channel();
        let (tell, told) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let patience = self.patience;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, tell) = (Arc::clone(&waiting), tell.clone());
                // A function that is killed hangs up: no fault of the test.
                thread::spawn(move || drop(talk(&stream, &waiting, &tell, patience)));
            }
        });
        self.command.env("AWS_LAMBDA_RUNTIME_API", address);
        let started = Instant::now();
        let mut child = self.command.spawn().expect("the program starts");
        let said = [Arc::default(), Arc::default()];
        let bytes = Arc::default();
        let readers = [
            child.stdout.take().map(|out| follow(out, self.quiet, false, &said[0], &bytes)),
            child.stderr.take().map(|out| follow(out, self.quiet, true, &said[1], &bytes)),
        ];
        let readers = readers.into_iter().flatten().collect();
        Lambda { child, started, events, told, patience, invoked: AtomicU64::new(0), said, bytes, readers }
    }
}

/// The most memory that a process had so far, in MB of 1,024 x 1,024 bytes, as Linux counts it.
pub fn peak_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

/// Reads what a function logs: its lines are counted, and kept unless it is to be quiet.
fn follow(
    stream: impl Read + Send + 'static,
    quiet: bool,
    shown: bool,
    lines: &Arc<Mutex<Vec<String>>>,
    bytes: &Arc<AtomicU64>,
) -> JoinHandle<()> {
    let (lines, bytes) = (Arc::clone(lines), Arc::clone(bytes));
    thread::spawn(move || {
        let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
            if !quiet {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if shown {
                    eprintln!("{line}");
                }
                lines.lock().expect("no panic").push(line);
            }
            line.clear();
        }
    })
}

impl Lambda {
    /// Starts the program with these variables and those that Lambda sets, and no others.
    pub fn start(program: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::start_with(program, variables.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// The same, with variables that need not be UTF-8.
    pub fn start_with(program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Start::of(program, variables).start()
    }

    /// Waits until the function asks for its first event, and says how long that took.
    pub fn first_poll(&self) -> Duration {
        match self.told() {
            Told::Polled => self.started.elapsed(),
            Told::InitError(error) => panic!("the function reported an error of its start: {error}"),
            Told::Answered(answer) => panic!("an answer without an event: {answer:?}"),
        }
    }

    /// Sends an event and waits for what the function says of it.
    pub fn invoke(&self, event: &Value) -> Answer {
        let id = format!("request-{}", self.invoked.fetch_add(1, Ordering::Relaxed) + 1);
        self.ask(Event { id, deadline: FAR, body: event.to_string() })
    }

    /// The same, as the invocation of this id, which ends after this time.
    pub fn invoke_as(&self, id: &str, time: Duration, event: &Value) -> Answer {
        let end = SystemTime::now() + time;
        let deadline = end.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_millis();
        let deadline = u64::try_from(deadline).expect("a time before the end of the world");
        self.ask(Event { id: id.to_owned(), deadline, body: event.to_string() })
    }

    fn ask(&self, event: Event) -> Answer {
        self.events.send(event).expect("the server is there");
        loop {
            match self.told() {
                Told::Answered(answer) => return answer,
                Told::InitError(error) => panic!("the function reported an error of its start: {error}"),
                Told::Polled => {}
            }
        }
    }

    /// The same, but it is killed where it has not answered by then.
    pub fn invoke_for(&mut self, id: &str, time: Duration, event: &Value, until: Duration) -> Option<Answer> {
        let end = SystemTime::now() + time;
        let deadline = end.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_millis();
        let deadline = u64::try_from(deadline).expect("a time before the end of the world");
        self.events.send(Event { id: id.to_owned(), deadline, body: event.to_string() }).expect("the server is there");
        let begin = Instant::now();
        loop {
            match self.told.recv_timeout(until.saturating_sub(begin.elapsed())) {
                Ok(Told::Answered(answer)) => return Some(answer),
                Ok(Told::InitError(error)) => panic!("the function reported an error of its start: {error}"),
                Ok(Told::Polled) => {}
                Err(_) => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    return None;
                }
            }
        }
    }

    fn told(&self) -> Told {
        self.told.recv_timeout(self.patience).expect("the function says something in time")
    }

    /// The first lines that it logged on stderr, as soon as there are so many.
    pub fn logged(&self, lines: usize) -> Vec<String> {
        self.lines(1, lines)
    }

    /// The first lines that it logged on stdout, where metrics go, as soon as there are so many.
    pub fn printed(&self, lines: usize) -> Vec<String> {
        self.lines(0, lines)
    }

    fn lines(&self, stream: usize, lines: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let log = self.said[stream].lock().expect("no panic").clone();
            if log.len() >= lines || start.elapsed() > self.patience {
                return log;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that the process had so far.
    pub fn peak(&self) -> f64 {
        peak_of(self.id())
    }

    /// Ends it, and says how many bytes it logged on stdout and stderr together.
    pub fn end(mut self) -> u64 {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Answers the requests of one connection until it is closed.
fn talk(
    stream: &TcpStream,
    waiting: &Mutex<Receiver<Event>>,
    tell: &Sender<Told>,
    patience: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some((path, body)) = request_of(&mut reader)? {
        let part = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        if part == "invocation/next" {
            let _ = tell.send(Told::Polled);
            // Lambda freezes a function that has nothing to do: no answer until there is an event.
            let event = waiting.lock().expect("no panic").recv_timeout(patience).map_err(io::Error::other)?;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: {}\r\n\
                 Lambda-Runtime-Deadline-Ms: {}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:fang-dev-worker\r\n\
                 Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\r\n",
                event.body.len(),
                event.id,
                event.deadline
            );
            writer.write_all((head + &event.body).as_bytes())?;
            continue;
        }
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
        // Before the 202, with which the function may go on: what it said must not come after its next poll.
        let _ = tell.send(match part {
            "init/error" => Told::InitError(body),
            part if part.ends_with("/error") => Told::Answered(Err(body)),
            part if part.ends_with("/response") => Told::Answered(Ok(body)),
            _ => return writer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        });
        writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The path and body of the next request, or none where the connection was closed.
fn request_of(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path, body)))
}
