//! Host, path and method lead to a function. Everything here is pure: the table is built whole from the
//! catalog's facts and swapped whole.

mod host;
mod path;
mod pattern;
mod table;

pub use host::Hosts;
pub use path::{MAX_TARGET_BYTES, NormalPath, check_call, is_reserved};
pub use pattern::{Pattern, is_path_of, may_be_path_of};
pub use table::{Entry, Found, Match, Table, Way};

use store::catalog::Route;

/// Where a function is called by name: JSON in, JSON out. No client reaches it, only whoever may invoke the function.
pub const CALL_PATH: &str = "/_ostro/invoke";

/// Where a function answers, best first: its own origin, then its explicit routes.
///
/// `port` is the data plane's; it is left out for a domain, which stands behind a proxy on the usual port.
pub fn urls(domain: Option<&str>, port: u16, project: &str, function: &str, routes: &[Route]) -> Vec<String> {
    let label = if project == "default" { function.to_owned() } else { format!("{function}--{project}") };
    let base = match domain {
        Some(domain) => format!("https://{{}}{domain}"),
        None => format!("http://{{}}localhost:{port}"),
    };
    let own = base.replace("{}", &format!("{label}.")) + "/";
    let project_host = if project == "default" { String::new() } else { format!("{project}.") };
    let explicit = routes.iter().map(|route| base.replace("{}", &project_host) + &route.path);
    std::iter::once(own).chain(explicit).collect()
}

/// Where the site of a project answers; the port is told as by [`urls`].
pub fn site_url(domain: Option<&str>, port: u16, project: &str) -> String {
    let label = if project == "default" { String::new() } else { format!("{project}.") };
    match domain {
        Some(domain) => format!("https://{label}{domain}/"),
        None => format!("http://{label}localhost:{port}/"),
    }
}

/// Where a version of the site of a project answers that has a host of its own.
pub fn preview_url(domain: Option<&str>, port: u16, project: &str, number: u32) -> String {
    match domain {
        Some(domain) => format!("https://{number}--{project}.{domain}/"),
        None => format!("http://{number}--{project}.localhost:{port}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_at_the_projects_own_host() {
        assert_eq!(site_url(None, 8700, "default"), "http://localhost:8700/");
        assert_eq!(site_url(Some("example.com"), 8700, "shop"), "https://shop.example.com/");
        assert_eq!(preview_url(None, 8700, "default", 3), "http://3--default.localhost:8700/");
        assert_eq!(preview_url(Some("example.com"), 8700, "shop", 12), "https://12--shop.example.com/");
    }

    #[test]
    fn urls_lead_with_the_own_origin() {
        let routes = [Route { path: "/book/{id}".into(), methods: vec![], strip: None, access: None }];
        assert_eq!(
            urls(None, 8700, "default", "guestbook", &routes),
            ["http://guestbook.localhost:8700/", "http://localhost:8700/book/{id}"]
        );
        assert_eq!(
            urls(Some("example.com"), 8700, "shop", "cart", &routes),
            ["https://cart--shop.example.com/", "https://shop.example.com/book/{id}"]
        );
    }
}
