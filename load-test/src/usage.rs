//! What a process has used, as Linux tells it under /proc. Elsewhere nothing is known.

use std::path::PathBuf;

/// Time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Seconds of processor time, user and system, of all threads.
    pub cpu_seconds: Option<f64>,
    /// The most resident memory that it had so far, in MB of 10^6 bytes. A dead process has none.
    pub peak_mb: Option<f64>,
    /// Resident memory now, in MB.
    pub rss_mb: Option<f64>,
}

impl Usage {
    /// Of a process and the one after it: times add up, and the larger memory counts.
    pub fn and(self, next: Self) -> Self {
        let add = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (one, other) => one.or(other),
        };
        let most = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (one, other) => one.or(other),
        };
        Self {
            cpu_seconds: add(self.cpu_seconds, next.cpu_seconds),
            peak_mb: most(self.peak_mb, next.peak_mb),
            rss_mb: next.rss_mb,
        }
    }
}

/// What the process whose folder that is has used.
pub fn of(folder: PathBuf) -> Usage {
    let read = |name| std::fs::read_to_string(folder.join(name)).ok();
    let status = read("status");
    let line = |name| status.as_deref().and_then(|status| kilobytes(status, name));
    Usage {
        cpu_seconds: read("stat").and_then(|stat| cpu_seconds(&stat)),
        peak_mb: line("VmHWM:").map(|kb| kb * 1.024 / 1_000.0),
        rss_mb: line("VmRSS:").map(|kb| kb * 1.024 / 1_000.0),
    }
}

/// What this process has used.
pub fn own() -> Usage {
    of(PathBuf::from("/proc/self"))
}

/// Fields 14 and 15 of proc_pid_stat(5). The second is a name in parentheses, spaces and all.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second();
    Some((user + system) as f64 / ticks as f64)
}

fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_proc() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 4 0 1 1 1";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(cpu_seconds(stat), Some(200.0 / ticks));
        assert_eq!(
            kilobytes("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n", "VmHWM:"),
            Some(2_048.0)
        );
        assert_eq!(of(PathBuf::from("/nowhere")), Usage::default());
    }

    #[test]
    fn processes_add_up() {
        let usage = |cpu, peak| Usage {
            cpu_seconds: cpu,
            peak_mb: peak,
            rss_mb: peak,
        };
        let both = usage(Some(1.0), Some(5.0)).and(usage(Some(2.0), Some(3.0)));
        assert_eq!((both.cpu_seconds, both.peak_mb), (Some(3.0), Some(5.0)));
        assert_eq!(both.rss_mb, Some(3.0));
        assert_eq!(usage(None, None).and(usage(None, None)), Usage::default());
    }
}
