//! Runs asynchronous work from a command, on one thread.

use std::future::Future;

use super::error::CommandError;

/// Runs a future to its end.
///
/// # Errors
/// A system that refuses the resources for it.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::System("cannot start the async runtime", error))?;
    let result = runtime.block_on(work);
    // A prompt that nobody answered must not keep the process alive.
    runtime.shutdown_background();
    Ok(result)
}
