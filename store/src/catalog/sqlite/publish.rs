//! Publishing a deploy: the one change of the catalog that touches several tables.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use super::{audit, functions, projects};
use crate::StoreError;
use crate::catalog::{Function, FunctionId, NewRevision, Published, Result, RevisionSpec, Route, Stamp};
use crate::sqlite::{Json, new_id};

/// The method of a route that takes any.
const ANY: &str = "*";

/// See [`crate::catalog::Functions::publish`]. Runs in a savepoint: an error undoes all of it.
pub(super) fn publish(connection: &Connection, new: NewRevision, stamp: &Stamp) -> Result<Published> {
    projects::name_of(connection, new.project)?;
    let Some(found) = functions::find(connection, new.project, &new.name)? else {
        return create(connection, new, stamp);
    };
    let same_content = active_spec(connection, &found)?.digest == new.spec.digest;
    match (same_content, found.bindings == new.bindings) {
        (true, true) => Ok(Published::Unchanged(found)),
        (true, false) => {
            let function = Function { bindings: new.bindings, updated_ms: stamp.at_ms, ..found };
            store(connection, &function)?;
            record(connection, stamp, &function, "function.bind")?;
            Ok(Published::Rebound(function))
        }
        (false, _) => {
            let active = next_number(connection, found.id)?;
            let function = Function { active, bindings: new.bindings, updated_ms: stamp.at_ms, ..found };
            store(connection, &function)?;
            add_revision(connection, &function, &new.spec, stamp)?;
            prune(connection, &function, new.keep)?;
            record(connection, stamp, &function, "function.deploy")?;
            Ok(Published::Created(function))
        }
    }
}

fn create(connection: &Connection, new: NewRevision, stamp: &Stamp) -> Result<Published> {
    let function = Function {
        id: FunctionId(new_id(stamp.at_ms)?),
        project: new.project,
        name: new.name,
        active: 1,
        bindings: new.bindings,
        created_ms: stamp.at_ms,
        updated_ms: stamp.at_ms,
    };
    store(connection, &function)?;
    add_revision(connection, &function, &new.spec, stamp)?;
    record(connection, stamp, &function, "function.deploy")?;
    Ok(Published::Created(function))
}

/// Writes the function's row, routes and queues.
fn store(connection: &Connection, function: &Function) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO functions
                 (id, project, name, active, last_revision, bindings, created_ms, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET active = excluded.active, bindings = excluded.bindings,
                 last_revision = max(last_revision, excluded.last_revision),
                 updated_ms = excluded.updated_ms",
        )?
        .execute((
            function.id,
            function.project,
            &function.name,
            function.active,
            Json(&function.bindings),
            function.created_ms,
            function.updated_ms,
        ))?;
    connection.prepare_cached("DELETE FROM routes WHERE function = ?1")?.execute([function.id])?;
    for route in &function.bindings.routes {
        add_route(connection, function, route)?;
    }
    connection.prepare_cached("DELETE FROM consumers WHERE function = ?1")?.execute([function.id])?;
    for queue in &function.bindings.queues {
        add_consumer(connection, function, &queue.name)?;
    }
    Ok(())
}

/// Claims the queue: it has one consumer.
fn add_consumer(connection: &Connection, function: &Function, queue: &str) -> Result<()> {
    let holder: Option<String> = connection
        .prepare_cached(
            "SELECT f.name FROM consumers c JOIN functions f ON f.id = c.function
             WHERE c.project = ?1 AND c.queue = ?2",
        )?
        .query_row((function.project, queue), |row| row.get(0))
        .optional()?;
    if let Some(holder) = holder {
        let what = format!("queue `{queue}`");
        return Err(StoreError::Conflict { what, holder: format!("function `{holder}`") });
    }
    connection
        .prepare_cached("INSERT INTO consumers (project, queue, function) VALUES (?1, ?2, ?3)")?
        .execute((function.project, queue, function.id))?;
    Ok(())
}

/// Claims the route for each of its methods. A route for any method clashes with every route of its shape.
fn add_route(connection: &Connection, function: &Function, route: &Route) -> Result<()> {
    let shape = route.shape();
    let methods: BTreeSet<&str> = match route.methods.is_empty() {
        true => BTreeSet::from([ANY]),
        false => route.methods.iter().map(String::as_str).collect(),
    };
    for method in methods {
        let holder: Option<String> = connection
            .prepare_cached(
                "SELECT f.name FROM routes r JOIN functions f ON f.id = r.function
                 WHERE r.project = ?1 AND r.shape = ?2 AND (r.method IN (?3, '*') OR ?3 = '*') LIMIT 1",
            )?
            .query_row((function.project, &shape, method), |row| row.get(0))
            .optional()?;
        if let Some(holder) = holder {
            let what = match method {
                ANY => format!("the route {}", route.path),
                method => format!("the route {method} {}", route.path),
            };
            return Err(StoreError::Conflict { what, holder: format!("function {holder}") });
        }
        connection
            .prepare_cached("INSERT INTO routes (project, shape, method, function) VALUES (?1, ?2, ?3, ?4)")?
            .execute((function.project, &shape, method, function.id))?;
    }
    Ok(())
}

fn add_revision(
    connection: &Connection,
    function: &Function,
    spec: &RevisionSpec,
    stamp: &Stamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO revisions (function, number, wasm, assets, spec, created_ms, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            function.id,
            function.active,
            &spec.wasm,
            &spec.assets,
            Json(spec),
            stamp.at_ms,
            &stamp.actor,
        ))?;
    Ok(())
}

/// Forgets all but the newest `keep` revisions and the active one, which has just been made.
fn prune(connection: &Connection, function: &Function, keep: u32) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM revisions WHERE function = ?1 AND number <> ?2 AND number NOT IN
                 (SELECT number FROM revisions WHERE function = ?1 ORDER BY number DESC LIMIT ?3)",
        )?
        .execute((function.id, function.active, keep))?;
    Ok(())
}

fn next_number(connection: &Connection, id: FunctionId) -> Result<u32> {
    Ok(connection
        .prepare_cached("SELECT last_revision + 1 FROM functions WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?)
}

fn active_spec(connection: &Connection, function: &Function) -> Result<RevisionSpec> {
    let spec: Option<Json<RevisionSpec>> = connection
        .prepare_cached("SELECT spec FROM revisions WHERE function = ?1 AND number = ?2")?
        .query_row((function.id, function.active), |row| row.get(0))
        .optional()?;
    spec.map(|json| json.0)
        .ok_or_else(|| StoreError::Damaged(format!("the active revision of {} is gone", function.name)))
}

fn record(connection: &Connection, stamp: &Stamp, function: &Function, action: &str) -> Result<()> {
    let subject = format!("{}@{}", function.name, function.active);
    audit::record(connection, stamp, Some(function.project), action, &subject)
}
