//! A mail server (RFC 5321) on the loopback: takes mails in its mood, and remembers what it was told.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a mail server takes what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes everything.
    Willing,
    /// It knows no recipient.
    Strict,
    /// It has no time for the first mails.
    BusyFor(usize),
    /// It greets nobody.
    Silent,
}

/// A running mail server; its thread ends with the test process.
pub struct MailServer {
    /// Where it listens, on the loopback.
    pub at: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { at: listener.local_addr().unwrap(), lines: Arc::default(), mails: Arc::default() };
        let (lines, mails) = (Arc::clone(&server.lines), Arc::clone(&server.mails));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lines, mails) = (Arc::clone(&lines), Arc::clone(&mails));
                std::thread::spawn(move || talk(&stream, mood, &lines, &mails));
            }
        });
        server
    }

    /// All commands that it was given.
    pub fn commands(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// How often a command came that begins so.
    pub fn count(&self, beginning: &str) -> usize {
        self.commands().iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// The mails that it took, as texts without the breaks that their encoding makes.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }

    /// The mail to that address with that subject, once it is there.
    pub fn mail(&self, to: &str, subject: &str) -> String {
        let (to, subject) = (format!("\r\nTo: {to}\r\n"), format!("\r\nSubject: {subject}\r\n"));
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let mails = self.mails();
            if let Some(mail) = mails.iter().find(|mail| mail.contains(&to) && mail.contains(&subject)) {
                return mail.clone();
            }
            assert!(Instant::now() < patience, "no such mail: {mails:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The token in the link of a mail, which stands after `token=`.
pub fn token(mail: &str) -> String {
    let (_, after) = mail.split_once("token=").unwrap_or_else(|| panic!("no link: {mail}"));
    after.split_ascii_whitespace().next().unwrap().to_owned()
}

fn talk(stream: &TcpStream, mood: Mood, lines: &Mutex<Vec<String>>, mails: &Mutex<Vec<String>>) {
    let say = |text: &str| {
        let mut stream = stream;
        stream.write_all(format!("{text}\r\n").as_bytes()).is_ok()
    };
    let mut reader = BufReader::new(stream);
    if mood != Mood::Silent && !say("220 mail.test") {
        return;
    }
    while let Some(line) = line(&mut reader) {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let asked = {
            let mut lines = lines.lock().unwrap();
            lines.push(line);
            lines.iter().filter(|line| line.starts_with("MAIL")).count()
        };
        let said = match (word.as_str(), mood) {
            ("EHLO", _) => say("250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN"),
            ("MAIL", Mood::BusyFor(times)) if asked <= times => say("451 4.3.2 later, ann@example.com"),
            ("RCPT", Mood::Strict) => say("550 5.1.1 there is no ann@example.com here"),
            ("AUTH", _) => say("235 2.7.0 yes"),
            ("DATA", _) => {
                say("354 go on");
                let mut mail = String::from("\r\n");
                while let Some(line) = self::line(&mut reader).filter(|line| line != ".") {
                    mail.push_str(&line);
                    mail.push_str("\r\n");
                }
                mails.lock().unwrap().push(mail.replace("=\r\n", "").replace("=3D", "="));
                say("250 2.0.0 taken")
            }
            ("QUIT", _) => {
                say("221 bye");
                return;
            }
            _ => say("250 2.0.0 yes"),
        };
        if !said {
            return;
        }
    }
}

fn line(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
