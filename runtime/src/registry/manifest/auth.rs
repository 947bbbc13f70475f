//! The section of who may sign in: `[auth]`.

use store::accounts::{Issuer, Letters, Mail, Settings};
use toml::de::DeValue;

use super::reader::{Fault, Section};
use super::units;
use crate::registry::settings;

/// How long an access token lives when nobody says, milliseconds.
const ACCESS_MS: u64 = 15 * 60_000;
/// How long an access token may live, milliseconds: nothing takes it back before.
const ACCESS_RANGE_MS: std::ops::RangeInclusive<u64> = 60_000..=86_400_000;
/// How long a session lives when nobody says, milliseconds.
const REFRESH_MS: u64 = 30 * 86_400_000;
/// How long a session may live without being used, milliseconds.
const REFRESH_RANGE_MS: std::ops::RangeInclusive<u64> = 60_000..=400 * 86_400_000;
/// Origins of a project.
const MAX_ORIGINS: usize = 50;
/// Issuers of a project.
const MAX_ISSUERS: usize = 10;
/// Longest link in a mail, bytes.
const MAX_LINK_BYTES: usize = 1_024;
/// Longest text that says something of an issuer, bytes.
const MAX_ISSUER_BYTES: usize = 512;

/// The `[auth]` section; without it nobody signs in.
pub(super) fn section(root: &Section<'_, '_>) -> Result<Option<Settings>, Fault> {
    let Some(section) = root.section("auth")? else { return Ok(None) };
    section
        .allow(&["email", "anonymous", "cookie", "access", "refresh", "origins", "mail", "issuers"], &[])?;
    let is_on = |key| section.boolean(key).map(|found| found.is_some_and(|(on, _)| on));
    let mut origins = Vec::new();
    for (text, at) in section.strings("origins")? {
        origins.push(origin(text).map_err(|reason| {
            Fault::at(at, reason).hint("write for example \"https://app.example.com\"; `*` is not taken")
        })?);
    }
    if origins.len() > MAX_ORIGINS {
        return Err(Fault::at(section.start(), format!("more than {MAX_ORIGINS} origins")));
    }
    Ok(Some(Settings {
        email: is_on("email")?,
        anonymous: is_on("anonymous")?,
        access_ms: time(&section, "access", ACCESS_MS, ACCESS_RANGE_MS)?,
        refresh_ms: time(&section, "refresh", REFRESH_MS, REFRESH_RANGE_MS)?,
        origins,
        mail: mail(&section)?,
        issuers: issuers(&section)?,
        cookie: is_on("cookie")?,
    }))
}

/// Who sends mails: a queue's consumer, or the server where a table says what stands in them.
fn mail(section: &Section<'_, '_>) -> Result<Option<Mail>, Fault> {
    if section.value("mail").is_none_or(|value| !matches!(value.get_ref(), DeValue::Table(_))) {
        let Some((queue, at)) = section.string("mail")? else { return Ok(None) };
        let named = settings::check_name(queue).map(|()| Some(Mail::Queue(queue.to_owned())));
        return named
            .map_err(|reason| Fault::at(at, format!("`{queue}` is not the name of a queue: {reason}")));
    }
    let Some(section) = section.section("mail")? else { return Ok(None) };
    section.allow(&["name", "verify", "reset", "invite"], &[])?;
    let name = match section.string("name")? {
        Some((name, at))
            if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) =>
        {
            return Err(Fault::at(at, "`name` has 1 to 100 bytes and no control characters"));
        }
        found => found.map(|(name, _)| name.trim().to_owned()),
    };
    let link = |key: &str| match section.string(key)? {
        Some((link, at)) if !is_link(link) => {
            Err(Fault::at(at, format!("`{}` is not a link with a place for the token", link.escape_debug()))
                .hint("write for example \"https://app.example.com/reset#token={token}\""))
        }
        found => Ok(found.map(|(link, _)| link.to_owned())),
    };
    let letters = Letters { name, verify: link("verify")?, reset: link("reset")?, invite: link("invite")? };
    match letters.verify.is_none() && letters.reset.is_none() && letters.invite.is_none() {
        true => {
            Err(Fault::at(section.start(), "no mail has a link").hint("say `verify`, `reset` or `invite`"))
        }
        false => Ok(Some(Mail::Server(letters))),
    }
}

/// A URL of TLS with `{token}` once in it; without TLS only to the reader's own machine.
fn is_link(text: &str) -> bool {
    let url = text.replacen("{token}", "t", 1);
    let is_plain = url.len() <= MAX_LINK_BYTES && url.bytes().all(|byte| byte.is_ascii_graphic());
    // A fragment is none of what a server is asked for.
    let before = url.split('#').next().unwrap_or_default();
    let Ok(parsed) = before.parse::<http::Uri>() else { return false };
    let Some(host) = parsed.host() else { return false };
    let is_here = host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1";
    let is_scheme = match parsed.scheme_str() {
        Some("https") => true,
        Some("http") => is_here,
        _ => false,
    };
    let is_host =
        !host.contains(['{', '}']) && !parsed.authority().is_some_and(|all| all.as_str().contains('@'));
    let named = text.split(host).next().is_some_and(|scheme| !scheme.contains("{token}"));
    is_plain && is_scheme && is_host && named && text != url && !url.contains(['{', '}', '<', '>', '"'])
}

/// Who else vouches for people.
fn issuers(section: &Section<'_, '_>) -> Result<Vec<Issuer>, Fault> {
    let mut issuers = Vec::new();
    for value in section.array("issuers")?.into_iter().flat_map(|array| array.iter()) {
        let one = Section::of(section.name("issuers"), value)?;
        one.allow(&["issuer", "audience", "roles"], &[])?;
        let text = |key: &str| match one.string(key)? {
            Some((text, at)) if text.is_empty() || text.len() > MAX_ISSUER_BYTES => {
                Err(Fault::at(at, format!("`{key}` has 1 to {MAX_ISSUER_BYTES} bytes")))
            }
            found => Ok(found),
        };
        let missing = |key: &str| Fault::at(one.start(), format!("this issuer has no `{key}`"));
        let (url, at) = text("issuer")?.ok_or_else(|| missing("issuer"))?;
        let (audience, _) = text("audience")?.ok_or_else(|| missing("audience"))?;
        if !is_issuer(url) {
            return Err(Fault::at(at, format!("`{}` is not the URL of an issuer", url.escape_debug()))
                .hint("write it as in its tokens, for example \"https://accounts.example.com\""));
        }
        let roles = text("roles")?.map(|(claim, _)| claim.to_owned());
        issuers.push(Issuer { url: url.to_owned(), audience: audience.to_owned(), roles });
    }
    match issuers.len() > MAX_ISSUERS {
        true => Err(Fault::at(section.start(), format!("more than {MAX_ISSUERS} issuers"))),
        false => Ok(issuers),
    }
}

/// A URL of TLS, without a query and a fragment (OpenID Connect Discovery section 3). Without TLS only where an address stands,
/// to which no name is resolved: an issuer on the same machine.
fn is_issuer(text: &str) -> bool {
    let Ok(url) = text.parse::<http::Uri>() else { return false };
    let Some(host) = url.host() else { return false };
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let is_scheme = match url.scheme_str() {
        Some("https") => true,
        Some("http") => is_address,
        _ => false,
    };
    is_scheme && !text.contains(['?', '#', '@'])
}

fn time(
    section: &Section<'_, '_>,
    key: &str,
    usual: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, Fault> {
    let Some((text, at)) = section.string(key)? else { return Ok(usual) };
    let time = units::millis(text).map_err(|reason| Fault::at(at, reason))?;
    match range.contains(&time) {
        true => Ok(time),
        false => {
            let (least, most) = (units::show_millis(*range.start()), units::show_millis(*range.end()));
            Err(Fault::at(at, format!("`{}` is a time from {least} to {most}", section.name(key))))
        }
    }
}

/// An origin as browsers send it (RFC 6454 section 6.2): scheme, host, port, and nothing more. Lower case, because that is
/// how it is compared.
fn origin(text: &str) -> Result<String, String> {
    let refused = || format!("`{}` is not an origin", text.escape_debug());
    let (scheme, host) = text.split_once("://").ok_or_else(refused)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_host = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    (is_scheme && is_host).then(|| text.to_ascii_lowercase()).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::manifest::parse;
    use crate::registry::settings::Ceilings;

    fn auth(text: &str) -> Result<Option<Settings>, (usize, usize)> {
        let parsed = parse(text, &Ceilings::default());
        parsed.map(|manifest| manifest.auth).map_err(|error| (error.line, error.column))
    }

    #[test]
    fn signing_in_is_off_until_the_manifest_turns_it_on() {
        assert_eq!(auth("[function.f]\n"), Ok(None));
        let usual = Settings {
            email: false,
            anonymous: false,
            access_ms: ACCESS_MS,
            refresh_ms: REFRESH_MS,
            origins: Vec::new(),
            mail: None,
            issuers: Vec::new(),
            cookie: false,
        };
        assert_eq!(auth("[auth]\n"), Ok(Some(usual)));
        let all = "[auth]\nemail = true\nanonymous = true\ncookie = true\naccess = '1h'\nrefresh = '7d'\nmail = 'mails'\n\
            origins = ['https://App.example.com', 'http://localhost:3000', 'capacitor://localhost']\n\
            issuers = [{ issuer = 'https://id.example.com/t', audience = 'shop', roles = 'groups' },\
            { issuer = 'http://127.0.0.1:9000', audience = 'shop' }]";
        let origins = ["https://app.example.com", "http://localhost:3000", "capacitor://localhost"];
        let expected = Settings {
            email: true,
            anonymous: true,
            access_ms: 3_600_000,
            refresh_ms: 7 * 86_400_000,
            origins: origins.map(str::to_owned).to_vec(),
            mail: Some(Mail::Queue("mails".to_owned())),
            issuers: [("https://id.example.com/t", Some("groups")), ("http://127.0.0.1:9000", None)]
                .map(|(url, roles)| Issuer {
                    url: url.to_owned(),
                    audience: "shop".to_owned(),
                    roles: roles.map(str::to_owned),
                })
                .to_vec(),
            cookie: true,
        };
        assert_eq!(auth(all), Ok(Some(expected)));
    }

    #[test]
    fn the_server_sends_mails_where_a_table_says_what_stands_in_them() {
        let text = "[auth]\nemail = true\n[auth.mail]\nname = 'Shop'\nverify = 'https://a.b/verify#token={token}'\n\
            reset = 'http://shop.localhost:8700/reset?t={token}&x=1'\n";
        let expected = Letters {
            name: Some("Shop".to_owned()),
            verify: Some("https://a.b/verify#token={token}".to_owned()),
            reset: Some("http://shop.localhost:8700/reset?t={token}&x=1".to_owned()),
            invite: None,
        };
        assert_eq!(auth(text).unwrap().unwrap().mail, Some(Mail::Server(expected)));
    }

    #[test]
    fn what_is_refused_has_its_place() {
        for (line, column) in [
            ("emial = true", 1),
            ("email = 'yes'", 9),
            ("access = '59s'", 10),
            ("access = '25h'", 10),
            ("access = 900", 10),
            ("refresh = '401d'", 11),
            ("mail = 'No Queue'", 8),
            ("mail = { name = 'Shop' }", 8),
            ("mail = { reset = 'https://a.b/reset' }", 18),
            ("mail = { reset = 'http://a.b/?t={token}' }", 18),
            ("mail = { reset = 'https://{token}.b/' }", 18),
            ("mail = { reset = 'https://u@a.b/{token}' }", 18),
            ("mail = { reset = 'https://a.b/{token}/{token}' }", 18),
            ("mail = { reset = 'https://a.b/ {token}' }", 18),
            ("mail = { reset = 'javascript:{token}' }", 18),
            ("mail = { reset = 'https://a.b/{token}', name = '' }", 48),
            ("mail = { reset = 'https://a.b/{token}', from = 'a@b.c' }", 41),
            ("origins = 'https://a.b'", 11),
            ("origins = ['*']", 12),
            ("origins = ['null']", 12),
            ("origins = ['https://a.b/']", 12),
            ("origins = ['https://*.b']", 12),
            ("origins = ['https://u@a.b']", 12),
            ("origins = ['a.b']", 12),
            ("issuers = [{ issuer = 'http://id.example.com', audience = 'a' }]", 23),
            ("issuers = [{ issuer = 'https://id.example.com?x', audience = 'a' }]", 23),
            ("issuers = [{ issuer = 'https://u@id.example.com', audience = 'a' }]", 23),
            ("issuers = [{ issuer = 'id.example.com', audience = 'a' }]", 23),
            ("issuers = [{ issuer = 'https://id.example.com' }]", 12),
            ("issuers = [{ issuer = 'https://id.example.com', audience = '' }]", 60),
            ("issuers = ['https://id.example.com']", 12),
        ] {
            assert_eq!(auth(&format!("[auth]\n{line}\n")), Err((2, column)), "{line}");
        }
    }
}
