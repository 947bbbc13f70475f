//! CPU that a process has used, from `/proc`.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// The kernel reports to user space in hundredths of a second on every architecture of ours.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of the process and of its children that have ended.
pub(crate) fn used(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone, or this is no Linux"))?;
    let ticks = ticks(&stat).with_context(|| format!("/proc/{pid}/stat is not as expected: {stat}"))?;
    Ok(TICK * ticks)
}

/// The sum of utime, stime, cutime and cstime: fields 14 to 17, counted after the name, which may contain anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let times: Vec<u32> = fields.split(' ').skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_four_times_whatever_the_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 3 2 20 0 1 0 100 1000 10";
        assert_eq!(ticks(stat), Some(305));
        assert_eq!(ticks("7 (a) S 1 2"), None);
    }
}
