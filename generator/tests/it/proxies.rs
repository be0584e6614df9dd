//! `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`: heard by `run --live` and by the commands that call AWS.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use fanggen_runtime::testing::process::ProcessOutput;

use crate::harness::project::Project;

/// A proxy that writes down what it is asked for. It opens no tunnel, and answers plain requests itself, as Wikipedia.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
                    let first = lines.next().and_then(Result::ok).unwrap_or_default();
                    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                    let connect = first.starts_with("CONNECT ");
                    heard.lock().expect("no panic").push(first);
                    let page = r#"{"batchcomplete":true,"query":{"pages":[{"title":"Apple","extract":"A great, friendly company."}]}}"#;
                    let answer = match connect {
                        true => "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
                        false => format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                            page.len()
                        ),
                    };
                    let _ = stream.write_all(answer.as_bytes());
                });
            }
        });
        Self { address, asked }
    }

    /// The methods and targets so far, each once.
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no panic");
        let short = |line: &String| line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
        let mut all: Vec<String> = asked.iter().map(short).collect();
        all.dedup();
        all
    }
}

const PIPELINE: &str = "[pipeline]\nname = \"x\"\ncontact = \"me@example.com\"\n\n[sources.companies]\ntype = \"inline\"\nitems = [\"Apple\"]\n
[[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\npatience_s = 5\nENDPOINT
[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n\n[sinks.archive]\ntype = \"s3\"\n";

/// Runs `fanggen` with these variables and nothing else of this machine but the path.
fn fanggen(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> ProcessOutput {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    command.args(arguments).current_dir(project.path()).env_clear().env("PATH", path);
    command.envs(variables.iter().copied()).output().expect("started").into()
}

fn live(endpoint: &str, variables: &[(&str, &str)]) -> ProcessOutput {
    let endpoint = if endpoint.is_empty() { String::new() } else { format!("endpoint = \"{endpoint}\"\n") };
    let project = Project::with(&PIPELINE.replace("ENDPOINT", &endpoint));
    fanggen(&project, &["run", "--live", "--json"], variables)
}

#[test]
fn live_fetches_go_through_the_proxy_of_the_environment() {
    let elsewhere = "http://wiki.invalid/api.php";
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Proxy::start();
        let ran = live(elsewhere, &[(name, &proxy.address)]);
        assert_eq!(ran.json()["items"][0]["label"], "POSITIVE", "{name}: {ran:?}");
        assert_eq!(proxy.asked(), ["GET http://wiki.invalid/api.php"], "{name}");
    }
    // The name of the proxy resolves to a loopback address, as those of companies do to private ones.
    let proxy = Proxy::start();
    live("", &[("https_proxy", &proxy.address.replace("127.0.0.1", "localhost"))]);
    assert_eq!(proxy.asked(), ["CONNECT en.wikipedia.org:443"]);
    let proxy = Proxy::start();
    let ran = live(elsewhere, &[("HTTP_PROXY", &proxy.address), ("NO_PROXY", "wiki.invalid")]);
    assert_eq!((ran.code, proxy.asked()), (1, vec![]), "{ran:?}");
}

#[test]
fn the_address_guard_holds_in_front_of_a_proxy() {
    let proxy = Proxy::start();
    for endpoint in
        ["http://127.0.0.1:9/api.php", "http://169.254.169.254/latest", "http://[::1]:9/", "http://localhost:9/api.php"]
    {
        let ran = live(endpoint, &[("HTTP_PROXY", &proxy.address)]);
        let error = ran.json()["items"][0]["error"].to_string();
        assert!(ran.code == 1 && ran.stdout.contains("address_refused"), "{endpoint}: {error} {ran:?}");
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[cfg(feature = "aws")]
#[test]
fn commands_that_call_aws_go_through_the_proxy_of_the_environment() {
    let project = Project::with(&PIPELINE.replace("ENDPOINT", ""));
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("HOME", "/nonexistent")];
    let status = |more: &[(&str, &str)]| fanggen(&project, &["status"], &[&keys[..], more].concat());
    let proxy = Proxy::start();
    let ran = status(&[("HTTPS_PROXY", &proxy.address)]);
    assert_eq!((ran.code, proxy.asked()), (1, vec!["CONNECT sts.us-east-1.amazonaws.com:443".to_owned()]), "{ran:?}");
    let proxy = Proxy::start();
    let ran = status(&[("HTTPS_PROXY", &proxy.address), ("NO_PROXY", ".amazonaws.com")]);
    assert_eq!((ran.code, proxy.asked()), (1, vec![]), "{ran:?}");
}
