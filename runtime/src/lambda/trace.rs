//! X-Ray traces: one subsegment per stage and sink of a chunk, if tracing is enabled.

use std::hash::{BuildHasher as _, RandomState};
use std::net::UdpSocket;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::function::ComponentTiming;

/// The trace of one invocation.
pub struct Trace {
    root: String,
    parent: String,
    daemon: String,
}

impl Trace {
    /// The trace of the invocation's tracing header, if it is sampled. `daemon` is the address of Lambda's X-Ray daemon
    /// (`AWS_XRAY_DAEMON_ADDRESS`)
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
    #[must_use]
    pub fn from_header(header: Option<&str>, daemon: Option<&str>) -> Option<Self> {
        let part = |name: &str| header?.split(';').find_map(|part| part.trim().strip_prefix(name)).map(str::to_owned);
        (part("Sampled=")? == "1").then_some(())?;
        Some(Self { root: part("Root=")?, parent: part("Parent=")?, daemon: daemon?.to_owned() })
    }

    /// Sends a subsegment for each timing to the daemon, by UDP. Lost datagrams are not noticed: only the trace suffers.
    pub fn send(&self, timings: &[ComponentTiming]) {
        let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else { return };
        for timing in timings {
            let body = format!("{{\"format\": \"json\", \"version\": 1}}\n{}", self.segment(timing));
            let _ = socket.send_to(body.as_bytes(), &self.daemon);
        }
    }

    /// The segment document of a timing
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>).
    fn segment(&self, timing: &ComponentTiming) -> Value {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut segment = json!({
            "name": timing.name, "id": format!("{:016x}", RandomState::new().hash_one(&timing.name)),
            "trace_id": self.root, "parent_id": self.parent, "type": "subsegment",
            "start_time": seconds(timing.start), "end_time": seconds(timing.start + timing.duration),
        });
        if timing.failed {
            segment["fault"] = json!(true);
        }
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HEADER: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

    #[test]
    fn only_sampled_invocations_have_a_trace() {
        assert!(Trace::from_header(Some(HEADER), Some("127.0.0.1:2000")).is_some());
        assert!(Trace::from_header(Some(&HEADER.replace("=1", "=0")), Some("127.0.0.1:2000")).is_none());
        assert!(Trace::from_header(Some(HEADER), None).is_none() && Trace::from_header(None, Some("x")).is_none());
        assert!(Trace::from_header(Some("Sampled=1"), Some("127.0.0.1:2000")).is_none());
    }

    #[test]
    fn the_daemon_receives_a_subsegment() {
        let daemon = UdpSocket::bind("127.0.0.1:0").expect("a port");
        daemon.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let address = daemon.local_addr().expect("an address").to_string();
        let timing = ComponentTiming {
            name: "sentiment".into(),
            start: UNIX_EPOCH + Duration::from_secs(10),
            duration: Duration::from_millis(250),
            failed: true,
        };
        Trace::from_header(Some(HEADER), Some(&address)).expect("a trace").send(&[timing]);
        let mut body = [0; 1024];
        let length = daemon.recv(&mut body).expect("a datagram");
        let body = std::str::from_utf8(&body[..length]).expect("UTF-8");
        let (header, segment) = body.split_once('\n').expect("two lines");
        assert_eq!(header, r#"{"format": "json", "version": 1}"#);
        let mut segment: Value = serde_json::from_str(segment).expect("JSON");
        let id = segment["id"].take();
        assert_eq!(id.as_str().map(str::len), Some(16));
        assert_eq!(
            segment,
            json!({
                "name": "sentiment", "id": null, "trace_id": "1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
                "parent_id": "9a9197af755a6419", "type": "subsegment", "start_time": 10.0, "end_time": 10.25,
                "fault": true,
            })
        );
    }
}
