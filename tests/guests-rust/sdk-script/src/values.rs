//! `ostro::kv`.

use ostro::json;
use ostro::kv::{self, Error, MAX_ROUNDS, Namespace};
use serde_json::Value;

use crate::Outcome;

/// A namespace with nothing in it.
fn empty(name: &str) -> kv::Result<Namespace> {
    let namespace = kv::namespace(name)?;
    loop {
        let (keys, cursor) = namespace.list_page(None)?;
        namespace.delete_many(&keys)?;
        if cursor.is_none() {
            return Ok(namespace);
        }
    }
}

pub fn change_and_find() -> Outcome {
    let values = empty("values")?;
    assert_eq!((values.get("a")?, values.exists("a")?), (None, false));
    values.set("a", "one")?;
    values.set("a", [0, 255])?;
    assert_eq!((values.get("a")?, values.exists("a")?), (Some(vec![0, 255]), true));
    values.delete("a")?;
    values.delete("a")?;
    assert_eq!(values.get("a")?, None);

    values.set_json("user", &json!({ "name": "Ann" }))?;
    assert_eq!(values.get("user")?, Some(br#"{"name":"Ann"}"#.to_vec()));
    assert_eq!(values.get_json::<Value>("user")?, Some(json!({ "name": "Ann" })));
    assert_eq!(values.get_json::<Value>("none")?, None);
    let shape = values.get_json::<u32>("user");
    assert!(matches!(shape, Err(Error::Mismatch(_))), "{shape:?}");

    assert_eq!((values.increment("n", 5)?, values.increment("n", -7)?), (5, -2));
    let text = values.increment("user", 1);
    assert!(matches!(&text, Err(Error::Failed(text)) if text.contains("number")), "{text:?}");
    let long = values.set(&"k".repeat(1_025), "x");
    assert!(matches!(long, Err(Error::Failed(_))), "{long:?}");
    Ok(())
}

pub fn many() -> Outcome {
    let values = empty("many")?;
    for batch in 0..3 {
        let some: Vec<_> = (0..900).map(|n| (format!("{batch}-{n:03}"), format!("{n}"))).collect();
        values.set_many(&some)?;
    }
    let keys: Vec<String> = values.list().collect::<Result<_, _>>()?;
    assert_eq!((keys.len(), keys.is_sorted()), (2_700, true));
    assert_eq!(
        values.get_many(&["2-007", "none", "0-899"])?,
        [Some(b"7".to_vec()), None, Some(b"899".to_vec())]
    );
    let (page, cursor) = values.list_page(Some("1-899"))?;
    assert_eq!((page.len(), page[0].as_str(), cursor), (900, "2-000", None));
    values.delete_many(&keys[..1_000])?;
    assert_eq!(values.list().count(), 1_700);
    assert!(matches!(values.delete_many(&keys), Err(Error::Failed(_))));
    Ok(())
}

/// Others write between looking and setting.
pub fn races() -> Outcome {
    let values = empty("races")?;
    assert!(values.add("first", "mine")? && !values.add("first", "theirs")?);
    assert_eq!(values.get("first")?, Some(b"mine".to_vec()));

    let mut rounds = 0;
    let made = values.update("text", |old| {
        rounds += 1;
        if rounds < 3 {
            values.set("text", format!("theirs {rounds}")).expect("it is set");
        }
        [old.unwrap_or_default(), b"+".to_vec()].concat()
    })?;
    assert_eq!((rounds, made), (3, b"theirs 2+".to_vec()));

    let sum = values.update_json::<u32>("sum", |old| old.unwrap_or(40) + 1)?;
    assert_eq!((sum, values.get_json("sum")?), (41, Some(41)));
    let shape = values.update_json::<u32>("text", |_| 1);
    assert!(matches!(shape, Err(Error::Mismatch(_))), "{shape:?}");

    let mut rounds = 0;
    let never = values.update("sum", |_| {
        rounds += 1;
        values.increment("sum", 1).expect("it is counted");
        Vec::new()
    });
    assert_eq!((never, rounds), (Err(Error::Conflict), MAX_ROUNDS));
    Ok(())
}
