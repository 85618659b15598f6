//! The HTTP client against a server on loopback that answers with the local authority, or badly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Watch};

use common::now;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::client::fetch;
use vm_anchor::error::ClientError;
use vm_anchor::rfc3161::{Check, RESPONSE_BYTES_MAX, Request};
use vm_anchor::{TrustPolicy, verify_response};
use vm_core::digest::Sha256Digest;

const PATIENCE: Duration = Duration::from_secs(10);

/// Reads one HTTP request; returns its head in lower case and its body.
fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let end = loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.unwrap().trim().parse().unwrap();
    let mut body = bytes.split_off(end);
    while body.len() < length {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        body.extend_from_slice(&piece[..count]);
    }
    (head, body)
}

/// Serves one exchange with `answer`, which gets head and body and writes all of the answer.
fn serve(answer: impl FnOnce(&str, &[u8]) -> Vec<u8> + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (head, body) = read_request(&mut stream);
        // The client may hang up before it has read all of a wrong answer.
        let _ = stream.write_all(&answer(&head, &body));
        let _ = stream.shutdown(Shutdown::Both);
    });
    (url, thread)
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

const REPLY: &str = "content-type: application/timestamp-reply\r\n";

fn request() -> Request {
    Request::new(&Sha256Digest::of(b"bundle"), &[5; 16]).unwrap()
}

fn fails(answer: Vec<u8>) -> ClientError {
    let (url, thread) = serve(move |_, _| answer);
    let error = fetch(&url, &request(), PATIENCE).unwrap_err();
    thread.join().unwrap();
    error
}

#[test]
fn fetched_tokens_verify() {
    let authority = LocalAuthority::generate("loopback", now()).unwrap();
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    let (url, thread) = serve(move |head, body| {
        assert!(head.starts_with("post /tsa http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/timestamp-query\r\n"), "{head}");
        http("200 OK", REPLY, &authority.respond(body, now()).unwrap())
    });
    let response = fetch(&url, &request(), PATIENCE).unwrap();
    thread.join().unwrap();
    let check = Check::new(&policy, now());
    let (report, anchor) = check.answers(&request()).response(&response);
    assert!(anchor.is_some(), "{report:?}");
    let digest = Sha256Digest::of(b"bundle");
    let (_, replayed) = verify_response(&response, &digest, Some(&[6; 16]), &policy, now());
    assert!(replayed.is_none(), "another request's answer");
}

#[test]
fn bad_answers_have_names() {
    let authority = LocalAuthority::generate("loopback", now()).unwrap();
    let rejection = authority.respond(b"nonsense", now()).unwrap();
    let huge = vec![0x30; RESPONSE_BYTES_MAX + 1];
    let chunked = format!("HTTP/1.1 200 OK\r\n{REPLY}transfer-encoding: chunked\r\n\r\n400\r\n").into_bytes();
    for (code, answer) in [
        ("client-refused", http("503 Busy", "retry-after: 7\r\n", b"")),
        ("client-refused", http("302 Found", "location: http://127.0.0.1:9/\r\n", b"")),
        ("client-content-type", http("200 OK", "content-type: text/html\r\n", b"<html>")),
        ("client-content-type", http("200 OK", "", b"x")),
        ("client-malformed", http("200 OK", REPLY, b"")),
        ("client-malformed", http("200 OK", REPLY, b"nonsense")),
        ("client-too-long", http("200 OK", REPLY, &huge)),
        ("client-not-granted", http("200 OK", REPLY, &rejection)),
        ("client-unreachable", chunked),
        ("client-unreachable", Vec::new()),
    ] {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let error = fails(answer);
        assert_eq!(error.code(), code, "{shown}: {error:?}");
    }
    let busy = fails(http("429 Slow", "retry-after: 7\r\n", b""));
    assert!(matches!(busy, ClientError::Refused { status: 429, retry_after: Some(7) }));
}

#[test]
fn nobody_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = fetch(&format!("http://127.0.0.1:{port}/"), &request(), PATIENCE).unwrap_err();
    assert_eq!(error.code(), "client-unreachable");
}

#[test]
fn silence_ends_with_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let watch = Watch::now();
    let error = fetch(&url, &request(), Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.code(), "client-unreachable");
    assert!(watch.elapsed() < Duration::from_secs(5));
}

#[test]
fn other_urls_are_refused_and_not_repeated() {
    for url in [
        "",
        "ftp://host/",
        "file:///etc/passwd",
        "https://user:hunter2@127.0.0.1:1/",
        "http://user:hunter2@[/",
        "http://",
    ] {
        let error = fetch(url, &request(), PATIENCE).unwrap_err();
        // With TLS the address can be asked; nobody listens there.
        let asked = url.starts_with("https:") && cfg!(feature = "client-tls");
        let code = if asked { "client-unreachable" } else { "client-url" };
        assert_eq!(error.code(), code, "{url}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
