//! From the catalog's records to the wire and back.

use store::{catalog, jobs};

use super::wire::{
    AccessView, AuditRow, AuthMode, CronTrigger, DataTrigger, JobLimits, JobState, Limits, Missed,
    OnDisconnect, Overlap, Project, Purge, QueueTrigger, Route, RouteView, Scope, SecretView, Sent,
};

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

impl From<catalog::Route> for RouteView {
    fn from(route: catalog::Route) -> Self {
        let catalog::Route { path, methods, strip, access } = route;
        Self { route: Route { path, methods, strip }, access: access.map(AccessView::from) }
    }
}

impl From<catalog::Access> for AccessView {
    fn from(access: catalog::Access) -> Self {
        let auth = match access.signed_in {
            catalog::SignedIn::None => AuthMode::None,
            catalog::SignedIn::Optional => AuthMode::Optional,
            catalog::SignedIn::Required => AuthMode::Required,
        };
        Self { auth, roles: access.roles }
    }
}

impl From<AuthMode> for catalog::SignedIn {
    fn from(auth: AuthMode) -> Self {
        match auth {
            AuthMode::None => Self::None,
            AuthMode::Optional => Self::Optional,
            AuthMode::Required => Self::Required,
        }
    }
}

impl From<Route> for catalog::Route {
    fn from(route: Route) -> Self {
        Self { path: route.path, methods: route.methods, strip: route.strip, access: None }
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

impl From<catalog::Missed> for Missed {
    fn from(missed: catalog::Missed) -> Self {
        match missed {
            catalog::Missed::Once => Self::Once,
            catalog::Missed::Skip => Self::Skip,
            catalog::Missed::All => Self::All,
        }
    }
}

impl From<catalog::Overlap> for Overlap {
    fn from(overlap: catalog::Overlap) -> Self {
        match overlap {
            catalog::Overlap::Forbid => Self::Forbid,
            catalog::Overlap::Allow => Self::Allow,
            catalog::Overlap::Replace => Self::Replace,
        }
    }
}

impl From<catalog::CronTrigger> for CronTrigger {
    fn from(trigger: catalog::CronTrigger) -> Self {
        Self {
            schedule: trigger.schedule,
            timezone: trigger.timezone,
            path: trigger.path,
            missed: trigger.missed.into(),
            overlap: trigger.overlap.into(),
        }
    }
}

impl From<catalog::QueueTrigger> for QueueTrigger {
    fn from(trigger: catalog::QueueTrigger) -> Self {
        Self {
            name: trigger.name,
            batch: trigger.batch,
            concurrency: trigger.concurrency,
            attempts: trigger.attempts,
            path: trigger.path,
        }
    }
}

impl From<catalog::DataTrigger> for DataTrigger {
    fn from(trigger: catalog::DataTrigger) -> Self {
        Self {
            source: format!("{}:{}", trigger.source.kind(), trigger.source.name()),
            on: trigger.on.iter().map(|change| change.name().to_owned()).collect(),
            path: trigger.path,
        }
    }
}

impl From<catalog::JobLimits> for JobLimits {
    fn from(limits: catalog::JobLimits) -> Self {
        Self { cpu_ms: limits.cpu_ms, wall_ms: limits.wall_ms }
    }
}

impl From<jobs::JobState> for JobState {
    fn from(state: jobs::JobState) -> Self {
        match state {
            jobs::JobState::Pending => Self::Waiting,
            jobs::JobState::Running => Self::Running,
            jobs::JobState::Done => Self::Done,
            jobs::JobState::Dead => Self::Dead,
        }
    }
}

impl From<JobState> for jobs::JobState {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Waiting => Self::Pending,
            JobState::Running => Self::Running,
            JobState::Done => Self::Done,
            JobState::Dead => Self::Dead,
        }
    }
}

impl From<Purge> for jobs::Purge {
    fn from(which: Purge) -> Self {
        match which {
            Purge::Waiting => Self::Waiting,
            Purge::Dead => Self::Dead,
        }
    }
}

impl From<jobs::Enqueued> for Sent {
    fn from(enqueued: jobs::Enqueued) -> Self {
        Self { job: enqueued.id().0, duplicate: matches!(enqueued, jobs::Enqueued::Duplicate(_)) }
    }
}
