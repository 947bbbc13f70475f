//! The JSON of the control API: what goes over the wire, for the server and for its clients.
//!
//! Times are milliseconds since 1970 (UTC), sizes are bytes, unless a name says otherwise. A client must
//! ignore fields that it does not know.

mod audit;
mod backup;
mod cron;
mod deploy;
mod documents;
mod functions;
mod invoke;
mod jobs;
mod objects;
mod projects;
mod queues;
mod records;
mod resources;
mod revisions;
mod secrets;
mod server;
mod site;
mod text;
mod tokens;
mod users;

pub use audit::{AuditList, AuditRow};
pub use backup::{BackupReport, BackupRequest, MissingView};
pub use cron::{CronTrigger, Missed, Overlap, ScheduleList, ScheduleView};
pub use deploy::{
    CronFlag, DeployFlags, DeployOutcome, DeployReport, DeployTiming, JobLimitFlags, LimitFlags, Quantity,
    QueueFlag,
};
pub use documents::{
    Changed, CollectionList, CollectionView, CountRequest, Counted, DeleteRequest, Deleted, DocumentPage,
    Existing, FindRequest, Index, InsertRequest, Inserted, MAX_DOCUMENT_BYTES, MAX_INSERT_BYTES,
    MAX_INSERTED, MAX_PAGE, MAX_SKIP, NewCollection, UpdateRequest,
};
pub use functions::{
    AccessView, AuthMode, DataTrigger, FunctionDetail, FunctionList, FunctionView, JobLimits, Limits,
    OnDisconnect, QueueTrigger, Route, RouteView,
};
pub use invoke::{CALL_PATH, INVOCATION_HEADER, InvokeQuery, STATUS_HEADER};
pub use jobs::{Accepted, JobList, JobQuery, JobResult, JobState, JobTrigger, JobView, Redriven};
pub use objects::{BucketList, BucketView, MAX_OBJECTS, ObjectList, ObjectQuery, ObjectView};
pub use projects::{NewProject, Project, ProjectList};
pub use queues::{
    Batch, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_PAYLOAD_BYTES, MessageList, NewMessage, Purge,
    PurgeRequest, Purged, QueueList, QueueView, RedriveRequest, SendQuery, Sent, SentBatch,
};
pub use records::{InvocationList, ListQuery, LogList, LogQuery};
pub use resources::{ResourcesDeploy, ResourcesReport};
pub use revisions::{RevisionList, RevisionView, RollbackReport, RollbackRequest};
pub use secrets::{NewSecret, SecretList, SecretView};
pub use server::{ErrorBody, ErrorInfo, Health, Whoami};
pub use site::{SiteDeploy, SiteOutcome, SiteReceived, SiteReport, SiteVersionView, SiteView};
pub use text::text_or_base64;
pub use tokens::{CreatedToken, NewToken, Scope, TokenList, TokenView};
pub use users::{
    IdentityView, MAX_USERS, NewUser, UserChange, UserDetail, UserList, UserPassword, UserQuery, UserView,
};

pub use crate::telemetry::{Bill, HostCalls, InvocationRecord, LogLine, LogStream, OutcomeCode};
