//! Options of `ostro cron`, `ostro queue` and `ostro jobs`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use runtime::control::wire::JobState;

use super::{
    FunctionArgs,
    values::{self, Data},
};

/// `ostro cron`.
#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    /// List the schedules of the project: their next and last slots, what was skipped or missed
    #[command(visible_alias = "ls")]
    List,
    /// Pause a schedule: its slots pass without a run, and are not made up for
    #[command(after_help = "Examples:
  ostro cron pause nightly-report        the function has one schedule
  ostro cron pause 3f9c2a7be01d4458      it has several: `ostro cron list` shows their ids

A deploy leaves a paused schedule paused.")]
    Pause(ScheduleArgs),
    /// Resume a paused schedule, from its next slot on
    #[command(after_help = "Example:\n  ostro cron resume nightly-report")]
    Resume(ScheduleArgs),
    /// Run a schedule's function now; prints the id of the job
    #[command(after_help = "Example:
  ostro jobs show $(ostro cron run nightly-report)

The next slot stays the same; if it comes while this job waits or runs, `overlap` decides. A paused
schedule runs too.")]
    Run(ScheduleArgs),
}

/// One schedule.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Its id, or the name of its function when that has only one
    #[arg(value_name = "ID|FUNCTION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) schedule: String,
}

/// `ostro queue`.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the queues of the project: who consumes them, what waits, runs, is done or dead
    #[command(visible_alias = "ls")]
    List,
    /// Send a message, or many; each is durable when this returns
    Send(SendArgs),
    /// Look at messages without taking them
    #[command(after_help = "Examples:
  ostro queue peek mail                    those that wait, the next one first
  ostro queue peek mail --state done       those that are done, the latest first
  ostro queue peek mail --json | jq -r '.messages[].payload'")]
    Peek {
        #[command(flatten)]
        queue: QueueArgs,
        /// Which messages: waiting, running, done or dead
        #[arg(long, default_value = "waiting", value_parser = values::state)]
        state: JobState,
        #[command(flatten)]
        length: LengthArgs,
    },
    /// Look at the dead messages and at what went wrong, the latest first
    Dead {
        #[command(flatten)]
        queue: QueueArgs,
        #[command(flatten)]
        length: LengthArgs,
    },
    /// Make dead messages wait again, with fresh attempts
    #[command(after_help = "Examples:
  ostro queue redrive mail                                          all dead messages
  ostro queue redrive mail 019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d     this one")]
    Redrive {
        #[command(flatten)]
        queue: QueueArgs,
        /// Ids of dead messages [default: all of them]
        #[arg(value_name = "ID", value_parser = values::job)]
        ids: Vec<String>,
    },
    /// Delete the messages that wait, or the dead ones, for ever
    #[command(after_help = "Examples:
  ostro queue purge mail              what waits; running messages end as they do
  ostro queue purge mail --dead --yes")]
    Purge {
        #[command(flatten)]
        queue: QueueArgs,
        /// The dead messages, not those that wait
        #[arg(long)]
        dead: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// One queue.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Name of the queue
    #[arg(value_name = "QUEUE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

/// The length of a list.
#[derive(Debug, Args)]
pub(crate) struct LengthArgs {
    /// At most so many, 100 at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
}

/// `ostro queue send`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro queue send mail --data '{\"to\":\"ada@example.com\"}'       prints the id of the message
  ostro queue send mail --data @letter.json --delay 10m --key order-7
  ostro queue send mail --data - --order customer-7 < letter.json
  ostro queue send mail --lines @addresses.txt                  a message a line

With --key, a message is not stored again while an earlier one with that key waits or runs, and
for a day after it is done. With --order, messages of one key are delivered one after the other,
in the order sent. A queue that is full says so: what it has taken stays taken.")]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
    /// The message: the text itself, @FILE for a file, `-` for standard input; at most 128 KiB
    #[arg(long, short, value_name = "TEXT|@FILE|-", allow_hyphen_values = true, value_parser = values::data,
          required_unless_present = "lines")]
    pub(crate) data: Option<Data>,
    /// Send each line as a message: @FILE for a file, `-` for standard input; empty lines are left out
    #[arg(long, value_name = "@FILE|-", conflicts_with_all = ["data", "key"], allow_hyphen_values = true,
          value_parser = values::lines)]
    pub(crate) lines: Option<Data>,
    /// Deliver it not before that much time: 10s, 5m, 2h or 1d; 14 days at most
    #[arg(long, value_name = "TIME")]
    pub(crate) delay: Option<String>,
    /// Dedupe key
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// Order key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) order: Option<String>,
    /// Media type [default: the one that fits what the data looks like]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
}

/// `ostro jobs`.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Show one job: state, starts, failures, crashes, last error, payload and result
    #[command(after_help = "Examples:
  ostro jobs show 019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d
  ostro jobs show $(ostro invoke report --async) --json | jq .result")]
    Show(JobArgs),
    /// List the calls that nobody waits for and the slots of a function, the latest first
    #[command(visible_alias = "ls", after_help = "Example:\n  ostro jobs list report --state dead")]
    List {
        #[command(flatten)]
        function: FunctionArgs,
        /// Only those that are waiting, running, done or dead
        #[arg(long, value_parser = values::state)]
        state: Option<JobState>,
        #[command(flatten)]
        length: LengthArgs,
    },
    /// Make a dead job wait again, with fresh attempts
    Redrive(JobArgs),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// Its id
    #[arg(value_name = "ID", value_parser = values::job)]
    pub(crate) id: String,
}
