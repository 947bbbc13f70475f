//! Tables of good and bad manifests.

use proptest::prelude::*;

use store::catalog::{Missed, Overlap};

use super::*;

fn read(text: &str) -> Result<Manifest, ManifestError> {
    parse(text, &Ceilings::default())
}

#[test]
fn a_full_manifest() {
    let manifest = read(
        r#"
manifest = 1

[project]
name = "shop"

[function.guestbook]
source = "target/guestbook.wasm"
build = "cargo build"
routes = ["/guestbook", { path = "/guestbook/{id}", methods = ["post"], auth = "none" }]
auth = "none"
reuse = 100
on_disconnect = "cancel"
limits = { memory = "64MiB", cpu = "2s", wall = "500ms", concurrency = 8, request_body = "1MiB" }
grants = ["http:https://api.example.com", "secret:SMTP_PASSWORD"]
env = { GREETING = "hello" }
assets = "public"
cron = ["@hourly", { schedule = "0 3 * * *", timezone = "europe/berlin", path = "/night", missed = "all", overlap = "replace" }]
queues = ["mail", { name = "sms", batch = 1, concurrency = 2, attempts = 3, path = "/sms" }]
jobs = { cpu = "1m", wall = "24h" }

[function.plain]

[queue.mail]
retention = "30d"

[queue.outbox]
"#,
    )
    .unwrap();
    assert_eq!(manifest.project.as_deref(), Some("shop"));
    assert_eq!(manifest.functions["plain"], FunctionSettings::default());
    let book = &manifest.functions["guestbook"];
    assert_eq!(book.source.as_deref(), Some("target/guestbook.wasm"));
    assert_eq!(book.routes[1].methods, ["POST"]);
    assert_eq!(book.limits.memory_bytes, 64 << 20);
    assert_eq!(book.limits.wall_ms, 500);
    assert_eq!(book.limits.stream_idle_ms, Limits::default().stream_idle_ms);
    assert_eq!((book.reuse, book.on_disconnect), (100, OnDisconnect::Cancel));
    assert_eq!(book.env["GREETING"], "hello");
    assert_eq!(book.assets.as_deref(), Some("public"));
    triggers_of(book);
    assert_eq!(manifest.queues["mail"].retention_ms, 30 * 86_400_000);
    assert_eq!(manifest.queues["outbox"], QueueSettings::default());
}

fn triggers_of(book: &FunctionSettings) {
    assert_eq!(book.jobs, JobLimits { cpu_ms: 60_000, wall_ms: 86_400_000 });
    assert_eq!((book.cron[0].schedule.as_str(), book.cron[0].timezone.as_str()), ("@hourly", "UTC"));
    let night = CronTrigger {
        schedule: "0 3 * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        path: "/night".to_owned(),
        missed: Missed::All,
        overlap: Overlap::Replace,
    };
    assert_eq!(book.cron[1], night);
    assert_eq!((book.queues[0].name.as_str(), book.queues[0].batch), ("mail", 10));
    let sms = QueueTrigger {
        name: "sms".to_owned(),
        batch: 1,
        concurrency: 2,
        attempts: 3,
        path: "/sms".to_owned(),
    };
    assert_eq!(book.queues[1], sms);
}

/// Text, line, column, a part of the message, a part of the hint.
#[test]
fn g1_refused_triggers_name_their_place() {
    for (text, line, column, message, hint) in [
        ("[function.a]\ncron = '@daily'", 2, 8, "an array, not a string", ""),
        ("[function.a]\ncron = [5]", 2, 9, "schedules or tables", ""),
        ("[function.a]\ncron = ['0 0 30 2 *']", 2, 14, "never fires", "`L`"),
        ("[function.a]\ncron = ['@daily', '* * * * * *']", 2, 30, "not 6", "one minute"),
        ("[function.a]\ncron = ['@every 1ns']", 2, 10, "`@every`", "one minute"),
        ("[function.a]\ncron = ['']", 2, 10, "empty", ""),
        ("[function.a]\ncron = [{ schedule = \"61 * * * *\" }]", 2, 23, "`61` is not a minute", "0 to 59"),
        ("[function.a]\ncron = [{ schedule = '''* 61 * * *''' }]", 2, 22, "`61` is not an hour", ""),
        ("[function.a]\ncron = [\"*\\u0020* * * 9\"]", 2, 9, "`9` is not a day of week", ""),
        ("[function.a]\n# ü\ncron = ['ü * * * *']", 3, 10, "`ü`", ""),
        (
            "[function.a]\ncron = [{ schedule = '@daily', timezone = 'Mars' }]",
            2,
            43,
            "unknown time zone",
            "IANA",
        ),
        ("[function.a]\ncron = [{ schedule = '@daily', path = 'x' }]", 2, 39, "begins with `/`", ""),
        ("[function.a]\ncron = [{ schedule = '@daily', path = '/_ostro/x' }]", 2, 39, "platform's own", ""),
        ("[function.a]\ncron = [{ schedule = '@daily', missed = 'no' }]", 2, 41, "unknown missed", "once"),
        (
            "[function.a]\ncron = [{ schedule = '@daily', overlap = 'no' }]",
            2,
            42,
            "unknown overlap",
            "forbid",
        ),
        ("[function.a]\ncron = [{ schedule = '@daily', zone = 'x' }]", 2, 32, "unknown key", ""),
        ("[function.a]\ncron = [{ timezone = 'UTC' }]", 2, 9, "no `schedule`", ""),
        ("[function.a]\ncron = ['@daily', '@daily']", 2, 19, "stands twice", ""),
        ("[function.a]\nqueues = [1]", 2, 11, "names or tables", ""),
        ("[function.a]\nqueues = ['A']", 2, 11, "not a queue name", ""),
        ("[function.a]\nqueues = [{ batch = 1 }]", 2, 11, "no `name`", ""),
        ("[function.a]\nqueues = [{ name = 'm', batch = 101 }]", 2, 33, "1 to 100", ""),
        ("[function.a]\nqueues = [{ name = 'm', batch = 4294967297 }]", 2, 33, "1 to 100", ""),
        ("[function.a]\nqueues = [{ name = 'm', concurrency = -1 }]", 2, 39, "1 to 1000", ""),
        ("[function.a]\nqueues = [{ name = 'm', attempts = 0 }]", 2, 36, "1 to 100", ""),
        ("[function.a]\nqueues = [{ name = 'm', size = 0 }]", 2, 25, "unknown key", ""),
        ("[function.a]\nqueues = ['m', 'm']", 2, 16, "stands twice", ""),
        (
            "[function.a]\nqueues = ['m']\n[function.b]\nqueues = ['m']",
            4,
            10,
            "consumed by `a`",
            "one consumer",
        ),
        ("[function.a]\njobs = { cpu = 5 }", 2, 16, "needs a unit", ""),
        ("[function.a]\njobs = { wall = '25h' }", 2, 17, "this server allows 1d", ""),
        ("[function.a]\njobs = { wall = '0s' }", 2, 17, "at least 1ms", ""),
        ("[function.a]\njobs = { memory = '1MiB' }", 2, 10, "unknown key", ""),
        ("[queue.A]", 1, 8, "not a queue name", ""),
        ("queue = 1", 1, 9, "a table", ""),
        ("[queue.m]\nretention = 14", 2, 13, "a string", ""),
        ("[queue.m]\nretention = '91d'", 2, 13, "1m to 90d", "14d"),
        ("[queue.m]\nretention = '2w'", 2, 13, "not a duration", ""),
        ("[queue.m]\nbatch = 1", 2, 1, "unknown key", ""),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.hint.clone().unwrap_or_default().contains(hint), "{text}: {error:?}");
    }
}

#[test]
fn what_a_function_calls_its_resources() {
    for source in ["app.js", "app.mjs", "src/app.ts", "app.jsx", "app.tsx", "app.wasm"] {
        let manifest = read(&format!(
            r#"[function.a]
source = "{source}"
grants = ["queue:mail:send", "secret:KEY"]
args = ["--depth", "3", ""]
reuse = {{ invocations = 1000, concurrent = 16 }}
[function.a.bindings]
MAIL = "queue:mail"
'$outbox' = "queue:mail"
"#
        ))
        .unwrap();
        let function = &manifest.functions["a"];
        assert_eq!(function.source.as_deref(), Some(source));
        assert_eq!(function.args, ["--depth", "3", ""]);
        assert_eq!((function.reuse, function.concurrent), (1000, 16));
        let names: Vec<(&str, &str)> =
            function.names.iter().map(|(name, resource)| (name.as_str(), resource.as_str())).collect();
        assert_eq!(names, [("$outbox", "queue:mail"), ("MAIL", "queue:mail")]);
    }
    let alone = read("[function.a]\nreuse = { invocations = 3 }").unwrap();
    assert_eq!((alone.functions["a"].reuse, alone.functions["a"].concurrent), (3, 1));
}

#[test]
fn low_ceilings_lower_what_is_left_out() {
    let ceilings = Ceilings { limits: Limits { wall_ms: 5, ..Limits::default() }, ..Ceilings::default() };
    let manifest = parse("[function.a]\n[function.b]\nlimits = { cpu = '1s' }", &ceilings).unwrap();
    assert_eq!(manifest.functions["a"].limits.wall_ms, 5);
    assert_eq!(manifest.functions["b"].limits.wall_ms, 5);
}

#[test]
fn a_manifest_for_another_project() {
    let text = "# ü\n[project] # here\nname = 'shop' # there\n[function.a]\n";
    let expected = "# ü\n[project] # here\nname = \"other\" # there\n[function.a]\n";
    assert_eq!(with_project(text, "other"), expected);
    for unnamed in ["", "[project]\n", "project = 1", "not toml", "[function.a]\n"] {
        assert_eq!(with_project(unnamed, "other"), unnamed);
    }
}

/// Text, line, column, a part of the message, a part of the hint.
#[test]
fn refusals_name_their_place() {
    for (text, line, column, message, hint) in [
        ("manifest = 2", 1, 12, "version 2", "manifest = 1"),
        ("manifest = 'x'", 1, 12, "whole number, not a string", ""),
        ("manifest = ", 1, 12, "", ""),
        ("\n  nme = 1", 2, 3, "unknown key `nme`", "known here"),
        ("projct = 1", 1, 1, "unknown key `projct`", "`project`"),
        ("[project]\nname = 'A'", 2, 8, "not a project name", ""),
        ("[function.a--b]", 1, 11, "not a function name", ""),
        ("function = 3", 1, 12, "`function` has to be a table", ""),
        ("[function.a]\nsauce = 'a'", 2, 1, "unknown key `function.a.sauce`", "`source`"),
        ("[function.a]\nargs = 'x'", 2, 8, "an array, not a string", ""),
        ("[function.a]\nargs = ['a', 1]", 2, 14, "a string, not a whole number", ""),
        ("[function.a]\nargs = [\"a\\u0000\"]", 2, 8, "NUL", ""),
        ("[function.a.bindings]\nMAIL = 'queue:mail'", 2, 8, "may not use", "\"queue:mail:send\""),
        ("[function.a.bindings]\nMAIL = 'mail'", 2, 8, "no resource", "queue:mail"),
        ("[function.a.bindings]\nMAIL = 'bucket:mail'", 2, 8, "may not use", "\"bucket:mail\""),
        ("[function.a.bindings]\nMAIL = 1", 2, 8, "a string, not a whole number", ""),
        ("[function.a.bindings]\n'a-b' = 'queue:mail'", 2, 9, "name of a binding", "letters"),
        (
            "[function.a]\ngrants = ['queue:m:send']\nenv = { M = '1' }\nbindings = { M = 'queue:m' }",
            4,
            14,
            "variable already",
            "another name",
        ),
        ("[function.a]\ngrants = ['queue:mail']", 2, 11, "what for", "queue:mail:send"),
        ("[function.a]\nreuse = 'x'", 2, 9, "a whole number or a table", ""),
        ("[function.a]\nreuse = {}", 2, 9, "how many `invocations`", "concurrent"),
        ("[function.a]\nreuse = { invocations = 0 }", 2, 25, "a number from 1", ""),
        ("[function.a]\nreuse = { invocations = 8, concurrent = 9 }", 2, 41, "8 in all", ""),
        ("[function.a]\nreuse = { invocations = 8, at_once = 9 }", 2, 28, "unknown key", ""),
        ("[function.a]\nauth = 'maybe'", 2, 8, "unknown auth mode", "none"),
        ("[function.a]\nauth = 'none'\nroles = ['a']", 2, 8, "signed in", "required"),
        ("[function.a]\nroles = []", 1, 1, "no role", ""),
        ("[function.a]\nroles = ['a b']", 2, 10, "not a role", ""),
        ("[target.x]", 1, 2, "later", ""),
        ("[function.a]\nroutes = ['a']", 2, 11, "must begin with `/`", ""),
        ("[function.a]\nroutes = ['/a', '/a']", 2, 17, "stands twice", ""),
        ("[function.a]\nroutes = [{ methods = [] }]", 2, 11, "no `path`", ""),
        ("[function.a]\nroutes = [{ path = '/x', method = 'GET' }]", 2, 26, "unknown key", "`methods`"),
        ("[function.a]\nroutes = [{ path = '/x', auth = 'sometimes' }]", 2, 33, "unknown auth mode", ""),
        ("[function.a]\nroutes = [7]", 2, 11, "not a whole number", ""),
        ("[function.a]\nroutes = '/a'", 2, 10, "an array, not a string", ""),
        ("[function.a]\nlimits = { memory = 5 }", 2, 21, "needs a unit", "128MiB"),
        ("[function.a]\nlimits = { memory = '5 potatoes' }", 2, 21, "not a size", ""),
        ("[function.a]\nlimits = { memory = '1KiB' }", 2, 21, "at least 64KiB", ""),
        ("[function.a]\nlimits = { memory = '2GiB' }", 2, 21, "this server allows 1GiB", ""),
        ("[function.a]\nlimits = { cpu = '5x' }", 2, 18, "not a duration", ""),
        ("[function.a]\nlimits = { concurrency = -1 }", 2, 26, "positive", ""),
        ("[function.a]\nlimits = { concurrency = 0 }", 2, 26, "at least 1", ""),
        ("[function.a]\nlimits = { mem = '1MiB' }", 2, 12, "unknown key", "known here"),
        ("[function.a]\nreuse = 0", 2, 9, "`reuse` is a number from 1", ""),
        ("[function.a]\non_disconnect = 'run'", 2, 17, "unknown on_disconnect", "cancel"),
        ("[function.a]\nenv = { A = 1 }", 2, 13, "a string, not a whole number", ""),
        ("[function.a]\nenv = { 'A=B' = 'x' }", 2, 9, "name of a variable", ""),
        ("[function.a]\ngrants = ['fly:moon']", 2, 11, "fly:moon", ""),
        ("[function.a]\ngrants = ['kv:sessions:get']", 2, 11, "`read` and `write`", ""),
        ("# ü\n[function.a]\nenv = { Ü = 'é', B = 2 }", 3, 9, "", ""),
    ] {
        refused(text, line, column, message, hint);
    }
}

#[test]
fn refusals_of_data_name_their_place() {
    for (text, line, column, message, hint) in [
        ("[bucket.x]\nrules = 'true'", 2, 9, "a table, not a string", ""),
        ("[bucket.x]\nrules = { read = 'size < 9 && title == 1' }", 2, 31, "an object has no `title`", ""),
        ("[bucket.x]\nrules = { put = 'true' }", 2, 11, "unknown key", "read, create, update, delete"),
        ("[bucket.x]\nhidden = ['key']", 2, 1, "unknown key", ""),
        ("[channel.x]\nrules = { read = 'true', create = 'true' }", 2, 26, "unknown key", "read, send"),
        ("[channel.x]\nttl = '1h'", 2, 1, "unknown key", "rules"),
        ("[channel.x]\nrules = { read = 'request.data.a == 1' }", 2, 19, "there is no `request.data`", ""),
        ("[channel.x]\nrules = { send = 'room == 1' }", 2, 19, "a channel has no `room`", ""),
        ("[channel.'rooms/a']", 1, 10, "is not the name of a channel: behind `/` stands `*`", ""),
        ("[channel.Rooms]", 1, 10, "is not the name of a channel", ""),
        ("[collection.x]\nrules = 'true'", 2, 9, "a table, not a string", ""),
        ("[collection.x]\nrules = { write = 'true' }", 2, 11, "unknown key", "read, create, update, delete"),
        ("[collection.x]\nrules = { read = true }", 2, 18, "a string", ""),
        ("[collection.x]\nrules = { read = 'owner == auth.usr' }", 2, 28, "there is no `auth.usr`", ""),
        (
            "[collection.x.rules]\nread = 'true'\ndelete = 'a =='",
            3,
            15,
            "`collection.x.rules.delete`, line 1, column 5",
            "",
        ),
        (
            "[collection.x]\nrules.read = \"\"\"\ntrue &&\n f()\"\"\"",
            2,
            14,
            "line 2, column 3: `(` cannot",
            "",
        ),
        ("[collection.x]\nhidden = 'a'", 2, 10, "an array", ""),
        ("[collection.x]\nhidden = ['a', 'a.b']", 2, 10, "`a.b` is hidden twice", ""),
        ("[collection.x]\nowner = 'a.b'", 2, 9, "no field of the document itself", ""),
        ("[collection.x]\nowner = ''", 2, 9, "a name is empty", ""),
        ("[collection.X]", 1, 13, "not the name of a collection", ""),
        ("[collection.x]\nindexes = 'a'", 2, 11, "an array, not a string", ""),
        ("[collection.x]\nindexes = ['a']", 2, 12, "lists of fields", ""),
        ("[collection.x]\nindexes = [[]]", 2, 12, "1 to 8 fields", ""),
        ("[collection.x]\nindexes = [['a'], ['a', 'a']]", 2, 19, "stands twice", ""),
        ("[collection.x]\nindexes = [['a'], {fields = ['a']}]", 2, 19, "already", ""),
        ("[collection.x]\nindexes = [['a..b']]", 2, 12, "path of a field", ""),
        ("[collection.x]\nindexes = [['_id']]", 2, 12, "always", ""),
        ("[collection.x]\nindexes = [{fields = ['a'], unique = 1}]", 2, 38, "`true` or `false`", ""),
        ("[collection.x]\nindexes = [{unique = true}]", 2, 12, "1 to 8 fields", ""),
        ("[function.a]\nevents = [{ on = 'put' }]", 2, 18, "no `collection`", "entries"),
        ("[function.a]\nevents = [{ bucket = 'b', on = 'insert' }]", 2, 32, "no change `insert`", "\"put\""),
        ("[function.a]\nevents = ['b']", 2, 11, "a table, not a string", ""),
        ("[bucket.x]\nsize = 1", 2, 1, "unknown key", ""),
        ("[kv.X]", 1, 5, "lower-case", ""),
        ("[kv.x]\nttl = '0s'", 2, 7, "`ttl` is", "30d"),
        ("[kv.x]\nretention = '1d'", 2, 1, "retention", ""),
    ] {
        refused(text, line, column, message, hint);
    }
}

#[test]
fn refusals_of_a_site_name_their_place() {
    for (text, line, column, message, hint) in [
        ("[site]", 1, 1, "no `folder`", "folder = \"public\""),
        ("[site]\nfolder = ''", 2, 10, "not a path", ""),
        ("[site]\nfolder = 'a'\nfalback = 'x'", 3, 1, "unknown key", "`fallback`"),
        ("[site]\nfolder = 'a'\nfallback = '/index.html'", 3, 12, "not the name of a file", ""),
        ("[site]\nfolder = 'a'\nnot_found = '../404.html'", 3, 13, "not the name of a file", ""),
        ("[site]\nfolder = 'a'\nnot_found = '.404.html'", 3, 13, "hidden", ""),
        (
            "[site]\nfolder = 'a'\ncache = [{ path = 'x', value = 'y' }]",
            3,
            19,
            "begins with `/`",
            "/assets/*",
        ),
        ("[site]\nfolder = 'a'\ncache = [{ path = '/' }]", 3, 10, "no `value`", ""),
        (
            "[site]\nfolder = 'a'\ncache = [{ path = '/', value = \"a\\nb\" }]",
            3,
            32,
            "the value of a header",
            "",
        ),
        (
            "[site]\nfolder = 'a'\nheaders = [{ path = '/', name = 'ETag', value = 'x' }]",
            3,
            33,
            "platform",
            "",
        ),
        ("[site]\nfolder = 'a'\nheaders = ['x']", 3, 12, "a table", ""),
    ] {
        refused(text, line, column, message, hint);
    }
}

#[test]
fn a_site_is_a_folder_with_rules() {
    let text = "[site]\nfolder = 'public'\nfallback = 'index.html'\nnot_found = '404.html'\n\
        cache = [{ path = '/assets/*', value = 'immutable' }]\n\
        headers = [{ path = '/*', name = 'X-A', value = 'b' }]";
    let (path, assets) = ("/*".to_owned(), "/assets/*".to_owned());
    let expected = SiteSettings {
        folder: "public".to_owned(),
        fallback: Some("index.html".to_owned()),
        not_found: Some("404.html".to_owned()),
        cache: vec![CacheRule { path: assets, value: "immutable".to_owned() }],
        headers: vec![HeaderRule { path, name: "x-a".to_owned(), value: "b".to_owned() }],
        previews: false,
    };
    assert_eq!(read(text).unwrap().site, Some(expected));
    assert_eq!(read("[function.f]").unwrap().site, None);
}

fn refused(text: &str, line: usize, column: usize, message: &str, hint: &str) {
    let error = read(text).expect_err(text);
    assert_eq!((error.line, error.column), (line, column), "{text}: {error:?}");
    assert!(error.message.contains(message), "{text}: {error:?}");
    assert!(error.hint.unwrap_or_default().contains(hint), "{text}");
}

#[test]
fn a_project_declares_its_data() {
    let text = "[collection.posts]\nindexes = [['owner', 'created.at'], { fields = ['slug'], unique = true }]\n\
        [collection.plain]\n[bucket.avatars]\n[kv.s]\nttl = '1h'";
    let manifest = read(text).unwrap();
    let index = |fields: &[&str], unique| IndexSettings {
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        unique,
    };
    let posts = vec![index(&["owner", "created.at"], false), index(&["slug"], true)];
    let expected = [("plain", Vec::new()), ("posts", posts)].map(|(name, indexes)| {
        (name.to_owned(), CollectionSettings { indexes, ..CollectionSettings::default() })
    });
    assert_eq!(manifest.collections, BTreeMap::from(expected));
    assert_eq!(manifest.buckets.keys().collect::<Vec<_>>(), ["avatars"]);
    assert_eq!(manifest.namespaces["s"].ttl_ms, Some(3_600_000));
}

#[test]
fn a_bucket_has_rules() {
    let text = "[bucket.a]\nrules = { read = 'owner == auth.user', create = 'size < 9' }\n[bucket.b]";
    let manifest = read(text).unwrap();
    let rule = |text: &str| Some(text.to_owned());
    let rules = store::buckets::Rules {
        read: rule("owner == auth.user"),
        create: rule("size < 9"),
        ..store::buckets::Rules::default()
    };
    let expected = [("a", rules), ("b", store::buckets::Rules::default())];
    let found: Vec<_> =
        manifest.buckets.iter().map(|(name, bucket)| (name.as_str(), bucket.rules.clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_channel_has_rules() {
    let text = "[channel.news]\nrules = { read = 'true' }\n[channel.closed]\n\
        [channel.'rooms/*']\nrules = { read = 'channel.part == auth.user', send = 'request.data.a == 1' }";
    let manifest = read(text).unwrap();
    let rules = |read: Option<&str>, send: Option<&str>| ChannelRules {
        read: read.map(str::to_owned),
        send: send.map(str::to_owned),
    };
    let expected = [
        ("closed", rules(None, None)),
        ("news", rules(Some("true"), None)),
        ("rooms/*", rules(Some("channel.part == auth.user"), Some("request.data.a == 1"))),
    ];
    assert_eq!(manifest.channels, expected.map(|(name, rules)| (name.to_owned(), rules)).into());
    assert!(manifest.has_resources());
}

#[test]
fn a_collection_has_rules() {
    let text = "[collection.a]\nrules = { read = 'true', create = 'auth.user != null' }\n\
        hidden = ['secret', 'deep.er']\nowner = 'by'\n[collection.b]";
    let manifest = read(text).unwrap();
    let rules = store::documents::Rules {
        read: Some("true".to_owned()),
        create: Some("auth.user != null".to_owned()),
        update: None,
        delete: None,
        hidden: vec!["secret".to_owned(), "deep.er".to_owned()],
        owner: Some("by".to_owned()),
    };
    assert_eq!(manifest.collections["a"].rules, rules);
    assert_eq!(manifest.collections["b"], CollectionSettings::default());
}

#[test]
fn deep_nesting_and_size_are_bounded() {
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(read(&deep).is_err());
    let dotted = format!("{}b = 1", "a.".repeat(50_000));
    assert!(read(&dotted).is_err());
    assert!(read(&"#".repeat(MAX_BYTES + 1)).is_err());
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn never_panics_near_the_truth(
        key in "(source|routes|limits|grants|env|bindings|args|reuse|auth|assets|cron|queues|jobs)",
        value in "(\"[ -~]{0,12}\"|-?[0-9]{1,20}|\\[.{0,8}\\]|\\{ ?[a-z]{1,6} = (1|\"x\") ?\\}|true|1.5)",
    ) {
        let _ = read(&format!("[function.a]\n{key} = {value}\n"));
    }
}
