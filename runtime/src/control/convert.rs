//! From the catalog's records to the wire and back.

use store::catalog;

use super::wire::{AuditRow, Limits, OnDisconnect, Project, Route, Scope, SecretView};

impl From<catalog::Project> for Project {
    fn from(project: catalog::Project) -> Self {
        Self { name: project.name, id: project.id.0, created_ms: project.created_ms }
    }
}

impl From<catalog::Scope> for Scope {
    fn from(scope: catalog::Scope) -> Self {
        match scope {
            catalog::Scope::Deploy => Self::Deploy,
            catalog::Scope::Read => Self::Read,
            catalog::Scope::Invoke => Self::Invoke,
            catalog::Scope::Admin => Self::Admin,
        }
    }
}

impl From<Scope> for catalog::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Deploy => Self::Deploy,
            Scope::Read => Self::Read,
            Scope::Invoke => Self::Invoke,
            Scope::Admin => Self::Admin,
        }
    }
}

impl From<catalog::Route> for Route {
    fn from(route: catalog::Route) -> Self {
        Self { path: route.path, methods: route.methods, strip: route.strip }
    }
}

impl From<Route> for catalog::Route {
    fn from(route: Route) -> Self {
        Self { path: route.path, methods: route.methods, strip: route.strip }
    }
}

impl From<catalog::Limits> for Limits {
    fn from(limits: catalog::Limits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            cpu_ms: limits.cpu_ms,
            wall_ms: limits.wall_ms,
            concurrency: limits.concurrency,
            request_body_bytes: limits.request_body_bytes,
            stream_idle_ms: limits.stream_idle_ms,
            stream_total_ms: limits.stream_total_ms,
            outbound_calls: limits.outbound_calls,
            log_bytes: limits.log_bytes,
        }
    }
}

impl From<catalog::OnDisconnect> for OnDisconnect {
    fn from(on_disconnect: catalog::OnDisconnect) -> Self {
        match on_disconnect {
            catalog::OnDisconnect::Finish => Self::Finish,
            catalog::OnDisconnect::Cancel => Self::Cancel,
        }
    }
}

impl From<OnDisconnect> for catalog::OnDisconnect {
    fn from(on_disconnect: OnDisconnect) -> Self {
        match on_disconnect {
            OnDisconnect::Finish => Self::Finish,
            OnDisconnect::Cancel => Self::Cancel,
        }
    }
}

impl From<catalog::SecretInfo> for SecretView {
    fn from(secret: catalog::SecretInfo) -> Self {
        Self { name: secret.name, updated_ms: secret.updated_ms }
    }
}

impl From<catalog::AuditRow> for AuditRow {
    fn from(row: catalog::AuditRow) -> Self {
        Self {
            sequence: row.sequence,
            at_ms: row.at_ms,
            actor: row.actor,
            project: row.project.map(|id| id.0),
            action: row.action,
            subject: row.subject,
        }
    }
}
