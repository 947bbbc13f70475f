//! Who has signed a URL, as it stands there: URLs are handed on, so nobody but the server reads it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use store::StoreError;
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;

/// What it is sealed as. No secret has such a name.
const SEALED_AS: &str = "signed-url";

/// What stands in a URL for that caller: the id of the account, sealed; for nobody the empty one.
pub fn sealed_signer(keys: &Keys, project: ProjectId, caller: &Caller) -> Result<String, StoreError> {
    let user = caller.user.as_deref().unwrap_or_default();
    Ok(BASE64.encode(keys.seal(project, SEALED_AS, user.as_bytes())?))
}

/// The id of the account that stands in a URL, empty for nobody. None for what was never sealed.
pub fn signer_in(keys: &Keys, project: ProjectId, sealed: &str) -> Option<String> {
    let user = keys.open(project, SEALED_AS, &BASE64.decode(sealed).ok()?).ok()?;
    String::from_utf8(user).ok()
}
