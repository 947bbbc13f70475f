//! Tokens. Their text is shown once; a hash is kept.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::catalog::{Project, Scope, Token};

use super::ControlState;
use super::auth::{self, ADMIN_PREFIX, Caller};
use super::body::{self, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{self, CreatedToken, NewToken, TokenList, TokenView};
use crate::problem::Problem;

const LABEL_CHARACTERS: usize = 100;
const PREFIX_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Tokens of the whole server, newest first.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", operation_id = "list_server_tokens", security(("token" = [])),
    responses((status = 200, body = TokenList, description = "The tokens, without their secret parts"), Errors),
)]
pub(super) async fn list_server(
    State(state): State<ControlState>,
    caller: Caller,
) -> Result<Json<TokenList>, Problem> {
    caller.server(Scope::Admin)?;
    views(&state, None).await
}

/// Tokens of a project, newest first.
#[utoipa::path(
    get, path = "/v1/projects/{project}/tokens", tag = "tokens", operation_id = "list_tokens",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = TokenList, description = "The tokens, without their secret parts"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<TokenList>, Problem> {
    let project = caller.project(&state, &project, Scope::Admin).await?;
    views(&state, Some(&project)).await
}

/// Creates a token for the whole server.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", operation_id = "create_server_token",
    request_body = NewToken, security(("token" = [])),
    responses((status = 201, body = CreatedToken, description = "The token; shown this once"), Errors, BodyErrors),
)]
pub(super) async fn create_server(
    State(state): State<ControlState>,
    caller: Caller,
    body::Json(new): body::Json<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    caller.server(Scope::Admin)?;
    issue(&state, &caller, None, new).await
}

/// Creates a token for a project.
#[utoipa::path(
    post, path = "/v1/projects/{project}/tokens", tag = "tokens", operation_id = "create_token",
    params(("project" = String, Path, description = "The project's name")),
    request_body = NewToken, security(("token" = [])),
    responses((status = 201, body = CreatedToken, description = "The token; shown this once"), Errors, BodyErrors),
)]
pub(super) async fn create(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    body::Json(new): body::Json<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let project = caller.project(&state, &project, Scope::Admin).await?;
    issue(&state, &caller, Some(&project), new).await
}

/// Revokes a token of the whole server for ever.
#[utoipa::path(
    delete, path = "/v1/tokens/{prefix}", tag = "tokens", operation_id = "revoke_server_token",
    params(("prefix" = String, Path, description = "The token's public part")), security(("token" = [])),
    responses((status = 204, description = "Revoked"), Errors),
)]
pub(super) async fn revoke_server(
    State(state): State<ControlState>,
    caller: Caller,
    Path(prefix): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.server(Scope::Admin)?;
    state.parts.tokens.revoke(None, &prefix, &state.stamp(&caller.actor)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a token of a project for ever.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/tokens/{prefix}", tag = "tokens", operation_id = "revoke_token",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("prefix" = String, Path, description = "The token's public part"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "Revoked"), Errors),
)]
pub(super) async fn revoke(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, prefix)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Admin).await?;
    state.parts.tokens.revoke(Some(project.id), &prefix, &state.stamp(&caller.actor)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn views(state: &ControlState, project: Option<&Project>) -> Result<Json<TokenList>, Problem> {
    let tokens = state.parts.tokens.list(project.map(|project| project.id)).await?;
    let view = |token: Token| TokenView {
        prefix: token.prefix,
        label: token.label,
        scopes: token.scopes.into_iter().map(wire::Scope::from).collect(),
        project: project.map(|project| project.name.clone()),
        created_ms: token.created_ms,
    };
    Ok(Json(TokenList { tokens: tokens.into_iter().map(view).collect() }))
}

async fn issue(
    state: &ControlState,
    caller: &Caller,
    project: Option<&Project>,
    new: NewToken,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let scopes = check(&new)?;
    let (prefix, secret) = random_parts()?;
    let stamp = state.stamp(&caller.actor);
    let token = Token {
        prefix: prefix.clone(),
        hash: auth::hash(&secret),
        project: project.map(|project| project.id),
        label: new.label.clone(),
        scopes: scopes.iter().copied().map(Scope::from).collect(),
        created_ms: stamp.at_ms,
    };
    state.parts.tokens.create(&token, &stamp).await?;
    let created = CreatedToken {
        token: format!("ostro_{prefix}_{secret}"),
        prefix,
        label: new.label,
        scopes: scopes.into_iter().collect(),
        project: project.map(|project| project.name.clone()),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// The scopes, once each, of an acceptable token.
fn check(new: &NewToken) -> Result<BTreeSet<wire::Scope>, Problem> {
    let characters = new.label.chars().count();
    if characters == 0 || characters > LABEL_CHARACTERS || new.label.chars().any(char::is_control) {
        let message = "a token's label has 1 to 100 characters, none of them a control character";
        return Err(Problem::new(422, "token_label", message));
    }
    if new.scopes.is_empty() {
        return Err(Problem::new(422, "token_scopes", "a token needs at least one scope")
            .hint("choose from deploy, read, invoke and admin"));
    }
    Ok(new.scopes.iter().copied().collect())
}

/// A public part of 40 random bits, which is not the server's own, and a secret of 256.
fn random_parts() -> Result<(String, String), Problem> {
    let random = |bytes: &mut [u8]| {
        getrandom::fill(bytes).map_err(|error| Problem::internal(&std::io::Error::other(error.to_string())))
    };
    let mut prefix = ADMIN_PREFIX.to_owned();
    while prefix == ADMIN_PREFIX {
        let mut bytes = [0u8; 8];
        random(&mut bytes)?;
        let letters = bytes.iter().filter_map(|byte| PREFIX_ALPHABET.get(usize::from(byte % 32)));
        prefix = letters.map(|letter| char::from(*letter)).collect();
    }
    let mut secret = [0u8; 32];
    random(&mut secret)?;
    Ok((prefix, URL_SAFE_NO_PAD.encode(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_texts_are_random_and_well_formed() {
        let (prefix, secret) = random_parts().unwrap();
        assert_eq!((prefix.len(), secret.len()), (8, 43));
        assert!(prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        assert_ne!(random_parts().unwrap(), (prefix, secret));
    }

    #[test]
    fn labels_and_scopes_are_checked() {
        let new = |label: &str, scopes: &[wire::Scope]| NewToken {
            label: label.to_owned(),
            scopes: scopes.to_vec(),
        };
        let read = wire::Scope::Read;
        assert_eq!(check(&new(&"ä".repeat(100), &[read, read])).unwrap().len(), 1);
        for wrong in
            [new("", &[read]), new(&"a".repeat(101), &[read]), new("a\u{1b}[2J", &[read]), new("a", &[])]
        {
            assert_eq!(check(&wrong).unwrap_err().status, 422, "{wrong:?}");
        }
    }
}
