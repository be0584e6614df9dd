//! Lambda's side of the Runtime API, so that the real `bootstrap` is started, asked and ended as Lambda does it.

#![allow(dead_code, reason = "the tests ask it and the bench only starts it")]
#![allow(clippy::panic, reason = "a function that breaks the rules of Lambda has failed its test")]

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing here takes longer: what does is stuck, and fails its test instead of holding up all others.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the function said of an event: its answer, or the error that it reported.
pub type Answer = Result<Value, Value>;

/// What the server tells whoever drives it.
enum Told {
    Polled,
    Answered(Answer),
    /// The function never got as far as its first event.
    InitError(Value),
}

/// A running `bootstrap`, which is killed when this goes.
pub struct Lambda {
    child: Child,
    started: Instant,
    events: Sender<String>,
    told: Receiver<Told>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lambda {
    /// Starts the program with these variables and those that Lambda sets, and no others.
    pub fn start(program: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::start_with(program, variables.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// The same, with variables that need not be UTF-8.
    pub fn start_with(program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = channel();
        let (tell, told) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, tell) = (Arc::clone(&waiting), tell.clone());
                // A function that is killed hangs up: no fault of the test.
                thread::spawn(move || drop(talk(&stream, &waiting, &tell)));
            }
        });
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "fang-dev-worker")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    eprintln!("{line}");
                    log.lock().expect("no panic").push(line);
                }
            });
        }
        Self { child, started, events, told, log }
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
        self.events.send(event.to_string()).expect("the server is there");
        loop {
            match self.told() {
                Told::Answered(answer) => return answer,
                Told::InitError(error) => panic!("the function reported an error of its start: {error}"),
                Told::Polled => {}
            }
        }
    }

    fn told(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("the function says something in time")
    }

    /// The first lines that it logged, as soon as there are so many.
    pub fn logged(&self, lines: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let log = self.log.lock().expect("no panic").clone();
            if log.len() >= lines || start.elapsed() > PATIENCE {
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
}

/// Answers the requests of one connection until it is closed.
fn talk(stream: &TcpStream, waiting: &Mutex<Receiver<String>>, tell: &Sender<Told>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    for request in 1.. {
        let Some((path, body)) = request_of(&mut reader)? else { return Ok(()) };
        let part = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        if part == "invocation/next" {
            let _ = tell.send(Told::Polled);
            // Lambda freezes a function that has nothing to do: no answer until there is an event.
            let event = waiting.lock().expect("no panic").recv_timeout(PATIENCE).map_err(io::Error::other)?;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: request-{request}\r\n\
                 Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:fang-dev-worker\r\n\
                 Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\r\n",
                event.len()
            );
            writer.write_all((head + &event).as_bytes())?;
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
