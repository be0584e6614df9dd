//! The guarded fetch against a server that behaves like servers on the internet.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fanggen_runtime::fetch::{FetchLimits, FetchResponse, Fetcher};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::values::HostPort;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use flate2::Compression;
use flate2::write::GzEncoder;

fn fetcher(server: &HttpServer) -> Fetcher {
    Fetcher::new("fanggen/test", &[HostPort::new(server.host_port()).expect("an address")]).expect("a fetcher")
}

async fn get(server: &HttpServer, path: &str) -> Result<FetchResponse, Error> {
    fetcher(server).get(&server.url(path), FetchLimits::default()).await
}

async fn code(server: &HttpServer, path: &str) -> (String, bool) {
    let error = get(server, path).await.expect_err("a failure");
    (error.code.to_string(), error.transient)
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::best());
    packing.write_all(body).expect("memory");
    packing.finish().expect("memory")
}

/// The most memory this process ever had, in MiB, where Linux tells it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") / 1024
}

#[tokio::test]
async fn a_response_has_what_stages_need() {
    let server = HttpServer::start(|asked| match asked.path.as_str() {
        "/moved" => CannedResponse::redirect("/there?a=b"),
        "/gzip" => CannedResponse::Full(200, vec!["Content-Encoding: gzip".into()], packed(b"packed")),
        "/empty" => CannedResponse::text(204, "").with_header("Content-Encoding: gzip"),
        _ => CannedResponse::text(429, "later").with_header("Retry-After: 7").with_header("Content-Type: text/plain"),
    });
    let answer = get(&server, "/moved").await.expect("an answer");
    assert_eq!(
        answer,
        FetchResponse {
            status: 429,
            retry_after: Some(Duration::from_secs(7)),
            content_type: Some("text/plain".into()),
            content_language: None,
            body: b"later".to_vec(),
            url: server.url("/there?a=b"),
        }
    );
    assert_eq!(get(&server, "/gzip").await.expect("an answer").body, b"packed");
    assert_eq!(get(&server, "/empty").await.expect("an answer").body, b"");
    let head = server.requests()[0].head.clone();
    assert!(head.contains("user-agent: fanggen/test\r\n") && head.contains("accept-encoding: gzip\r\n"), "{head}");
}

#[tokio::test]
async fn only_the_allowed_port_of_this_machine_is_connected_to() {
    let other = HttpServer::start(|_| CannedResponse::text(200, "secret"));
    let targets = [
        other.url("/"),
        format!("http://localhost:{}/", other.port),
        format!("http://0x7f.1:{}/", other.port),
        format!("http://[::1]:{}/", other.port),
        format!("http://[::ffff:127.0.0.1]:{}/", other.port),
        "http://169.254.169.254/latest/meta-data/".into(),
    ];
    let count = targets.len();
    let server = HttpServer::start(move |asked| match asked.path.trim_start_matches('/').parse::<usize>() {
        Ok(target) => CannedResponse::redirect(&targets[target]),
        Err(_) => CannedResponse::text(200, "open"),
    });
    for target in 0..count {
        assert_eq!(code(&server, &format!("/{target}")).await, ("address_refused".into(), false), "{target}");
    }
    let error = fetcher(&server).get(&other.url("/"), FetchLimits::default()).await.expect_err("another port");
    assert_eq!(error.code, ErrorCode::AddressRefused);
    assert_eq!(other.connections(), 0);

    // A name that leads to the allowed address is admitted with the allowed port only.
    let by_name = format!("http://localhost:{}/open", server.port);
    assert_eq!(fetcher(&server).get(&by_name, FetchLimits::default()).await.expect("allowed").body, b"open");
    let nothing = Fetcher::new("fanggen/test", &[]).expect("a fetcher");
    let before = server.connections();
    for url in [by_name, server.url("/open")] {
        assert_eq!(
            nothing.get(&url, FetchLimits::default()).await.expect_err("closed").code,
            ErrorCode::AddressRefused
        );
    }
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_to_web_addresses_only() {
    let server = HttpServer::start(|asked| match asked.path.as_str() {
        "/loop" => CannedResponse::redirect("/loop"),
        "/file" => CannedResponse::redirect("file:///etc/passwd"),
        "/user" => CannedResponse::redirect("http://me:secret@127.0.0.1/"),
        "/0" => CannedResponse::text(200, "arrived"),
        path => {
            let left: u32 = path.trim_start_matches('/').parse().expect("a number");
            CannedResponse::redirect(&format!("/{}", left - 1))
        }
    });
    assert_eq!(get(&server, "/5").await.expect("an answer").body, b"arrived");
    assert_eq!(code(&server, "/6").await, ("too_many_redirects".into(), false));
    let before = server.requests().len();
    assert_eq!(code(&server, "/loop").await, ("too_many_redirects".into(), false));
    assert_eq!(server.requests().len() - before, 6);
    assert_eq!(code(&server, "/file").await, ("url_unreadable".into(), false));
    assert_eq!(code(&server, "/user").await, ("address_refused".into(), false));
}

/// Serves a body without end, and tells how many bytes of it were taken before the client hung up.
fn endless(head: &'static str, part: Vec<u8>) -> (HttpServer, mpsc::Receiver<usize>) {
    let (tell, told) = mpsc::channel();
    let server = HttpServer::start(move |_| {
        let (tell, part) = (tell.clone(), part.clone());
        CannedResponse::Script(Box::new(move |stream| {
            write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n")?;
            let mut taken = 0;
            while taken < 1 << 30 && stream.write_all(&part).is_ok() {
                taken += part.len();
            }
            tell.send(taken).map_err(io::Error::other)
        }))
    });
    (server, told)
}

#[tokio::test]
async fn an_endless_response_is_read_up_to_the_cap() {
    let mut chunk = format!("{:x}\r\n", 64 * 1024).into_bytes();
    chunk.extend(vec![b'x'; 64 * 1024]);
    chunk.extend(b"\r\n");
    let nothing = packed(b"").repeat(1_000);
    let mut empty = format!("{:x}\r\n", nothing.len()).into_bytes();
    empty.extend(nothing);
    empty.extend(b"\r\n");
    for (head, part) in [
        ("Content-Length: 1073741824", vec![b'x'; 64 * 1024]),
        ("Connection: close", vec![b'x'; 64 * 1024]),
        ("Transfer-Encoding: chunked", chunk),
        // Unpacks to nothing, for ever.
        ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", empty),
    ] {
        let (server, told) = endless(head, part);
        let limits = FetchLimits { bytes: 256 * 1024, ..FetchLimits::default() };
        let error = fetcher(&server).get(&server.url("/"), limits).await.expect_err("too much");
        assert_eq!((error.code.as_str(), error.transient), ("too_large", false), "{head}");
        // Beside the runtime, which has the connection to close.
        let taken = tokio::task::spawn_blocking(move || told.recv_timeout(Duration::from_secs(5)));
        let taken = taken.await.expect("no panic").expect("the server noticed");
        assert!(taken < 32 << 20, "{head}: {taken} bytes were taken");
    }
    assert!(peak() < 256, "{} MiB", peak());
}

#[tokio::test]
async fn a_decompression_bomb_stops_at_the_cap() {
    let bomb = packed(&vec![0; 1 << 20]).repeat(1 << 10);
    assert!(bomb.len() < 2 << 20);
    let server =
        HttpServer::start(move |_| CannedResponse::Full(200, vec!["Content-Encoding: gzip".into()], bomb.clone()));
    assert_eq!(code(&server, "/").await, ("too_large".into(), false));
    assert!(peak() < 256, "{} MiB", peak());
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_is_read() {
    let server = HttpServer::start(|asked| match asked.path.as_str() {
        "/gzip" => CannedResponse::Full(200, vec!["Content-Encoding: gzip".into()], packed(&[b'x'; 1_000])),
        _ => CannedResponse::text(200, &"x".repeat(1_000)),
    });
    for path in ["/plain", "/gzip"] {
        for (bytes, expected) in [(1_000, None), (999, Some("too_large".to_owned()))] {
            let limits = FetchLimits { bytes, ..FetchLimits::default() };
            let told = fetcher(&server).get(&server.url(path), limits).await;
            assert_eq!(told.err().map(|error| error.code.to_string()), expected, "{path} {bytes}");
        }
    }
}

#[tokio::test]
async fn network_failures_are_transient() {
    let write =
        |text: &'static [u8]| CannedResponse::Script(Box::new(move |stream: &mut TcpStream| stream.write_all(text)));
    let server = HttpServer::start(move |asked| match asked.path.as_str() {
        "/reset" => CannedResponse::Reset,
        "/closed" => write(b""),
        "/short" => write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
        "/cut" => {
            let whole = packed(&[b'x'; 1_000]);
            CannedResponse::Full(200, vec!["Content-Encoding: gzip".into()], whole[..whole.len() / 2].to_vec())
        }
        "/odd" => CannedResponse::text(200, "not gzip").with_header("Content-Encoding: gzip"),
        _ => CannedResponse::text(200, "zzz").with_header("Content-Encoding: br"),
    });
    for (path, expected, transient) in [
        ("/reset", "unreachable", true),
        ("/closed", "unreachable", true),
        ("/short", "unreachable", true),
        ("/cut", "answer_unreadable", true),
        ("/odd", "answer_unreadable", true),
        ("/br", "answer_unreadable", false),
    ] {
        assert_eq!(code(&server, path).await, (expected.to_owned(), transient), "{path}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let fetcher = Fetcher::new("fanggen/test", &[HostPort::new(silent.as_str()).expect("an address")]).expect("one");
    let error = fetcher.get(&format!("http://{silent}/hook/secret"), FetchLimits::default()).await.expect_err("closed");
    assert_eq!((error.code.as_str(), error.transient), ("unreachable", true));
    assert!(error.message.contains(&silent) && !error.message.contains("secret"), "{error}");
}

#[tokio::test]
async fn the_time_covers_the_whole_and_a_server_without_tls_is_no_safe_one() {
    let server = HttpServer::start(|asked| match asked.path.as_str() {
        "/drip" => CannedResponse::Script(Box::new(|stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
            for _ in 0..1_000 {
                stream.write_all(b"x")?;
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        })),
        _ => CannedResponse::text(200, "plain"),
    });
    let start = Instant::now();
    let limits = FetchLimits { time: Duration::from_millis(200), ..FetchLimits::default() };
    let error = fetcher(&server).get(&server.url("/drip"), limits).await.expect_err("too slow");
    assert_eq!((error.code.as_str(), error.transient), ("timed_out", true));
    assert!(start.elapsed() < Duration::from_secs(5));
    let tls = server.url("/").replace("http:", "https:");
    let error = fetcher(&server).get(&tls, FetchLimits::default()).await.expect_err("no TLS");
    assert_eq!(error.code, ErrorCode::TlsFailed, "{error}");
}
