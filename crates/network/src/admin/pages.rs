//! Which page answers which request.

use bytes::Bytes;
use commands::Host;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::admin::{health, prometheus};
use crate::host::Common;

const TEXT: &str = "text/plain; charset=utf-8";
const PAGES: &str = "not found; there are /livez, /readyz, /healthz and /metrics\n";

type Page = Response<Full<Bytes>>;

/// The answer to a request. Bodies of requests are not read.
pub(super) fn answer<B>(common: &Common, request: &Request<B>) -> Page {
    let write = match request.uri().path() {
        "/livez" => live,
        "/readyz" => ready,
        "/healthz" => healthy,
        "/metrics" => metrics,
        _ => return page(StatusCode::NOT_FOUND, TEXT, PAGES.to_owned()),
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are allowed\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    write(common)
}

/// Whether the network threads turn. A supervisor that restarts the process on failures asks this.
fn live(common: &Common) -> Page {
    let health = common.health(&common.facts());
    if health.live {
        return page(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    page(StatusCode::SERVICE_UNAVAILABLE, TEXT, health::reasons(&health))
}

/// Whether commands are served now. A balancer that chooses among servers asks this.
fn ready(common: &Common) -> Page {
    let health = common.health(&common.facts());
    if health.is_ready() {
        return page(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    page(StatusCode::SERVICE_UNAVAILABLE, TEXT, health::reasons(&health))
}

/// The state of each part, and since when, for people and dashboards.
fn healthy(common: &Common) -> Page {
    let facts = common.facts();
    let health = common.health(&facts);
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    page(status, "application/json", health::json(&health, &facts))
}

fn metrics(common: &Common) -> Page {
    let facts = common.facts();
    let health = common.health(&facts);
    let text = prometheus::page(&facts, &common.runtime, &health);
    page(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}
