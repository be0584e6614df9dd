//! Lambda's side of the Runtime API: starts, invokes and stops the real `bootstrap`, as Lambda does.

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

/// A function that takes longer is stuck. It fails its test instead of blocking all others.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The beginning of 2100, in milliseconds: a deadline that no test reaches.
const FAR_DEADLINE_MS: u64 = 4_102_444_800_000;

/// What the function returned for an event: its response, or the error that it reported.
pub type InvocationResult = Result<Value, Value>;

/// A call of the function to the Runtime API.
enum RuntimeApiCall {
    Next,
    Finished(InvocationResult),
    /// The function failed before its first event.
    InitError(Value),
}

/// An event that waits for the function.
struct PendingEvent {
    id: String,
    deadline: u64,
    body: String,
}

/// Builds and starts the process of a function.
pub struct LambdaCommand {
    command: Command,
    timeout: Duration,
    quiet: bool,
}

/// A running function, which is killed when this is dropped.
pub struct LambdaProcess {
    child: Child,
    started: Instant,
    events: Sender<PendingEvent>,
    calls: Receiver<RuntimeApiCall>,
    timeout: Duration,
    invoked: AtomicU64,
    /// What it sent in response to events, as received.
    responses: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Lines of stdout and of stderr.
    lines: [Arc<Mutex<Vec<String>>>; 2],
    bytes: Arc<AtomicU64>,
    readers: Vec<JoinHandle<()>>,
}

impl Drop for LambdaProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl LambdaCommand {
    /// This program, with these environment variables and those that Lambda sets, and no others.
    pub fn new(program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
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
        Self { command, timeout: TIMEOUT, quiet: false }
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Only counts the bytes of its log, instead of keeping and showing the lines.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Sets how long an event may take, and how long the function may wait for the next one.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts it, with a Runtime API server of its own.
    pub fn start(mut self) -> LambdaProcess {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = channel();
        let (report, calls) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let timeout = self.timeout;
        let responses = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&responses);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, report, received) = (Arc::clone(&waiting), report.clone(), Arc::clone(&received));
                // A function that is killed closes its connections, which is not an error here.
                thread::spawn(move || drop(serve(&stream, &waiting, &report, &received, timeout)));
            }
        });
        self.command.env("AWS_LAMBDA_RUNTIME_API", address);
        let started = Instant::now();
        let mut child = self.command.spawn().expect("the program starts");
        let lines = [Arc::default(), Arc::default()];
        let bytes = Arc::default();
        let readers = [
            child.stdout.take().map(|out| follow(out, self.quiet, false, &lines[0], &bytes)),
            child.stderr.take().map(|out| follow(out, self.quiet, true, &lines[1], &bytes)),
        ];
        let readers = readers.into_iter().flatten().collect();
        let invoked = AtomicU64::new(0);
        LambdaProcess { child, started, events, calls, timeout, invoked, responses, lines, bytes, readers }
    }
}

/// The peak memory (resident set) of a process so far, in MiB.
pub fn peak_memory_mb_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

/// Reads the log of a function: counts the bytes, and keeps the lines unless it is quiet.
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

impl LambdaProcess {
    /// Starts a program with these environment variables and those that Lambda sets, and no others.
    pub fn start(program: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::start_os(program, variables.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// Like [`Self::start`], with variables that need not be UTF-8.
    pub fn start_os(program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        LambdaCommand::new(program, variables).start()
    }

    /// Waits until the function asks for its first event, and returns how long that took.
    pub fn first_poll(&self) -> Duration {
        match self.next_call() {
            RuntimeApiCall::Next => self.started.elapsed(),
            RuntimeApiCall::InitError(error) => panic!("the function reported an error during its start: {error}"),
            RuntimeApiCall::Finished(result) => panic!("a response without an event: {result:?}"),
        }
    }

    /// Sends an event and waits for the result.
    pub fn invoke(&self, event: &Value) -> InvocationResult {
        let id = format!("request-{}", self.invoked.fetch_add(1, Ordering::Relaxed) + 1);
        self.send(PendingEvent { id, deadline: FAR_DEADLINE_MS, body: event.to_string() })
    }

    /// Like [`Self::invoke`], with this request id and this much time until the deadline.
    pub fn invoke_as(&self, id: &str, time: Duration, event: &Value) -> InvocationResult {
        let end = SystemTime::now() + time;
        let deadline = end.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_millis();
        let deadline = u64::try_from(deadline).expect("a deadline that fits in 64 bits");
        self.send(PendingEvent { id: id.to_owned(), deadline, body: event.to_string() })
    }

    fn send(&self, event: PendingEvent) -> InvocationResult {
        self.events.send(event).expect("the server runs");
        loop {
            match self.next_call() {
                RuntimeApiCall::Finished(result) => return result,
                RuntimeApiCall::InitError(error) => panic!("the function reported an error during its start: {error}"),
                RuntimeApiCall::Next => {}
            }
        }
    }

    /// Like [`Self::invoke_as`], but kills the function if it has not finished after `until`.
    pub fn invoke_or_kill(
        &mut self,
        id: &str,
        time: Duration,
        event: &Value,
        until: Duration,
    ) -> Option<InvocationResult> {
        let end = SystemTime::now() + time;
        let deadline = end.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_millis();
        let deadline = u64::try_from(deadline).expect("a deadline that fits in 64 bits");
        self.events
            .send(PendingEvent { id: id.to_owned(), deadline, body: event.to_string() })
            .expect("the server runs");
        let begin = Instant::now();
        loop {
            match self.calls.recv_timeout(until.saturating_sub(begin.elapsed())) {
                Ok(RuntimeApiCall::Finished(result)) => return Some(result),
                Ok(RuntimeApiCall::InitError(error)) => {
                    panic!("the function reported an error during its start: {error}")
                }
                Ok(RuntimeApiCall::Next) => {}
                Err(_) => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    return None;
                }
            }
        }
    }

    fn next_call(&self) -> RuntimeApiCall {
        self.calls.recv_timeout(self.timeout).expect("the function calls the Runtime API in time")
    }

    /// What it sent to the Runtime API in response to events so far, results and errors alike, byte for byte.
    pub fn responses(&self) -> Vec<Vec<u8>> {
        self.responses.lock().expect("no panic").clone()
    }

    /// Its lines on stderr, as soon as there are at least `lines` of them.
    pub fn stderr_lines(&self, lines: usize) -> Vec<String> {
        self.wait_for_lines(1, lines)
    }

    /// Its lines on stdout, where metrics go, as soon as there are at least `lines` of them.
    pub fn stdout_lines(&self, lines: usize) -> Vec<String> {
        self.wait_for_lines(0, lines)
    }

    fn wait_for_lines(&self, stream: usize, lines: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let log = self.lines[stream].lock().expect("no panic").clone();
            if log.len() >= lines || start.elapsed() > self.timeout {
                return log;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the child process").is_none()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The peak memory (resident set) of the process so far, in MiB.
    pub fn peak_memory_mb(&self) -> f64 {
        peak_memory_mb_of(self.id())
    }

    /// Kills it, and returns how many bytes it wrote to stdout and stderr together.
    pub fn stop(mut self) -> u64 {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Serves one connection until it is closed.
fn serve(
    stream: &TcpStream,
    waiting: &Mutex<Receiver<PendingEvent>>,
    report: &Sender<RuntimeApiCall>,
    received: &Mutex<Vec<Vec<u8>>>,
    timeout: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some((path, body)) = read_request(&mut reader)? {
        let part = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        if part == "invocation/next" {
            let _ = report.send(RuntimeApiCall::Next);
            // Lambda freezes an idle function: no response until there is an event.
            let event = waiting.lock().expect("no panic").recv_timeout(timeout).map_err(io::Error::other)?;
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
        received.lock().expect("no panic").push(body.clone());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
        // Before the 202, after which the function continues: its result must not arrive after its next poll.
        let _ = report.send(match part {
            "init/error" => RuntimeApiCall::InitError(body),
            part if part.ends_with("/error") => RuntimeApiCall::Finished(Err(body)),
            part if part.ends_with("/response") => RuntimeApiCall::Finished(Ok(body)),
            _ => return writer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        });
        writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The path and body of the next request, or none if the connection was closed.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
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
