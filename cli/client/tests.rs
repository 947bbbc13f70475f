//! The client against a socket that plays the server.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread::JoinHandle,
};

use super::*;
use crate::connection::{Server, Token};

/// Answers one request with `answer`; gives back its head.
fn server(answer: &'static str) -> (Client, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = ServerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let head = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&stream);
        stream.write_all(answer.as_bytes()).unwrap();
        head
    });
    let token = Some(Token::from("ostro_a_b".to_owned()));
    (Client::new(Server { url, token, project: None }), head)
}

fn read_head(stream: &TcpStream) -> String {
    BufReader::new(stream)
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_name_can_not_reach_another_resource() {
    assert_eq!(path(&["projects", "default", "functions", "a-b_1"]), "/v1/projects/default/functions/a-b_1");
    assert_eq!(path(&["projects", "../x?y#z/é"]), "/v1/projects/%2E%2E%2Fx%3Fy%23z%2F%C3%A9");
}

#[test]
fn an_answer_is_read_and_the_token_sent() {
    let (client, head) = server("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}");
    let health: wire::Health = client.get("/health", &[("a b", "ü&".to_owned())]).unwrap();
    assert_eq!(health.status, "ok");
    let head = head.join().unwrap();
    assert!(head.starts_with("GET /health?a%20b=%C3%BC%26 HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer ostro_a_b"), "{head}");
}

#[test]
fn the_servers_words_are_kept() {
    let (client, head) = server(
        "HTTP/1.1 404 Not Found\r\ncontent-length: 72\r\n\r\n\
         {\"error\":{\"code\":\"not_found\",\"message\":\"function not found\",\"hint\":\"h\"}}\n\n",
    );
    let Failure::Failed(word) = client.delete(&path(&["x"])).unwrap_err() else { panic!("not failed") };
    assert_eq!((word.code.as_str(), word.message.as_str()), ("not_found", "function not found"));
    assert_eq!(word.hint.as_deref(), Some("h"));
    assert!(head.join().unwrap().starts_with("DELETE /v1/x "));
}

#[test]
fn a_foreign_answer_is_named_so() {
    let (client, _) =
        server("HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n");
    let Failure::Failed(word) = client.get::<wire::Health>("/health", &[]).unwrap_err() else {
        panic!("not failed")
    };
    assert_eq!(word.code, "bad_answer");
}

#[test]
fn no_server_says_how_to_start_one() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = ServerUrl::parse(&format!("http://{closed}")).unwrap();
    let client = Client::new(Server { url, token: None, project: None });
    let Failure::Failed(word) = client.get::<wire::Health>("/health", &[]).unwrap_err() else {
        panic!("not failed")
    };
    assert!(word.hint.unwrap().contains("ostro serve"));
}

#[test]
fn a_large_upload_is_announced() {
    let (client, head) =
        server("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let bytes = vec![0; 1 << 20];
    let body = RawBody { content_type: "text/plain", bytes: &bytes };
    assert!(client.call("/x", &[("path", "/".to_owned())], &body).is_err());
    let head = head.join().unwrap();
    assert!(head.contains("expect: 100-continue") && head.contains("content-length: 1048576"), "{head}");
}
