//! Asks OpenTimestamps calendars: for a promise, and later for what came of it.
//!
//! What comes back is bytes for [`crate::ots::Proof`]. Each call is one try; when to try again is the caller's business.

use core::time::Duration;

use vm_core::digest::to_hex;

use super::{agent, check_status, check_url, read_body, unreachable};
use crate::error::ClientError;

/// Longest answer read, in bytes (python-opentimestamps, `RemoteCalendar`).
pub const ANSWER_BYTES_MAX: usize = 10_000;
/// What calendars send and take.
const ACCEPT: &str = "application/vnd.opentimestamps.v1";

/// Sends a message, as [`Proof::sent`](crate::ots::Proof::sent) gives it, to the calendar at `url`; gives its timestamp of
/// it, which mostly is a promise.
///
/// # Errors
/// [`ClientError`].
pub fn submit(url: &str, message: &[u8], timeout: Duration) -> Result<Vec<u8>, ClientError> {
    check_url(url)?;
    let url = format!("{}/digest", url.trim_end_matches('/'));
    let request = agent(timeout).post(url).header("accept", ACCEPT).content_type("application/x-www-form-urlencoded");
    let mut answer = request.send(message).map_err(unreachable)?;
    check_status(&answer)?;
    read_body(&mut answer, ANSWER_BYTES_MAX)
}

/// Asks the calendar at `url`, the address of its promise, what came of a message; none where the promise is not kept yet.
///
/// # Errors
/// [`ClientError`].
pub fn ask(url: &str, message: &[u8], timeout: Duration) -> Result<Option<Vec<u8>>, ClientError> {
    check_url(url)?;
    let url = format!("{}/timestamp/{}", url.trim_end_matches('/'), to_hex(message));
    let mut answer = agent(timeout).get(url).header("accept", ACCEPT).call().map_err(unreachable)?;
    if answer.status().as_u16() == 404 {
        return Ok(None);
    }
    check_status(&answer)?;
    read_body(&mut answer, ANSWER_BYTES_MAX).map(Some)
}
