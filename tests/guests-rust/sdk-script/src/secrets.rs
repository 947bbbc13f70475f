//! `ostro::secrets`.

use crate::Outcome;

pub fn read() -> Outcome {
    assert_eq!(ostro::secrets::get("SDK_TOKEN")?.as_deref(), Some("swordfish"));
    assert_eq!(ostro::secrets::get("SDK_NONE")?, None);
    assert_eq!(ostro::secrets::names(), ["SDK_TOKEN"]);
    Ok(())
}
