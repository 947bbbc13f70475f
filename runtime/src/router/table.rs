//! The route table: built whole, never changed, looked up for every request.

use std::collections::{BTreeMap, HashMap};

use matchit::Router;
use store::catalog::{Access, Route};

use super::host::{HostKind, Hosts};
use super::path::NormalPath;
use super::pattern::Pattern;

const DEFAULT_PROJECT: &str = "default";

/// One active function, as the table needs it.
#[derive(Clone, Debug)]
pub struct Entry<F> {
    /// The project's name.
    pub project: String,
    /// The function's name.
    pub function: String,
    /// Its explicit routes.
    pub routes: Vec<Route>,
    /// What a match leads to.
    pub target: F,
}

/// What a request leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<F> {
    /// A function answers.
    Function(Match<F>),
    /// The path is routed, but not for this method; these are.
    OtherMethods(Vec<String>),
    /// Nobody answers there.
    Nobody,
}

/// A function and what it is told of the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Match<F> {
    /// The function.
    pub target: F,
    /// The prefix that was taken off, and the path that the guest sees instead of the client's.
    pub stripped: Option<(String, String)>,
    /// Parameters of the route, still escaped.
    pub params: Vec<(String, String)>,
    /// How it was found.
    pub way: Way,
}

/// By which way a request comes to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the function's name, in the host or the path.
    Name,
    /// By an explicit route, and who may come by it, where it says so.
    Route(Option<Access>),
}

/// Every route of the server.
#[derive(Debug)]
pub struct Table<F, P> {
    hosts: Hosts,
    /// `FUNCTION` and `PROJECT` by name.
    functions: HashMap<(String, String), F>,
    /// All there are, by name, with or without functions, and by `NUMBER--NAME` those versions of sites that have a host.
    projects: HashMap<String, P>,
    /// Explicit routes by project.
    routes: HashMap<String, ProjectRoutes<F>>,
}

/// Explicit routes of one project. Those that end in a wildcard stand apart, because exact and parameter
/// routes beat them wherever they overlap; one router a length, because `matchit` lets no parameter stand where
/// another route has its wildcard.
#[derive(Debug)]
struct ProjectRoutes<F> {
    narrow: Router<Vec<Target<F>>>,
    wide: BTreeMap<usize, Router<Wide<F>>>,
}

#[derive(Clone, Debug)]
struct Wide<F> {
    /// For each segment how narrow it is: the smallest of several matches is the best.
    rank: Vec<u8>,
    targets: Vec<Target<F>>,
}

/// Targets by pattern, and whether the pattern ends in a wildcard.
type Collected<F> = HashMap<String, (bool, Vec<Target<F>>)>;

#[derive(Clone, Debug)]
struct Target<F> {
    methods: Vec<String>,
    names: Vec<String>,
    strip: Option<String>,
    access: Option<Access>,
    function: F,
}

impl<F: Clone, P> Table<F, P> {
    /// Builds the table. A route that can't be inserted (the catalog has refused clashes long before) is left
    /// out and returned with the reason, so that one bad route never takes the others away.
    pub fn build(hosts: Hosts, entries: Vec<Entry<F>>, projects: HashMap<String, P>) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let mut functions = HashMap::new();
        let mut collected: HashMap<String, Collected<F>> = HashMap::new();
        for entry in entries {
            let routes = collected.entry(entry.project.clone()).or_default();
            for route in &entry.routes {
                match Pattern::parse(&route.path) {
                    Ok(pattern) => {
                        let target = Target {
                            methods: route.methods.clone(),
                            names: pattern.names().to_vec(),
                            strip: route.strip.clone(),
                            access: route.access.clone(),
                            function: entry.target.clone(),
                        };
                        let slot = routes.entry(pattern.positional());
                        slot.or_insert_with(|| (pattern.is_wildcard(), Vec::new())).1.push(target);
                    }
                    Err(reason) => refused.push(reason),
                }
            }
            functions.insert((entry.function, entry.project), entry.target);
        }
        let routes = collected
            .into_iter()
            .map(|(project, routes)| (project, ProjectRoutes::build(routes, &mut refused)))
            .collect();
        (Self { hosts, functions, projects, routes }, refused)
    }

    /// Finds who answers. The path is in its normal form and not reserved.
    pub fn find(&self, host: &str, method: &str, path: &NormalPath) -> Found<F> {
        let key = match self.hosts.classify(host) {
            HostKind::Preview { label, project } if self.projects.contains_key(&label) => {
                return self.routed(&project, method, path);
            }
            HostKind::Preview { .. } => return Found::Nobody,
            HostKind::Function { function, project } => (function, project),
            HostKind::Label(label) if self.is_project(&label) => return self.routed(&label, method, path),
            HostKind::Label(label) => (label, DEFAULT_PROJECT.to_owned()),
            HostKind::Other => return self.anywhere(method, path),
        };
        let of_default = key.1 == DEFAULT_PROJECT;
        match self.functions.get(&key) {
            Some(target) => Found::Function(Match {
                target: target.clone(),
                stripped: None,
                params: Vec::new(),
                way: Way::Name,
            }),
            None if of_default => self.anywhere(method, path),
            None => Found::Nobody,
        }
    }

    /// The project that a host belongs to: the default one where no other is named.
    pub fn project(&self, host: &str) -> Option<&P> {
        match self.hosts.classify(host) {
            HostKind::Preview { label, .. } => self.projects.get(&label),
            HostKind::Function { project, .. } => self.projects.get(&project),
            HostKind::Label(label) if self.is_project(&label) => self.projects.get(&label),
            HostKind::Label(_) | HostKind::Other => self.projects.get(DEFAULT_PROJECT),
        }
    }

    /// The project whose own host that is: for the default project every host that names nobody. Its site answers there
    /// where no function does.
    pub fn owner(&self, host: &str) -> Option<&P> {
        match self.hosts.classify(host) {
            HostKind::Label(label) if !self.is_function(&label) => self.projects.get(&label),
            HostKind::Other => self.projects.get(DEFAULT_PROJECT),
            HostKind::Preview { label, .. } => self.projects.get(&label),
            HostKind::Label(_) | HostKind::Function { .. } => None,
        }
    }

    /// A host that names nobody: the default project's explicit routes, then its functions mounted by name.
    fn anywhere(&self, method: &str, path: &NormalPath) -> Found<F> {
        let routed = self.routed(DEFAULT_PROJECT, method, path);
        match (routed, self.mounted(path)) {
            (Found::Nobody, Some(mounted)) => Found::Function(mounted),
            (routed, _) => routed,
        }
    }

    fn routed(&self, project: &str, method: &str, path: &NormalPath) -> Found<F> {
        self.routes.get(project).map_or(Found::Nobody, |routes| routes.find(method, path))
    }

    fn mounted(&self, path: &NormalPath) -> Option<Match<F>> {
        let rest = path.as_str().strip_prefix('/')?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let target = self.functions.get(&(name.to_owned(), DEFAULT_PROJECT.to_owned()))?;
        Some(Match {
            target: target.clone(),
            stripped: Some((format!("/{name}"), format!("/{rest}"))),
            params: Vec::new(),
            way: Way::Name,
        })
    }

    /// Whether that label of a host is a project, and no function of the default project hides it.
    fn is_project(&self, label: &str) -> bool {
        self.projects.contains_key(label) && !self.is_function(label)
    }

    fn is_function(&self, name: &str) -> bool {
        self.functions.contains_key(&(name.to_owned(), DEFAULT_PROJECT.to_owned()))
    }
}

impl<F: Clone> ProjectRoutes<F> {
    fn build(routes: Collected<F>, refused: &mut Vec<String>) -> Self {
        let mut narrow = Router::new();
        let mut wide: BTreeMap<usize, Router<Wide<F>>> = BTreeMap::new();
        for (pattern, (wildcard, targets)) in routes {
            let outcome = if wildcard {
                // `matchit` wants at least one character for the rest; the empty rest is a route of its own.
                let empty = pattern.trim_end_matches("{*rest}").to_owned();
                let rank: Vec<u8> = pattern.split('/').map(rank).collect();
                let router = wide.entry(rank.len()).or_default();
                let value = Wide { rank, targets };
                router.insert(empty, value.clone()).and_then(|()| router.insert(pattern.clone(), value))
            } else {
                narrow.insert(pattern.clone(), targets)
            };
            if let Err(error) = outcome {
                refused.push(format!("route `{pattern}`: {error}"));
            }
        }
        Self { narrow, wide }
    }

    fn find(&self, method: &str, path: &NormalPath) -> Found<F> {
        let mut others = Vec::new();
        for (targets, values) in self.candidates(path.as_str()) {
            let answers = |target: &&Target<F>| {
                target.methods.is_empty()
                    || target
                        .methods
                        .iter()
                        .any(|routed| routed == method || (method == "HEAD" && routed == "GET"))
            };
            let Some(target) = targets.iter().find(answers) else {
                others.extend(targets.iter().flat_map(|target| target.methods.iter().cloned()));
                continue;
            };
            // The empty rest matched without its parameter: it is told as an empty one.
            let values = values.into_iter().chain(std::iter::repeat("")).map(str::to_owned);
            return Found::Function(Match {
                target: target.function.clone(),
                stripped: target.strip.as_deref().and_then(|prefix| strip(prefix, path)),
                params: target.names.iter().cloned().zip(values).collect(),
                way: Way::Route(target.access.clone()),
            });
        }
        others.sort_unstable();
        others.dedup();
        if others.is_empty() { Found::Nobody } else { Found::OtherMethods(others) }
    }

    /// Every route that matches, best first, with the values of its parameters.
    fn candidates<'a>(&'a self, path: &'a str) -> Vec<(&'a [Target<F>], Vec<&'a str>)> {
        let narrow = self.narrow.at(path).ok().map(|found| (found.value.as_slice(), values(&found.params)));
        let wide = self.wide.values().filter_map(|router| router.at(path).ok());
        let mut wide: Vec<_> = wide.map(|found| (found.value, values(&found.params))).collect();
        wide.sort_by(|(a, _), (b, _)| a.rank.cmp(&b.rank));
        narrow
            .into_iter()
            .chain(wide.into_iter().map(|(wide, values)| (wide.targets.as_slice(), values)))
            .collect()
    }
}

fn rank(segment: &str) -> u8 {
    match segment {
        s if s.starts_with("{*") => 2,
        s if s.starts_with('{') => 1,
        _ => 0,
    }
}

fn values<'a>(params: &matchit::Params<'_, 'a>) -> Vec<&'a str> {
    params.iter().map(|(_, value)| value).collect()
}

fn strip(prefix: &str, path: &NormalPath) -> Option<(String, String)> {
    let prefix = prefix.trim_end_matches('/');
    let rest = path.as_str().strip_prefix(prefix)?;
    match rest {
        "" => Some((prefix.to_owned(), "/".to_owned())),
        rest if rest.starts_with('/') => Some((prefix.to_owned(), rest.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(path: &str, methods: &[&str]) -> Route {
        Route {
            path: path.into(),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            strip: None,
            access: None,
        }
    }

    fn entry(project: &str, function: &str, routes: Vec<Route>) -> Entry<String> {
        Entry { project: project.into(), function: function.into(), routes, target: function.to_owned() }
    }

    fn table(entries: Vec<Entry<String>>) -> Table<String, String> {
        let hosts = Hosts::new(Some("example.com"));
        let names = entries.iter().map(|entry| entry.project.clone()).chain(["empty".to_owned()]);
        let projects = names.map(|name| (name.clone(), name)).collect();
        let (table, refused) = Table::build(hosts, entries, projects);
        assert_eq!(refused, Vec::<String>::new());
        table
    }

    fn find(table: &Table<String, String>, host: &str, method: &str, path: &str) -> String {
        match table.find(host, method, &NormalPath::parse(path).unwrap()) {
            Found::Function(found) => {
                let params: Vec<_> =
                    found.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let (prefix, path) = found.stripped.unwrap_or_default();
                [found.target, prefix, path, params.join(",")].join("|").trim_end_matches('|').to_owned()
            }
            Found::OtherMethods(methods) => format!("405 {}", methods.join(",")),
            Found::Nobody => "404".to_owned(),
        }
    }

    #[test]
    fn hosts_and_mounts_lead_to_functions() {
        let mut stripped = route("/api/{*rest}", &[]);
        stripped.strip = Some("/api".to_owned());
        let table = table(vec![
            entry("default", "hello", vec![]),
            entry("default", "book", vec![route("/book/{id}", &["GET"]), route("/book/{id}/{*rest}", &[])]),
            entry("default", "exact", vec![route("/book/new", &["GET"])]),
            entry("default", "write", vec![route("/book/{name}", &["POST"])]),
            entry("shop", "cart", vec![stripped]),
        ]);
        for (host, method, path, expected) in [
            ("hello.localhost:8700", "GET", "/a/b", "hello"),
            ("127.0.0.1:8700", "GET", "/hello", "hello|/hello|/"),
            ("127.0.0.1:8700", "GET", "/hello/", "hello|/hello|/"),
            ("unknown.localhost", "GET", "/hello/a", "hello|/hello|/a"),
            ("localhost", "GET", "/hello2", "404"),
            ("localhost", "GET", "/book/7", "book|||id=7"),
            ("localhost", "HEAD", "/book/7", "book|||id=7"),
            ("localhost", "POST", "/book/7", "write|||name=7"),
            ("localhost", "PUT", "/book/7", "405 GET,POST"),
            ("localhost", "GET", "/book/new", "exact"),
            ("localhost", "GET", "/book/7/", "book|||id=7,rest="),
            ("localhost", "GET", "/book/7/x/y", "book|||id=7,rest=x/y"),
            ("localhost", "GET", "/api/x", "404"),
            ("shop.localhost", "GET", "/api/x", "cart|/api|/x|rest=x"),
            ("shop.localhost", "GET", "/hello", "404"),
            ("cart--shop.localhost", "GET", "/x", "cart"),
            ("cart--nobody.localhost", "GET", "/x", "404"),
            ("empty.localhost", "GET", "/hello", "404"),
            ("hello--shop.localhost", "GET", "/x", "404"),
            ("3--hello.localhost", "GET", "/x", "404"),
        ] {
            assert_eq!(find(&table, host, method, path), expected, "{method} {host}{path}");
        }
    }

    #[test]
    fn every_host_is_of_one_project() {
        let table = table(vec![
            entry("default", "hello", vec![]),
            entry("shop", "cart", vec![]),
            entry("hello", "shadowed", vec![]),
        ]);
        for (host, project) in [
            ("hello.localhost:8700", Some("default")),
            ("shop.localhost", Some("shop")),
            ("cart--shop.example.com", Some("shop")),
            ("other--shop.localhost", Some("shop")),
            ("cart--nobody.localhost", None),
            ("nobody.localhost", Some("default")),
            ("empty.localhost", Some("empty")),
            ("127.0.0.1:8700", Some("default")),
            ("3--hello.localhost", None),
        ] {
            assert_eq!(table.project(host).map(String::as_str), project, "{host}");
        }
    }

    #[test]
    fn d9_a_project_has_hosts_of_its_own() {
        let projects = ["default", "shop", "blog", "hello"].map(|name| (name.to_owned(), name));
        let entries = vec![entry("default", "hello", vec![]), entry("shop", "cart", vec![])];
        let (table, _) = Table::build(Hosts::new(Some("example.com")), entries, projects.into());
        for (host, owner) in [
            ("localhost:8700", Some("default")),
            ("127.0.0.1", Some("default")),
            ("[::1]:8700", Some("default")),
            ("EXAMPLE.com.", Some("default")),
            ("default.localhost", Some("default")),
            ("shop.localhost", Some("shop")),
            ("SHOP.example.com:443", Some("shop")),
            ("blog.localhost", Some("blog")),
            // A function of the default project has that host.
            ("hello.localhost", None),
            ("cart--shop.localhost", None),
            ("3--shop.localhost", None),
            ("nobody.localhost", None),
        ] {
            assert_eq!(table.owner(host).copied(), owner, "{host}");
        }
        assert_eq!(table.project("blog.localhost").copied(), Some("blog"));
    }

    /// The rule of the documentation, spelled out the slow way.
    fn by_rule(patterns: &[String], path: &str) -> Option<String> {
        let rank = |pattern: &str| -> Option<Vec<u8>> {
            let mut path = path.split('/');
            let mut ranks = Vec::new();
            for segment in pattern.split('/') {
                if segment.starts_with("{*") {
                    path.next()?;
                    ranks.push(2);
                    ranks.insert(0, 1);
                    return Some(ranks);
                }
                let actual = path.next()?;
                match segment {
                    s if s.starts_with('{') && !actual.is_empty() => ranks.push(1),
                    s if s == actual => ranks.push(0),
                    _ => return None,
                }
            }
            ranks.insert(0, 0);
            path.next().is_none().then_some(ranks)
        };
        patterns.iter().filter_map(|p| rank(p).map(|r| (r, p))).min().map(|(_, p)| p.clone())
    }

    proptest! {
        #[test]
        fn lookups_follow_the_rule(
            patterns in prop::collection::hash_set("(/(a|b|\\{x\\})){1,3}(/\\{\\*r\\})?", 1..8),
            path in "(/(a|b|c)){1,4}",
        ) {
            let unique: Vec<String> = patterns.into_iter().filter(|p| Pattern::parse(p).is_ok()).collect();
            let entries = unique.iter().map(|p| entry("default", p, vec![route(p, &[])])).collect();
            let (table, refused) = Table::<_, ()>::build(Hosts::new(None), entries, HashMap::new());
            prop_assert!(refused.is_empty(), "{refused:?}");
            let found = match table.find("localhost", "GET", &NormalPath::parse(&path).unwrap()) {
                Found::Function(found) => Some(found.target),
                _ => None,
            };
            prop_assert_eq!(found, by_rule(&unique, &path));
        }
    }
}
