//! The time of S3's own clock, read from the `Date` header of its responses: a lock that is judged by the clock of one machine
//! expires at another time on every machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

/// The clock of S3, as far as its responses told it.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<Reading>>>);

/// The time of a response, by its header and by this machine.
#[derive(Clone, Copy, Debug)]
struct Reading {
    server: Timestamp,
    /// Does not jump, but stands still while the machine sleeps.
    monotonic: Instant,
    /// Goes on while the machine sleeps.
    local: SystemTime,
}

impl ServerClock {
    /// The server's time now; this machine's time before the first response.
    pub(super) fn now(&self) -> Timestamp {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = reading else { return Timestamp::now() };
        let since = reading.local.elapsed().unwrap_or_default().max(reading.monotonic.elapsed());
        reading.server.checked_add(since).unwrap_or(reading.server)
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "server clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(server) = date.and_then(|text| time(&DateTime::from_str(text, Format::HttpDate).ok()?)) {
            let reading = Reading { server, monotonic: Instant::now(), local: SystemTime::now() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }
        Ok(())
    }
}

/// A time as the SDK reads it.
pub(super) fn time(read: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(read.secs()).ok()
}
