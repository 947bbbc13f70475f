//! The figures of a job's life, and when a failed one is tried again. Pure.

/// How long a lease holds unless it is extended, milliseconds.
pub const LEASE_MS: i64 = 45_000;
/// How often whoever runs a job extends its lease, milliseconds.
pub const HEARTBEAT_MS: i64 = 15_000;
/// Crashes after which a job is dead.
pub const MAX_CRASHES: u32 = 3;
/// How long after its end a job still stands for its dedupe key, milliseconds.
pub const DEDUPE_WINDOW_MS: i64 = 24 * 3_600_000;
/// How long a dead job is kept, milliseconds, unless its queue says otherwise.
pub const DEAD_KEPT_MS: i64 = 14 * 24 * 3_600_000;
/// How long a call or a slot may wait for a place, milliseconds after it was due.
pub const EXPIRES_AFTER_MS: u64 = 6 * 3_600_000;
/// How long an event may wait for a place, milliseconds: nobody sends it again.
pub const EVENT_EXPIRES_AFTER_MS: u64 = 14 * 24 * 3_600_000;
/// The longest that a sender may delay a message, milliseconds.
pub const MAX_DELAY_MS: u64 = 14 * 24 * 3_600_000;
/// The longest pause that a guest may ask for before it is tried again, milliseconds.
pub const MAX_RETRY_AFTER_MS: u64 = 24 * 3_600_000;
/// Jobs that may wait in one lane.
pub const MAX_WAITING: u64 = 100_000;
/// Dead jobs that are kept in one lane: the newest.
pub const MAX_DEAD: u64 = 100_000;
/// Done jobs with a dedupe key in one lane, beyond which no job with a key is taken.
pub const MAX_KEYED_DONE: u64 = 1_000_000;
/// What all jobs of a project hold together, bytes: payloads and results.
pub const MAX_PROJECT_BYTES: u64 = 1 << 30;
/// Largest payload, bytes.
pub const MAX_PAYLOAD_BYTES: usize = 128 << 10;
/// Longest dedupe or order key, bytes.
pub const MAX_KEY_BYTES: usize = 256;
/// Jobs in one call of `enqueue`.
pub const MAX_ENQUEUE: usize = 1_000;
/// Largest part of an answer that is kept as a job's result, bytes.
pub const MAX_RESULT_BYTES: usize = 64 << 10;

/// Longest pause between two attempts, milliseconds.
const MAX_BACKOFF_MS: u64 = 15 * 60_000;
const FIRST_BACKOFF_MS: u64 = 5_000;

/// The pause before the next attempt after that many failures (or crashes): full jitter, evenly between
/// nothing and `min(15 min, 2^failures × 5 s)`. `random` is any evenly spread number.
///
/// Full jitter: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
pub fn backoff_ms(failures: u32, random: u64) -> u64 {
    let doubled = FIRST_BACKOFF_MS.checked_shl(failures.min(32)).unwrap_or(MAX_BACKOFF_MS);
    random % (doubled.min(MAX_BACKOFF_MS) + 1)
}
