//! Hostile addresses and responses, each with the error code that a stage must report.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};

/// Addresses that no stage may fetch, each with the code of its failure. `port` is an open port of this machine.
pub fn addresses(port: u16) -> Vec<(String, &'static str)> {
    let refused = [
        format!("http://localhost:{port}/"),
        format!("http://LOCALHOST:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://2130706433/".into(),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        "http://10.0.0.1/".into(),
        "http://172.16.0.1/".into(),
        "http://192.168.0.1/".into(),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://[fd00:ec2::254]/".into(),
        "http://me:secret@example.com/".into(),
    ];
    let unreadable =
        ["file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1/", "data:text/plain,x", "nonsense"];
    let refused = refused.into_iter().map(|url| (url, "address_refused"));
    refused.chain(unreadable.map(|url| (url.to_owned(), "url_unreadable"))).collect()
}

/// Responses that no stage may accept, by path, each with the code of its failure.
pub const RESPONSES: [(&str, &str); 8] = [
    ("/bomb", "too_large"),
    ("/endless", "too_large"),
    ("/announced", "too_large"),
    ("/slow-head", "timed_out"),
    ("/slow-body", "timed_out"),
    ("/silent", "timed_out"),
    ("/around", "too_many_redirects"),
    ("/away", "address_refused"),
];

/// A server with these responses; `/away` redirects to the port `other`.
pub fn start(other: u16) -> HttpServer {
    HttpServer::start(move |request| match request.path.as_str() {
        "/bomb" => {
            let mut packing = GzEncoder::new(Vec::new(), Compression::best());
            packing.write_all(&vec![b' '; 1 << 20]).expect("memory");
            let bomb = packing.finish().expect("memory").repeat(200);
            CannedResponse::Full(200, vec!["Content-Encoding: gzip".into()], bomb)
        }
        "/endless" => CannedResponse::Script(Box::new(|stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>")?;
            while stream.write_all(&[b'x'; 64 * 1024]).is_ok() {}
            Ok(())
        })),
        "/announced" => CannedResponse::Script(Box::new(|stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n<p>")
        })),
        "/slow-head" => drip("HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        "/slow-body" => drip("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        "/silent" => drip("", b""),
        "/around" => CannedResponse::redirect("/around"),
        "/away" => CannedResponse::redirect(&format!("http://127.0.0.1:{other}/")),
        path => CannedResponse::text(404, path),
    })
}

/// Sends byte by byte, for longer than any test waits.
fn drip(head: &'static str, part: &'static [u8]) -> CannedResponse {
    CannedResponse::Script(Box::new(move |stream| {
        stream.write_all(head.as_bytes())?;
        for _ in 0..1_000 {
            stream.write_all(part)?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }))
}
