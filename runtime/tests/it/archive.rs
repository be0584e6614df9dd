//! The archive: the same records in every format and compression, read back independently.

use std::io::Read as _;

use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::memory_services::MemoryServices;
use serde_json::json;

#[tokio::test]
async fn every_compression_gives_the_same_records_under_a_fitting_name() {
    let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
    let records: Vec<_> =
        (0..100).map(|item| Record::new(run.as_str(), "companies", Item::named(format!("item {item}")))).collect();
    let chunk = Chunk::new(&run, 0, &records);
    for (format, rows) in [("jsonl", 100), ("csv", 101)] {
        let mut bodies = Vec::new();
        for (compression, ending) in [("none", ""), ("gzip", ".gz"), ("zstd", ".zst")] {
            let services = MemoryServices::default();
            let sink = services.open_sink("s3", "archive", json!({ "format": format, "compression": compression }));
            let key = format!("archive/dt=2026-11-22/{run}-{}.{format}{ending}", chunk.id);
            assert_eq!(sink.write(&chunk, &records).await.expect("written"), format!("on archive/{key}"));
            let first = services.0.objects.lock().expect("no panic").clone();
            sink.write(&chunk, &records).await.expect("written");
            let objects = services.0.objects.lock().expect("no panic");
            assert_eq!((objects.len(), &*objects), (1, &first), "the same chunk is the same object, to the byte");
            let packed = &objects[&key];
            let mut body = Vec::new();
            match compression {
                "gzip" => drop(flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut body).expect("gzip")),
                "zstd" => body = zstd::stream::decode_all(&packed[..]).expect("zstd"),
                _ => body.clone_from(packed),
            }
            assert!(compression == "none" || packed.len() * 5 < body.len(), "{compression}: {}", packed.len());
            bodies.push(body);
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        assert_eq!(String::from_utf8_lossy(&bodies[0]).lines().count(), rows);
    }
}
