//! `ostro::functions`.

use std::time::{Duration, SystemTime};

use ostro::functions::{self, Call, Error};
use ostro::json;
use serde_json::Value;

use crate::Outcome;

pub fn call() -> Outcome {
    let about = functions::about();
    assert_eq!((about.function.as_str(), about.revision), ("sdk-calls", 1));
    assert!(!about.project.is_empty() && about.invocation.len() == 36);
    assert!(about.deadline > SystemTime::now());
    assert_eq!(functions::bindings(), [("MAIL".to_owned(), "queue:mail".to_owned())]);

    let echo: Vec<u32> = functions::invoke("sdk-echo", &[1, 2])?;
    assert_eq!(echo, [1, 2]);
    let nothing: Option<u8> =
        Call::new("sdk-echo").timeout(Duration::from_secs(5)).header("x-a", "1").invoke(&())?;
    assert_eq!(nothing, None);
    let job = functions::send("sdk-echo", &json!({ "later": true }))?;
    assert_eq!(job.len(), 36);
    let first = Call::new("sdk-echo").delay(Duration::from_secs(3_600)).dedupe_key("7").send(&1)?;
    assert_eq!(Call::new("sdk-echo").dedupe_key("7").send(&2)?, first);
    Ok(())
}

pub fn failures() -> Outcome {
    let shape = functions::invoke::<u32>("sdk-echo", &json!("text"));
    assert!(matches!(shape, Err(Error::Mismatch(_))), "{shape:?}");
    // The function answers 500 and a text where it has no such part.
    match Call::new("sdk-echo").path("/none").method("GET").invoke::<Value>(&()) {
        Err(Error::Failed(failed)) => {
            assert_eq!((failed.status, failed.code.as_deref()), (500, None));
            assert_eq!(failed.body, json!("there is no part /none\n"));
        }
        other => return Err(format!("{other:?}").into()),
    }
    let unknown = functions::invoke::<Value>("sdk-nobody", &());
    assert!(matches!(unknown, Err(Error::UnknownFunction(_))), "{unknown:?}");
    let invalid = Call::new("sdk-echo").path("no path").invoke::<Value>(&());
    assert!(matches!(invalid, Err(Error::Invalid(_))), "{invalid:?}");
    Ok(())
}
