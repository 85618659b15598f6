//! Fetches tokens over HTTP (RFC 3161, section 3.4), and asks calendars ([`calendar`]).
//!
//! What comes back is bytes to be verified, nothing more: the answer is checked for form and status, not for truth.
//! Each call is one try; when to try again is the caller's business.

pub mod calendar;

use core::time::Duration;

use ureq::Agent;
use ureq::http::Response as HttpResponse;

use crate::error::ClientError;
use crate::rfc3161::{RESPONSE_BYTES_MAX, Request, Response};

/// How long a whole exchange may take unless told otherwise: public authorities answer within one or two seconds.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// Most bytes of a foreign media type repeated in an error.
const CONTENT_TYPE_SHOWN_MAX: usize = 64;

/// Sends `request` to the authority at `url` and returns the bytes of its granted response, at most
/// [`RESPONSE_BYTES_MAX`], for [`verify_response`](crate::verify_response). `timeout` covers the whole exchange.
/// Redirects are not followed and no proxy is taken from the environment.
///
/// # Errors
/// [`ClientError`]: unreachable, refused, or malformed, each by name.
pub fn fetch(url: &str, request: &Request, timeout: Duration) -> Result<Vec<u8>, ClientError> {
    check_url(url)?;
    let mut answer = agent(timeout)
        .post(url)
        .content_type("application/timestamp-query")
        .header("accept", "application/timestamp-reply")
        .send(&request.to_der())
        .map_err(unreachable)?;
    check_status(&answer)?;
    check_content_type(&answer)?;
    let bytes = read_body(&mut answer, RESPONSE_BYTES_MAX)?;
    let response = Response::parse(&bytes).map_err(|source| ClientError::Malformed { source })?;
    if !response.status().is_granted() {
        return Err(ClientError::NotGranted { status: response.status().as_str() });
    }
    Ok(bytes)
}

/// What sends one request: no redirect is followed, no proxy is taken from the environment.
pub(crate) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

/// The body of an answer, of at most `limit` bytes.
fn read_body(answer: &mut HttpResponse<ureq::Body>, limit: usize) -> Result<Vec<u8>, ClientError> {
    // The reader stops with an error at its limit, so one byte more lets the longest body through.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match answer.body_mut().with_config().limit(most).read_to_vec() {
        Ok(bytes) if bytes.len() <= limit => Ok(bytes),
        Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => Err(ClientError::TooLong { limit }),
        Err(error) => Err(unreachable(error)),
    }
}

fn check_url(url: &str) -> Result<(), ClientError> {
    let schemes: &[&str] = match cfg!(feature = "client-tls") {
        true => &["http://", "https://"],
        false => &["http://"],
    };
    match schemes.iter().any(|scheme| url.starts_with(scheme)) {
        true => Ok(()),
        false => Err(ClientError::Url),
    }
}

fn unreachable(error: ureq::Error) -> ClientError {
    match error {
        // Its text repeats the URL, which may hold a password.
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => ClientError::Url,
        error => ClientError::Unreachable { source: Box::new(error) },
    }
}

fn check_status<B>(answer: &HttpResponse<B>) -> Result<(), ClientError> {
    if answer.status().as_u16() == 200 {
        return Ok(());
    }
    let retry_after = answer.headers().get("retry-after");
    Err(ClientError::Refused {
        status: answer.status().as_u16(),
        retry_after: retry_after.and_then(|value| value.to_str().ok()).and_then(|value| value.trim().parse().ok()),
    })
}

fn check_content_type<B>(answer: &HttpResponse<B>) -> Result<(), ClientError> {
    let value = answer.headers().get("content-type");
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("none");
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/timestamp-reply") {
        return Ok(());
    }
    let found = media_type.chars().filter(|letter| !letter.is_control()).take(CONTENT_TYPE_SHOWN_MAX).collect();
    Err(ClientError::ContentType { found })
}
