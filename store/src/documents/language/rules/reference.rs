//! Rules at random, and what they mean: written anew over JSON, with nothing of the language that is tested.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::documents::Caller;

/// A rule as it was made up.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    Constant(Json),
    User,
    Roles,
    Anonymous,
    Data(&'static str),
    Field(&'static str),
    List(Vec<Made>),
    And(Box<Made>, Box<Made>),
    Or(Box<Made>, Box<Made>),
    Not(Box<Made>),
    Compare(&'static str, Box<Made>, Box<Made>),
}

/// Rules that ask for some of these fields, of what is there and of what it is to become.
pub(crate) fn rule(
    fields: &'static [&'static str],
    data: &'static [&'static str],
) -> impl Strategy<Value = Made> {
    let constant = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1.0),
        json!(0.5),
        json!("ada"),
        json!("editor"),
        json!("ben"),
        json!(""),
    ]);
    let operand = prop_oneof![
        4 => prop::sample::select(fields).prop_map(Made::Field),
        3 => constant.prop_map(Made::Constant),
        3 => Just(Made::User),
        1 => Just(Made::Roles),
        1 => Just(Made::Anonymous),
        1 => prop::sample::select(data).prop_map(Made::Data),
    ];
    let list = prop::collection::vec(operand.clone(), 0..3).prop_map(Made::List);
    let value = prop_oneof![5 => operand, 1 => list];
    let sign = prop::sample::select(vec!["==", "==", "==", "!=", "<", "<=", ">", ">=", "in", "in", "in"]);
    let compared = (sign, value.clone(), value.clone())
        .prop_map(|(sign, left, right)| Made::Compare(sign, Box::new(left), Box::new(right)));
    prop_oneof![5 => compared, 1 => value].prop_recursive(3, 8, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            2 => two.clone().prop_map(|(a, b)| Made::And(Box::new(a), Box::new(b))),
            2 => two.clone().prop_map(|(a, b)| Made::Or(Box::new(a), Box::new(b))),
            1 => two.prop_map(|(a, b)| Made::Compare("==", Box::new(a), Box::new(b))),
            1 => inner.prop_map(|a| Made::Not(Box::new(a))),
        ]
    })
}

impl Made {
    /// As somebody would write it who likes parentheses.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Constant(value) => match value.as_f64().filter(|_| value.is_f64()) {
                Some(number) => format!("{number:?}"),
                None => value.to_string(),
            },
            Self::User => "auth.user".to_owned(),
            Self::Roles => "auth.roles".to_owned(),
            Self::Anonymous => "auth.anonymous".to_owned(),
            Self::Data(path) | Self::Field(path) => (*path).to_owned(),
            Self::List(all) => format!("[{}]", all.iter().map(Self::text).collect::<Vec<_>>().join(", ")),
            Self::And(a, b) => format!("({}) && ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) || ({})", a.text(), b.text()),
            Self::Not(a) => format!("!({})", a.text()),
            Self::Compare(sign, a, b) => format!("({}) {sign} ({})", a.text(), b.text()),
        }
    }

    /// Whether a caller may see that row.
    pub(crate) fn lets(&self, caller: &Caller, row: &Json) -> bool {
        self.value(caller, row) == Json::Bool(true)
    }

    fn value(&self, caller: &Caller, row: &Json) -> Json {
        let is_nobody = |side: &Self| caller.user.is_none() && matches!(side, Self::User);
        match self {
            Self::Constant(value) => value.clone(),
            Self::User => caller.user.clone().map_or(Json::Null, Json::from),
            Self::Roles => json!(caller.roles),
            Self::Anonymous => json!(caller.anonymous),
            Self::Data(_) => Json::Null,
            Self::Field(path) => {
                path.split('.').fold(row.clone(), |at, name| at.get(name).cloned().unwrap_or_default())
            }
            Self::List(all) => all.iter().map(|one| one.value(caller, row)).collect(),
            Self::And(a, b) => json!(a.lets(caller, row) && b.lets(caller, row)),
            Self::Or(a, b) => json!(a.lets(caller, row) || b.lets(caller, row)),
            Self::Not(a) => json!(a.value(caller, row) == json!(false)),
            Self::Compare("in", one, _) if is_nobody(one) => json!(false),
            Self::Compare("in", one, all) => {
                let one = one.value(caller, row);
                let elements = match &**all {
                    Self::List(all) => all
                        .iter()
                        .filter(|each| !is_nobody(each))
                        .map(|each| each.value(caller, row))
                        .collect(),
                    other => other.value(caller, row).as_array().cloned().unwrap_or_default(),
                };
                json!(elements.iter().any(|element| same(element, &one)))
            }
            Self::Compare(sign, a, b) => {
                let is_null = |side: &Self| matches!(side, Self::Constant(Json::Null));
                if is_nobody(a) && !is_null(b) || is_nobody(b) && !is_null(a) {
                    return json!(false);
                }
                let (a, b) = (a.value(caller, row), b.value(caller, row));
                json!(stands(sign, &a, &b))
            }
        }
    }
}

/// Whether two whole values are the same: numbers by what they are worth.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((m, a), (n, b))| m == n && same(a, b))
        }
        _ => a == b,
    }
}

fn stands(sign: &str, a: &Json, b: &Json) -> bool {
    let order = match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match sign {
        "==" => same(a, b),
        "!=" => !same(a, b),
        "<" => order.is_some_and(|order| order.is_lt()),
        "<=" => order.is_some_and(|order| order.is_le()),
        ">" => order.is_some_and(|order| order.is_gt()),
        ">=" => order.is_some_and(|order| order.is_ge()),
        other => panic!("{other}"),
    }
}
