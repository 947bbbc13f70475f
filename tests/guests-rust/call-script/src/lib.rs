//! The guest of `tests/functions.rs`: does what the JSON that it is given says, and answers with JSON. What it is to do
//! with another function may be to let that one do something with yet another.

use ostro::functions::invoke::{self, Error as Refused};
use serde_json::{Value, json};
use wstd::http::{Body, Client, Error, Request, Response, StatusCode};
use wstd::task::sleep;
use wstd::time::Duration;

wit_bindgen::generate!({
    path: "../../../wit/functions.wit",
    world: "calls",
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    // A proxy: what comes in goes on, and what comes back goes out, piece by piece.
    if let Some(url) = head.uri.query().and_then(|query| query.strip_prefix("relay=")) {
        return Client::new().send(Request::builder().method(head.method).uri(url).body(body)?).await;
    }
    let text = body.str_contents().await?.to_owned();
    let deed: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({ "do": "echo" }));
    let told = match deed["do"].as_str().unwrap_or("echo") {
        "call" => told(invoke::call(name(&deed), &input(&deed), &options(&deed))),
        "send" => told(invoke::send(name(&deed), &input(&deed), &options(&deed))),
        "fetch" => fetch(&deed).await,
        "dive" => dive(&deed).await,
        "fork" => {
            let both = [(); 2].map(|()| told(invoke::call(name(&deed), &deed.to_string(), "")));
            json!({ "both": both })
        }
        "many" => many(&deed),
        "rest" => {
            sleep(Duration::from_millis(deed["ms"].as_u64().unwrap_or(0))).await;
            json!("rested")
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        "trap" => panic!("a secret of the callee"),
        "say" => return say(&deed),
        _ => {
            let headers = head.headers.iter();
            let headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {}", shown(value))).collect();
            json!({ "method": head.method.as_str(), "host": head.uri.host(), "target": head.uri.path_and_query().map(|it| it.as_str()),
                    "headers": headers, "body": text })
        }
    };
    println!("{told}");
    Ok(Response::new(told.to_string().into()))
}

fn shown(value: &wstd::http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn name(deed: &Value) -> &str {
    deed["function"].as_str().unwrap_or("")
}

/// `bytes` stands for a string of that many.
fn input(deed: &Value) -> String {
    match (deed["bytes"].as_u64(), deed["text"].as_str()) {
        (Some(bytes), _) => format!("\"{}\"", "x".repeat(bytes as usize - 2)),
        (_, Some(text)) => text.to_owned(),
        _ => deed["input"].to_string(),
    }
}

fn options(deed: &Value) -> String {
    match &deed["options"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        options => options.to_string(),
    }
}

fn told(result: Result<String, Refused>) -> Value {
    let (kind, text) = match result {
        Ok(text) => {
            let value = serde_json::from_str(&text).unwrap_or(json!(text));
            return match value.to_string().len() {
                long @ 100_000.. => json!({ "ok": format!("{long} bytes") }),
                _ => json!({ "ok": value }),
            };
        }
        Err(Refused::Denied(text)) => ("denied", text),
        Err(Refused::UnknownFunction(text)) => ("unknown-function", text),
        Err(Refused::Loop(text)) => ("loop", text),
        Err(Refused::Busy(text)) => ("busy", text),
        Err(Refused::Failed(text)) => ("failed", text),
        Err(Refused::Invalid(text)) => ("invalid", text),
        Err(Refused::Unavailable(text)) => ("unavailable", text),
        Err(Refused::Deadline(text)) => ("deadline", text),
    };
    json!({ "error": kind, "text": serde_json::from_str(&text).unwrap_or(json!(text)) })
}

/// Calls itself, or whom it is told, until it is refused: how often that went well, and how it was refused.
async fn dive(deed: &Value) -> Value {
    let below = match deed["via"].as_str() {
        Some("http") => {
            let url = format!("http://{}.ostro.internal/", name(deed));
            let answer = fetch(&json!({ "url": url, "method": "POST", "text": deed.to_string() })).await;
            match answer["status"].as_u64() {
                Some(200) => json!({ "ok": answer["body"] }),
                _ => answer,
            }
        }
        Some("send") => told(invoke::send(name(deed), &deed.to_string(), "")),
        _ => told(invoke::call(name(deed), &deed.to_string(), "")),
    };
    match below["ok"]["depth"].as_u64() {
        Some(depth) => json!({ "depth": depth + 1, "end": below["ok"]["end"] }),
        None => json!({ "depth": 0, "end": below }),
    }
}

/// How many calls of one invocation go well, and how the first that does not is refused.
fn many(deed: &Value) -> Value {
    for made in 0..deed["count"].as_u64().unwrap_or(0) {
        let called = told(invoke::call(name(deed), "", ""));
        if called.get("error").is_some() {
            return json!({ "made": made, "end": called });
        }
    }
    json!({ "made": deed["count"] })
}

async fn fetch(deed: &Value) -> Value {
    let method = deed["method"].as_str().unwrap_or("GET");
    let mut request = Request::builder().method(method).uri(deed["url"].as_str().unwrap_or(""));
    for (name, value) in deed["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or(""));
    }
    let body = deed["text"].as_str().unwrap_or("").to_owned();
    let sent = Client::new().send(request.body(Body::from(body)).expect("a request")).await;
    match sent {
        Ok(answer) => {
            let (head, mut body) = answer.into_parts();
            let headers: Vec<_> = head.headers.keys().map(|name| name.as_str().to_owned()).collect();
            match body.str_contents().await {
                Ok(text) => {
                    let body = serde_json::from_str(text).unwrap_or(json!(text));
                    json!({ "status": head.status.as_u16(), "headers": headers, "body": body })
                }
                Err(error) => json!({ "status": head.status.as_u16(), "cut": format!("{error:#}") }),
            }
        }
        Err(error) => json!({ "refused": format!("{error:#}") }),
    }
}

/// Answers exactly so.
fn say(deed: &Value) -> Result<Response<Body>, Error> {
    let status = StatusCode::from_u16(deed["status"].as_u64().unwrap_or(200) as u16)?;
    let body = match deed["bytes"].as_u64() {
        Some(_) => input(deed),
        None => deed["text"].as_str().unwrap_or("").to_owned(),
    };
    Ok(Response::builder().status(status).body(body.into())?)
}
