//! Documents and queries at random, of few names and few values, so that they meet each other often.

use store::documents::language::Object;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whether a document matches.
    Filter,
    /// What an update makes of it.
    Update,
    /// What a pipeline makes of several.
    Pipeline,
    /// What a projection leaves of one.
    Projection,
    /// In which order several come.
    Sort,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Update => "update",
            Self::Pipeline => "pipeline",
            Self::Projection => "projection",
            Self::Sort => "sort",
        }
    }
}

/// Random numbers (SplitMix64) and what is made of them.
#[derive(Clone, Debug)]
pub(crate) struct Invented(u64);

impl Invented {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// As many as that kind takes.
    pub(crate) fn documents(&mut self, kind: Kind) -> Vec<Object> {
        let count = if matches!(kind, Kind::Pipeline | Kind::Sort) { 5 } else { 1 };
        // Sorting and computing are told apart best where no array is in the way.
        let is_plain = count > 1 && self.below(2) == 0;
        let made = (0..count).map(|number| {
            let mut fields = vec![format!(r#""_id":"d{number}""#)];
            for name in ["a", "b", "c"] {
                if self.below(6) > 0 {
                    let value = match name {
                        "b" if is_plain => format!(r#"{{"c":{},"d":{}}}"#, self.scalar(), self.scalar()),
                        _ if is_plain => self.scalar(),
                        "b" => self.nested(),
                        _ => self.value(),
                    };
                    fields.push(format!(r#""{name}":{value}"#));
                }
            }
            Object::parse(&format!("{{{}}}", fields.join(","))).unwrap_or_default()
        });
        made.collect()
    }

    /// JSON of a query.
    pub(crate) fn query(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Filter => self.filter(),
            Kind::Update => self.update(),
            Kind::Pipeline => self.pipeline(),
            Kind::Projection => self.projection(),
            Kind::Sort => self.sort(),
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        let at = self.below(all.len() as u64) as usize;
        all.get(at).copied().unwrap_or_default()
    }

    fn list(&mut self, least: u64, most: u64, one: fn(&mut Self) -> String) -> String {
        let count = least + self.below(most - least + 1);
        let all: Vec<String> = (0..count).map(|_| one(self)).collect();
        all.join(",")
    }

    fn scalar(&mut self) -> String {
        let all = [
            "null",
            "true",
            "false",
            "0",
            "1",
            "2",
            "3",
            "-1",
            "1.5",
            "\"\"",
            "\"a\"",
            "\"b\"",
            "\"ab\"",
            r#"{"$date":"2020-01-02T03:04:05.006Z"}"#,
            r#"{"$date":"2021-12-31T00:00:00.000Z"}"#,
        ];
        self.one_of(&all).to_owned()
    }

    fn number(&mut self) -> String {
        self.one_of(&["0", "1", "2", "3", "-1", "1.5", "10"]).to_owned()
    }

    fn value(&mut self) -> String {
        match self.below(10) {
            0..5 => self.scalar(),
            5..8 => format!("[{}]", self.list(0, 3, Self::element)),
            8 => self.nested(),
            _ => format!("[{}]", self.list(0, 2, Self::nested)),
        }
    }

    fn element(&mut self) -> String {
        match self.below(8) {
            0 => format!("[{}]", self.list(0, 2, Self::scalar)),
            1 => self.nested(),
            _ => self.scalar(),
        }
    }

    /// An object, or a list of them.
    fn nested(&mut self) -> String {
        match self.below(3) {
            0 => format!("[{}]", self.list(0, 3, Self::object)),
            _ => self.object(),
        }
    }

    fn object(&mut self) -> String {
        let mut fields = Vec::new();
        for name in ["c", "d"] {
            match self.below(5) {
                0 => {}
                1 => fields.push(format!(r#""{name}":[{}]"#, self.list(0, 3, Self::scalar))),
                _ => fields.push(format!(r#""{name}":{}"#, self.scalar())),
            }
        }
        format!("{{{}}}", fields.join(","))
    }

    fn path(&mut self) -> &'static str {
        self.one_of(&["a", "a", "b", "c", "b.c", "b.c", "b.d", "a.0", "a.1", "b.0.c", "b.c.0", "c.d", "x"])
    }

    fn filter(&mut self) -> String {
        match self.below(8) {
            0 => format!(r#"{{"$or":[{}]}}"#, self.list(1, 2, Self::condition)),
            1 => format!(r#"{{"$and":[{}]}}"#, self.list(1, 2, Self::condition)),
            2 => format!(r#"{{"$nor":[{}]}}"#, self.list(1, 2, Self::condition)),
            _ => self.condition(),
        }
    }

    fn condition(&mut self) -> String {
        let path = self.path();
        let test = match self.below(8) {
            0 => self.value(),
            1 => format!(r#"{{"$not":{{{}}}}}"#, self.operator()),
            2 => format!(r#"{{"$elemMatch":{{{}}}}}"#, self.operator()),
            3 if self.below(2) == 0 => {
                format!(r#"{{"$elemMatch":{{"{}":{{{}}}}}}}"#, self.one_of(&["c", "d"]), self.operator())
            }
            4 if self.below(3) == 0 => r#"{"$gte":0,"$lt":2}"#.to_owned(),
            _ => format!("{{{}}}", self.operator()),
        };
        format!(r#"{{"{path}":{test}}}"#)
    }

    fn operator(&mut self) -> String {
        match self.below(14) {
            0..6 => {
                let name = self.one_of(&["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
                let value = if self.below(4) == 0 { self.value() } else { self.scalar() };
                format!(r#""{name}":{value}"#)
            }
            6 => format!(r#""$in":[{}]"#, self.list(0, 3, Self::scalar)),
            7 => format!(r#""$nin":[{}]"#, self.list(0, 3, Self::scalar)),
            8 => format!(r#""$exists":{}"#, self.one_of(&["true", "false"])),
            9 => {
                let types = ["number", "string", "bool", "date", "null", "array", "object", "int", "double"];
                format!(r#""$type":"{}""#, self.one_of(&types))
            }
            10 => format!(r#""$size":{}"#, self.below(3)),
            11 => format!(r#""$all":[{}]"#, self.list(0, 2, Self::scalar)),
            12 => format!(r#""$mod":[{},{}]"#, 1 + self.below(3), self.below(2)),
            _ => format!(r#""$regex":"{}""#, self.one_of(&["a", "^a", "b$", "^$", "A"])),
        }
    }

    fn update(&mut self) -> String {
        let first = self.change();
        match self.below(4) {
            0 => {
                let second = self.change();
                let is_other = first.split(':').next() != second.split(':').next();
                if is_other { format!("{{{first},{second}}}") } else { format!("{{{first}}}") }
            }
            _ => format!("{{{first}}}"),
        }
    }

    fn change(&mut self) -> String {
        let paths =
            ["a", "b", "c", "b.c", "b.d", "a.0", "a.3", "b.0.c", "b.e.f", "x", "x.y", "a.$[]", "b.$[].c"];
        let path = self.one_of(&paths);
        let of = |name: &str, value: String| format!(r#""{name}":{{"{path}":{value}}}"#);
        match self.below(14) {
            0 | 1 => of("$set", self.value()),
            2 => of("$unset", "\"\"".to_owned()),
            3 => of("$inc", self.number()),
            4 => of("$mul", self.number()),
            5 => of("$min", self.scalar()),
            6 => of("$max", self.scalar()),
            7 => of("$rename", format!("\"{}\"", self.one_of(&["y", "b.z", "z.z", "c"]))),
            8 => of("$push", self.value()),
            9 => of("$push", self.pushed()),
            10 => of("$pop", self.one_of(&["1", "-1"]).to_owned()),
            11 if self.below(2) == 0 => {
                of("$addToSet", format!(r#"{{"$each":[{}]}}"#, self.list(0, 3, Self::element)))
            }
            11 => of("$addToSet", self.element()),
            12 => of("$pull", self.pulled()),
            _ => of("$pullAll", format!("[{}]", self.list(0, 3, Self::element))),
        }
    }

    fn pushed(&mut self) -> String {
        let mut modifiers = vec![format!(r#""$each":[{}]"#, self.list(0, 3, Self::scalar))];
        if self.below(2) == 0 {
            modifiers.push(format!(r#""$position":{}"#, self.one_of(&["0", "1", "-1", "9"])));
        }
        if self.below(3) == 0 {
            modifiers.push(format!(r#""$sort":{}"#, self.one_of(&["1", "-1"])));
        }
        if self.below(2) == 0 {
            modifiers.push(format!(r#""$slice":{}"#, self.one_of(&["0", "2", "-2", "5"])));
        }
        format!("{{{}}}", modifiers.join(","))
    }

    fn pulled(&mut self) -> String {
        match self.below(3) {
            0 => self.scalar(),
            1 => format!("{{{}}}", self.operator()),
            _ => format!(r#"{{"{}":{}}}"#, self.one_of(&["c", "d"]), self.scalar()),
        }
    }

    fn projection(&mut self) -> String {
        let paths = ["a", "b", "c", "b.c", "b.d", "x", "c.d", "a.c"];
        let count = 1 + self.below(2);
        let is_chosen = self.below(2);
        let mut names: Vec<&str> = (0..count).map(|_| self.one_of(&paths)).collect();
        names.sort_unstable();
        names.dedup();
        let mut fields: Vec<String> = names.iter().map(|name| format!(r#""{name}":{is_chosen}"#)).collect();
        match self.below(8) {
            0 => fields.push(r#""_id":0"#.to_owned()),
            1 => {
                fields = vec![format!(
                    r#""c":{{"$slice":{}}}"#,
                    self.one_of(&["1", "-1", "[1,1]", "[-2,1]", "[0,5]"])
                )]
            }
            2 => fields = vec![format!(r#""a":{{"$elemMatch":{{{}}}}}"#, self.operator())],
            3 => fields = vec![format!(r#""b":{{"$elemMatch":{{"c":{}}}}}"#, self.scalar())],
            _ => {}
        }
        format!("{{{}}}", fields.join(","))
    }

    fn sort(&mut self) -> String {
        let field = |path: &str, direction: &str| format!(r#""{path}":{direction}"#);
        let path = self.one_of(&["a", "b", "c", "b.c", "b.d", "x"]);
        // Nothing is left undecided.
        format!("{{{},{}}}", field(path, self.one_of(&["1", "-1"])), field("_id", self.one_of(&["1", "-1"])))
    }

    fn pipeline(&mut self) -> String {
        let mut stages = Vec::new();
        if self.below(3) == 0 {
            // What filters mean is asked elsewhere.
            stages.push(format!(r#"{{"$match":{{"{}":{}}}}}"#, self.one_of(&["a", "b.c"]), self.scalar()));
        }
        stages.push(match self.below(8) {
            0 => {
                let path = self.one_of(&["a", "b", "c", "b.c"]);
                let keeps = self.one_of(&["true", "false"]);
                format!(r#"{{"$unwind":{{"path":"${path}","preserveNullAndEmptyArrays":{keeps}}}}}"#)
            }
            1 | 2 => format!("{},{}", self.group(), r#"{"$sort":{"_id":1}}"#),
            3 => format!(
                r#"{{"$sort":{{"a":{},"_id":1}}}},{{"$skip":1}},{{"$limit":3}}"#,
                self.one_of(&["1", "-1"])
            ),
            4 => r#"{"$count":"n"}"#.to_owned(),
            _ => format!(r#"{{"$project":{{"_id":1,"r":{}}}}}"#, self.expression(1)),
        });
        format!("[{}]", stages.join(","))
    }

    fn group(&mut self) -> String {
        let names = ["$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet"];
        let id = self.one_of(&["null", "\"$a\"", "\"$b.c\"", "\"$c\"", r#"{"k":"$a"}"#]);
        let (name, of) = (self.one_of(&names), self.one_of(&["1", "\"$a\"", "\"$b.c\"", "\"$c\""]));
        format!(r#"{{"$group":{{"_id":{id},"r":{{"{name}":{of}}}}}}}"#)
    }

    fn expression(&mut self, levels: u64) -> String {
        if levels == 0 {
            return match self.below(3) {
                0 => self.scalar(),
                _ => {
                    self.one_of(&["\"$a\"", "\"$b.c\"", "\"$b\"", "\"$c\"", "\"$x\"", "\"$b.d\""]).to_owned()
                }
            };
        }
        let mut inner = || self.expression(levels - 1);
        let (one, two, three) = (inner(), inner(), inner());
        match self.below(9) {
            0 => format!(
                r#"{{"{}":[{one},{two}]}}"#,
                self.one_of(&["$add", "$subtract", "$multiply", "$divide", "$mod"])
            ),
            1 | 2 => format!(
                r#"{{"{}":[{one},{two}]}}"#,
                self.one_of(&["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
            ),
            3 => format!(r#"{{"{}":[{one},{two}]}}"#, self.one_of(&["$and", "$or", "$ifNull", "$concat"])),
            4 => format!(r#"{{"$cond":[{one},{two},{three}]}}"#),
            5 => format!(r#"{{"{}":{one}}}"#, self.one_of(&["$toUpper", "$toLower", "$size"])),
            6 => format!(r#"{{"{}":{one}}}"#, self.one_of(&["$year", "$month", "$dayOfMonth", "$hour"])),
            7 => format!(r#"{{"{}":[{one},{}]}}"#, "$arrayElemAt", self.one_of(&["0", "1", "-1", "5"])),
            _ => match self.below(3) {
                0 => format!(r#"{{"$not":[{one}]}}"#),
                1 => format!(r#"{{"$in":[{one},{two}]}}"#),
                _ => format!(r#"{{"$dateToString":{{"date":{one},"format":"%Y-%m-%d %H:%M:%S %L"}}}}"#),
            },
        }
    }
}
