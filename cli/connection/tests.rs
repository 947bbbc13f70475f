//! Which server is chosen, and what is kept on disk.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

fn connection(name: &str, url: &str, token: &str) -> Connection {
    Connection {
        name: name.to_owned(),
        url: ServerUrl::parse(url).unwrap(),
        token: Token::from(token.to_owned()),
        project: None,
    }
}

fn saved() -> Connections {
    let mut saved = Connections::default();
    saved.put(connection(LOCAL, "http://127.0.0.1:8701", "local-token"));
    saved.put(connection("far", "https://example.com", "far-token"));
    saved.put(Connection {
        project: Some("shop".to_owned()),
        ..connection("shop", "https://example.com", "shop-token")
    });
    saved
}

fn choose(url: Option<&str>, token: Option<&str>, saved: &Connections) -> Result<(String, String), Failure> {
    let token = token.map(|token| Token::from(token.to_owned()));
    let typed = Typed { url, token: token.as_ref(), ..Typed::default() };
    let server = Server::from(typed.without_empty(), saved)?;
    Ok((server.url.to_string(), server.token.map(|token| token.text().to_owned()).unwrap_or_default()))
}

#[test]
fn what_is_typed_wins() {
    let saved = saved();
    let local = "http://127.0.0.1:8701";
    for (url, token, expected_url, expected_token) in [
        (None, None, local, "local-token"),
        (Some(""), Some(" "), local, "local-token"),
        (Some("far"), None, "https://example.com", "far-token"),
        (Some("https://EXAMPLE.com/"), None, "https://example.com", "far-token"),
        (Some("https://other.example"), None, "https://other.example", ""),
        (Some("https://other.example"), Some("t\n"), "https://other.example", "t"),
        (None, Some("t"), local, "t"),
    ] {
        let chosen = choose(url, token, &saved).unwrap();
        assert_eq!(chosen, (expected_url.to_owned(), expected_token.to_owned()), "{url:?} {token:?}");
    }
}

#[test]
fn the_current_connection_is_used() {
    let mut saved = saved();
    saved.current = Some("shop".to_owned());
    let server = Server::from(Typed::default(), &saved).unwrap();
    assert_eq!(server.project.as_deref(), Some("shop"));
    assert_eq!(choose(Some("https://example.com"), None, &saved).unwrap().1, "shop-token");
    assert_eq!(choose(None, None, &Connections::default()).unwrap(), (DEFAULT_URL.to_owned(), String::new()));
}

#[test]
fn an_unknown_name_is_wrong_use() {
    let Failure::Usage(word) = choose(Some("nowhere"), None, &saved()).unwrap_err() else {
        panic!("not wrong use")
    };
    assert!(word.hint.unwrap().contains("local, far, shop"));
}

#[test]
fn a_token_does_not_travel_in_the_open() {
    let saved = Connections::default();
    assert!(choose(Some("http://10.0.0.1:8701"), Some("t"), &saved).is_err());
    assert!(choose(Some("http://10.0.0.1:8701"), None, &saved).is_ok());
    assert!(choose(Some("http://localhost:8701"), Some("t"), &saved).is_ok());
    let token = Token::from("t".to_owned());
    let typed =
        Typed { url: Some("http://10.0.0.1:8701"), token: Some(&token), plain_http: PlainHttp::Allowed };
    assert!(Server::from(typed, &saved).is_ok());
}

#[test]
fn the_file_comes_back_and_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/ostro/connections.toml");
    assert_eq!(Connections::load(&file).unwrap(), Connections::default());
    let mut connections = saved();
    connections.current = Some("far".to_owned());
    connections.save(&file).unwrap();
    assert_eq!(Connections::load(&file).unwrap(), connections);

    connections.put(connection(LOCAL, "http://127.0.0.1:9", "new-token"));
    connections.save(&file).unwrap();
    assert_eq!(Connections::load(&file).unwrap(), connections);

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn a_broken_file_is_refused_without_telling_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connections.toml");
    fs::write(&file, "[[connection]]\nname = \"a\"\nurl = 1\ntoken = \"ostro_secret\"\n").unwrap();
    let failure = Connections::load(&file).unwrap_err();
    assert!(!format!("{failure:?}").contains("ostro_secret"));
}

#[test]
fn a_token_shows_itself_to_nobody() {
    assert!(!format!("{:?}", saved()).contains("-token"));
}
