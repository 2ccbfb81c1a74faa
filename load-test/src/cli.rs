//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::script::{Profile, Shape};

/// Runs many real MLS-SRTP clients against one service and judges whether it held.
///
/// Without --url the service is a process of its own that is started here. Exit code 0: everything
/// held; 1: something did not, and the report says what; 2: wrong arguments.
#[derive(Debug, Parser)]
#[command(name = "mls-srtp-load", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// What to log to stderr, in the syntax of tracing's EnvFilter.
    #[arg(long, global = true, default_value = "off", env = "RUST_LOG", value_name = "FILTER", value_parser = parse_filter)]
    pub log: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Steady coming and going in a full room.
    Churn(Churn),
    /// Everybody joins within a moment.
    FlashCrowd(FlashCrowd),
    /// Nine of ten leave within a moment.
    MassExodus(MassExodus),
    /// Whoever commits is killed: before its commit, with the commit under way, after it was
    /// accepted. Some come back, with their whole state or with their key alone; some do not.
    CommitterCrash(Common),
    /// Connections break, also in the middle of commits, and stays are resumed.
    Flapping(Common),
    /// The service is killed (SIGKILL) in the middle of commits and started again, several times.
    ServiceRestart(Common),
    /// The service itself, as the load test starts it.
    #[command(hide = true)]
    Service(Service),
}

/// What all profiles share.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Participants in the room.
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=5_000))]
    pub participants: u32,
    /// How long the script runs, such as 90, 90s or 2m. What is under way then has 30 s more to
    /// come to rest.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub seconds: Option<Duration>,
    /// The script's seed: the same seed, the same comings and goings.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Every client also sends SRTP packets through the SFU and opens those of all others.
    #[arg(long)]
    pub media: bool,
    /// Packets that each client sends per second.
    #[arg(long, default_value_t = 10, value_name = "N", requires = "media", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub media_rate: u32,
    /// The room's keys are of X25519 and ML-KEM-768 together.
    #[arg(long, conflicts_with = "url")]
    pub post_quantum: bool,
    /// Test the service that listens there, ws://host:port/ or wss://host/, instead of one of our
    /// own. It must have no limit for our address (--max-per-address 0).
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    pub url: Option<String>,
    /// Trust the certificates in this PEM file as well, for a wss:// service.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub tls_ca: Option<PathBuf>,
    /// Print the report as one JSON object on the last line of stdout.
    #[arg(long)]
    pub json: bool,
    /// Write the report as a page with curves and histograms.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Churn {
    #[command(flatten)]
    pub common: Common,
    /// How many leave, and as many join, per second. Default: one in fifty, at least one in two
    /// seconds.
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub rate: Option<f64>,
}

#[derive(Debug, Args)]
pub struct FlashCrowd {
    #[command(flatten)]
    pub common: Common,
    /// The time in which everybody joins.
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_time)]
    pub over: Duration,
}

#[derive(Debug, Args)]
pub struct MassExodus {
    #[command(flatten)]
    pub common: Common,
    /// The time in which they leave.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = parse_time)]
    pub over: Duration,
}

/// The service's process.
#[derive(Debug, Args)]
pub struct Service {
    /// Where to listen.
    #[arg(long)]
    pub listen: SocketAddr,
    /// Where the log is kept.
    #[arg(long)]
    pub store: PathBuf,
    /// With an SFU beside it.
    #[arg(long)]
    pub media: bool,
    /// With a post-quantum suite for its rooms.
    #[arg(long)]
    pub post_quantum: bool,
}

impl Command {
    /// The profile that is asked for, and what all of them share; nothing for the service itself.
    ///
    /// # Errors
    /// One line for a person.
    pub fn profile(&self) -> Result<(Profile, &Common), String> {
        let (shape, common, least) = match self {
            Self::Churn(args) => (Shape::Churn { rate: args.rate }, &args.common, 4),
            Self::FlashCrowd(args) => (Shape::FlashCrowd { over: args.over }, &args.common, 0),
            Self::MassExodus(args) => (Shape::MassExodus { over: args.over }, &args.common, 4),
            Self::CommitterCrash(common) => (Shape::CommitterCrash, common, 4),
            Self::Flapping(common) => (Shape::Flapping, common, 4),
            Self::ServiceRestart(common) => (Shape::ServiceRestart, common, 4),
            Self::Service(_) => return Err("the service has no profile".into()),
        };
        let participants = common.participants as usize;
        let seconds = common.seconds.unwrap_or(shape.usual_length());
        let least = Duration::from_secs(least);
        if seconds < least {
            return Err(format!("this profile needs --seconds {least:?} or more"));
        }
        if let Shape::FlashCrowd { over } | Shape::MassExodus { over } = shape
            && over > shape.time_for(seconds)
        {
            return Err(format!(
                "--over {over:?} is too long for --seconds {seconds:?}"
            ));
        }
        if shape.has_faults() && participants < 4 {
            return Err("this profile needs --participants 4 or more".into());
        }
        if common.url.is_some() && matches!(shape, Shape::ServiceRestart) {
            return Err("service-restart kills a service of its own: leave out --url".into());
        }
        let profile = Profile {
            shape,
            participants,
            seconds,
            seed: common.seed,
        };
        Ok((profile, common))
    }
}

/// Help and version go out whole with code 0; a mistake gets one line and code 2.
pub fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("error: wrong arguments");
    eprintln!("{first} (see --help)");
    ExitCode::from(2)
}

/// `500ms`, `2s`, `1m 30s`; a bare number is seconds.
fn parse_time(text: &str) -> Result<Duration, String> {
    let time = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    match time {
        Duration::ZERO => Err("no time at all".into()),
        time if time > Duration::from_secs(86_400) => Err("more than a day".into()),
        time => Ok(time),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=1_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.01 to 1000".into()),
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    let known = ["ws://", "wss://"];
    match known.iter().any(|scheme| text.starts_with(scheme)) {
        true => Ok(text.to_owned()),
        false => Err("a WebSocket's address: ws://host:port/ or wss://host/".into()),
    }
}

fn parse_filter(text: &str) -> Result<String, mls_srtp_signaling::logging::ParseError> {
    mls_srtp_signaling::logging::check(text).map(|()| text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn profile(args: &str) -> Result<Profile, String> {
        let args = std::iter::once("mls-srtp-load").chain(args.split_whitespace());
        let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
        cli.command.profile().map(|(profile, _)| profile)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let millis = |text| parse_time(text).map(|time| time.as_millis());
        assert_eq!(millis("2s"), Ok(2_000));
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("1m"), Ok(60_000));
        assert_eq!(millis("1m 30s"), Ok(90_000));
        assert_eq!(millis("7"), Ok(7_000));
        assert_eq!(millis("0.5"), Ok(500));
        for wrong in ["", "s", "0", "-1", "nan", "2 parsecs", "1e9", "3d"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        assert!(profile("churn --participants 6 --seconds 4").is_ok());
        assert!(profile("churn --seconds 3").is_err());
        assert!(profile("churn --participants 1").is_err());
        assert!(profile("flapping --participants 3").is_err());
        assert!(profile("mass-exodus --over 5s --seconds 8").is_err());
        assert!(profile("flash-crowd --over 5s --seconds 4").is_err());
        assert!(profile("service-restart --url ws://localhost:1/").is_err());
        assert!(profile("flapping --url http://localhost:1/").is_err());
        assert!(profile("churn --media-rate 5").is_err());
    }
}
