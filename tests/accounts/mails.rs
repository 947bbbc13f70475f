//! Mails that the server sends itself, by the mail server of its operator; and what does not come of it when that one fails (threat F2).

use std::time::{Duration, Instant};

use serde_json::json;

use super::bench::Bench;
use crate::support::Server;
use crate::support::smtp::{MailServer, Mood, token};

const MANIFEST: &str = "[auth]\nemail = true\n[auth.mail]\nname = 'Shop'\n\
    verify = 'https://shop.example/verify#token={token}'\n\
    reset = 'https://shop.example/a/long/path/that/is/over/the/length/of/a/line/in/mails/reset?x=1&token={token}'\n\
    [function.hello]\n";

/// A bench whose server sends mails there.
fn bench(url: &str) -> Bench {
    let options = ["--smtp", url, "--mail-from", "Ostro <no-reply@example.com>"];
    Bench::over(Server::start_with(&options), MANIFEST)
}

fn by(mails: &MailServer) -> Bench {
    bench(&format!("smtp://{}", mails.at))
}

/// Waits until the server has logged that.
fn logged(bench: &Bench, words: &str) -> String {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let log = bench.server.words();
        if log.contains(words) {
            return log;
        }
        assert!(Instant::now() < patience, "{words:?} is not in {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn f2_mails_go_out_and_their_tokens_are_good_once() {
    let mails = MailServer::start(Mood::Willing);
    let bench = by(&mails);
    let up = bench.sign_up("Ann@example.com", "correct horse");
    let mail = mails.mail("Ann@example.com", "Shop: Verify your e-mail address");
    for part in ["\r\nFrom: Shop <no-reply@example.com>\r\n", "\r\nAuto-Submitted: auto-generated\r\n"] {
        assert!(mail.contains(part), "no {part:?} in {mail}");
    }
    let verify = json!({ "token": token(&mail) });
    bench.post("verify", &verify).expect_status(204);
    bench.post("verify", &verify).expect_error(400, "invalid_token");
    let user = bench.get("user", up["access_token"].as_str().unwrap()).json();
    assert_eq!(user["user"]["verified"], true);
    // Who is not there is told the same, and nobody is written to.
    for email in ["nobody@example.com", "ann@example.com", "no address"] {
        let asked = bench.post("reset/request", &json!({ "email": email })).expect_status(202);
        assert_eq!(asked.text(), "", "{email}");
    }
    let mail = mails.mail("Ann@example.com", "Shop: Set a new password");
    let reset = json!({ "token": token(&mail), "password": "another one" });
    bench.post("reset", &reset).expect_status(204);
    bench.post("reset", &reset).expect_error(400, "invalid_token");
    bench.sign_in("ann@example.com", "another one").expect_status(200);
    let invited = json!({ "email": "bob@example.com", "invite": true });
    bench.server.control().post("users", &invited).expect_status(201);
    let mail = mails.mail("bob@example.com", "Shop: You are invited");
    let first = json!({ "token": token(&mail), "password": "his own one" });
    bench.post("reset", &first).expect_status(204);
    bench.sign_in("bob@example.com", "his own one").expect_status(200);
    assert!(!mails.commands().iter().any(|line| line.contains("nobody@")));
    assert_eq!(mails.mails().len(), 3);
    assert_eq!(mails.count("AUTH"), 0);
}

#[test]
fn f7_the_password_is_for_the_mail_server_alone() {
    let mails = MailServer::start(Mood::Willing);
    let url = format!("smtp://{}", mails.at);
    let options = ["--smtp", &url, "--smtp-user", "shop", "--mail-from", "no-reply@example.com"];
    let told = [("OSTRO_SMTP_PASSWORD", "canary-smtp-7f3c")];
    let bench = Bench::over(Server::start_told(&options, &told), MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    let mail = mails.mail("ann@example.com", "Shop: Verify your e-mail address");
    assert_eq!(mails.count("AUTH PLAIN"), 1, "{:?}", mails.commands());
    let token = token(&mail);
    for (path, bytes) in super::bench::files(&bench.server.data()) {
        for secret in ["canary-smtp-7f3c", &token] {
            let is_in = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_in, "{secret} is in {}", path.display());
        }
    }
    for secret in ["canary-smtp-7f3c", &token] {
        assert!(!bench.server.words().contains(secret));
    }
}

#[test]
fn a_refused_mail_is_given_up_and_its_address_is_not_logged() {
    let mails = MailServer::start(Mood::Strict);
    let bench = by(&mails);
    bench.sign_up("ann@example.com", "correct horse");
    let log = logged(&bench, "a mail was refused");
    assert!(log.contains("the mail server said 550") && !log.contains("ann@"), "{log}");
    assert_eq!(mails.count("MAIL"), 1, "it is not tried again");
}

#[test]
fn a_mail_is_tried_again_when_the_mail_server_has_no_time() {
    let mails = MailServer::start(Mood::BusyFor(1));
    let bench = by(&mails);
    bench.sign_up("ann@example.com", "correct horse");
    let mail = mails.mail("ann@example.com", "Shop: Verify your e-mail address");
    bench.post("verify", &json!({ "token": token(&mail) })).expect_status(204);
    assert_eq!(mails.count("MAIL"), 2);
    assert!(!bench.server.words().contains("ann@"), "what a mail server says may be an address");
}

/// A link that leads nowhere any more is worth no mail.
#[test]
fn a_mail_whose_token_has_ended_is_dropped() {
    let mails = MailServer::start(Mood::BusyFor(usize::MAX));
    let url = format!("smtp://{}", mails.at);
    let options = ["--smtp", &url, "--mail-from", "no-reply@example.com"];
    let bench = Bench::over(Server::start_turned_with(&options), MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    logged(&bench, "a mail was not sent yet");
    bench.server.clock().turn(Duration::from_secs(24 * 3_600));
    logged(&bench, "a mail was dropped");
    assert!(mails.count("MAIL") < 4, "it was not tried as often as others: {:?}", mails.commands());
}

/// Nobody who signs up waits for a mail server, and nobody is told whether there is one.
#[test]
fn f2_a_mail_server_that_is_silent_or_gone_keeps_nobody_waiting() {
    let silent = MailServer::start(Mood::Silent);
    // Nobody listens on port 1.
    for (url, is_gone) in [(format!("smtp://{}", silent.at), false), ("smtp://127.0.0.1:1".to_owned(), true)]
    {
        let bench = bench(&url);
        bench.sign_up("ann@example.com", "correct horse");
        for email in ["ann@example.com", "nobody@example.com"] {
            bench.post("reset/request", &json!({ "email": email })).expect_status(202);
        }
        bench.sign_in("ann@example.com", "correct horse").expect_status(200);
        if is_gone {
            logged(&bench, "a mail was not sent yet");
        }
    }
    assert_eq!(silent.mails(), [""; 0]);
}

#[test]
fn f2_no_address_says_more_than_an_address() {
    let mails = MailServer::start(Mood::Willing);
    let bench = by(&mails);
    for email in [
        "ann@example.com\r\nRCPT TO:<evil@example.com>",
        "ann@example.com\nBcc: evil@example.com",
        "ann@example.com\r\n.\r\n",
        "ann@example.com,evil@example.com",
        "<evil@example.com>",
        "evil@example.com> SIZE=1",
    ] {
        let words = json!({ "email": email, "password": "correct horse" });
        let answer = bench.post("sign-up", &words);
        assert!(matches!(answer.status, 200 | 400), "{email:?}: {answer:?}");
        let asked = bench.post("reset/request", &json!({ "email": email })).status;
        assert!(matches!(asked, 202 | 429), "{email:?}: {asked}");
    }
    bench.sign_up("last@example.com", "correct horse");
    mails.mail("last@example.com", "Shop: Verify your e-mail address");
    let commands = mails.commands();
    let recipients: Vec<_> =
        commands.iter().filter(|line| line.to_ascii_uppercase().contains("RCPT")).collect();
    assert!(recipients.iter().all(|line| !line.contains("evil")), "{commands:?}");
}

/// Whoever may make accounts and delete them floods nobody: mails are counted by address, and not by account.
#[test]
fn f2_an_address_is_sent_five_mails_whoever_asks_for_them() {
    let mails = MailServer::start(Mood::Willing);
    let bench = by(&mails);
    let control = bench.server.control();
    let invite = |email: &str| control.post("users", &json!({ "email": email, "invite": true }));
    for _ in 0..5 {
        invite("victim@example.com").expect_status(201);
        control.delete("users/victim@example.com").expect_status(204);
    }
    invite(" VICTIM@example.com").expect_error(429, "too_many_attempts");
    control.get("users/victim@example.com").expect_error(404, "not_found");
    let ask = json!({ "email": "victim@example.com" });
    bench.post("reset/request", &ask).expect_error(429, "too_many_attempts");
    // Who signs up is in, and is asked to verify the address another time.
    bench.sign_up("victim@example.com", "correct horse");
    logged(&bench, "a mail to verify an address could not be asked for");
    invite("bob@example.com").expect_status(201);
    mails.mail("bob@example.com", "Shop: You are invited");
    let to_victim = |mail: &&String| mail.contains("\r\nTo: victim@example.com\r\n");
    assert!(mails.mails().iter().filter(to_victim).count() <= 5);
}

#[test]
fn f7_nothing_is_sent_in_clear_where_tls_is_asked_for() {
    let mails = MailServer::start(Mood::Willing);
    let bench = bench(&format!("smtp+starttls://{}", mails.at));
    bench.sign_up("ann@example.com", "correct horse");
    logged(&bench, "a mail was");
    assert_eq!((mails.count("MAIL"), mails.count("AUTH")), (0, 0), "{:?}", mails.commands());
}

#[test]
fn a_server_without_a_mail_server_says_so() {
    let bench = Bench::start(MANIFEST);
    bench.sign_up("ann@example.com", "correct horse");
    bench.post("reset/request", &json!({ "email": "ann@example.com" })).expect_error(404, "not_enabled");
    let invited = json!({ "email": "bob@example.com", "invite": true });
    bench.server.control().post("users", &invited).expect_error(422, "user");
    assert!(bench.server.words().contains("started without `--smtp`"));
}
