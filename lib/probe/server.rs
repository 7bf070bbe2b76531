//! Model servers: their addresses, and asking one over HTTP within a time
//! limit, whatever it answers.
//!
//! Must not know what the answers mean.

use super::Found;
use super::models::{self, List};
use std::fmt;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};
use ureq::http::StatusCode;

/// Longer answers are refused: 1,000 models take some 500 KB.
const BODY_LIMIT_BYTES: u64 = 4 << 20;
/// A host answers itself at once, or is too busy to be waited for here.
const LOOPBACK_LIMIT: Duration = Duration::from_millis(5);

/// Which API a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// Ollama's `/api/tags`.
    Ollama,
    /// OpenAI's `/v1/models`, as llama.cpp and vLLM speak it.
    OpenAi,
}

impl ServerKind {
    /// `ollama` or `openai`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }

    /// Where such servers listen unless told otherwise.
    pub(super) fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::Ollama => &["http://127.0.0.1:11434"],
            // llama.cpp's and vLLM's.
            Self::OpenAi => &["http://127.0.0.1:8080", "http://127.0.0.1:8000"],
        }
    }
}

/// `http://HOST[:PORT][/PATH]` without its last slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// Why a text is no server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// TLS is not spoken here.
    #[error("only http:// addresses are asked")]
    NotHttp,
    /// Passwords in addresses end in logs and records.
    #[error("an address with a user name or password is refused")]
    Credentials,
    /// No host, or characters that no address has.
    #[error("expected http://HOST:PORT")]
    Malformed,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bare = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(AddressError::NotHttp),
            None => text,
        };
        let bare = bare.trim_end_matches('/');
        if bare.contains('@') {
            return Err(AddressError::Credentials);
        }
        let good = !bare.is_empty()
            && !bare.starts_with(['/', ':'])
            && bare.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte));
        let url = format!("http://{bare}");
        let uri = ureq::http::Uri::try_from(&url).map_err(|_| AddressError::Malformed)?;
        let port = uri.authority().and_then(|all| all.as_str().strip_prefix(uri.host()?));
        let port_is_good = match port.map(|port| port.strip_prefix(':')) {
            Some(Some(number)) => number.parse::<u16>().is_ok_and(|number| number > 0),
            Some(None) => true,
            None => false,
        };
        if !good || !port_is_good {
            return Err(AddressError::Malformed);
        }
        Ok(Self(url))
    }
}

impl Address {
    /// Does this host itself refuse connections there, for sure? Known in
    /// microseconds; a thread and an HTTP client to learn it cost a millisecond.
    pub(super) fn is_refused(&self) -> bool {
        let host = self.0.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let literal = host.parse().or_else(|_| format!("{host}:80").parse::<SocketAddr>());
        let Some(address) = literal.ok().filter(|address| address.ip().is_loopback()) else { return false };
        let tried = TcpStream::connect_timeout(&address, LOOPBACK_LIMIT);
        tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server, and what it said.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub kind: ServerKind,
    pub url: String,
    pub answer: Found<List>,
}

/// Asks one server for its models. May take as long as `deadline` says, and
/// where a name has to be looked up, a little longer.
pub(super) fn ask(kind: ServerKind, address: &Address, deadline: Instant) -> Found<List> {
    let url = match kind {
        ServerKind::Ollama => format!("{address}/api/tags"),
        ServerKind::OpenAi if address.0.ends_with("/v1") => format!("{address}/models"),
        ServerKind::OpenAi => format!("{address}/v1/models"),
    };
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let body = fetch(&url, left)?;
    match kind {
        ServerKind::Ollama => models::ollama(&body, &address.0),
        ServerKind::OpenAi => models::openai(&body, &address.0),
    }
}

fn fetch(url: &str, limit: Duration) -> Found<Vec<u8>> {
    // No proxy from the environment: these servers are this host's own.
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("hwprobe/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut response = agent.get(url).call().map_err(|error| why(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers with status {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    let read = response.body_mut().as_reader().take(BODY_LIMIT_BYTES + 1).read_to_end(&mut body);
    read.map_err(|error| why(&ureq::Error::from(error)))?;
    if body.len() as u64 > BODY_LIMIT_BYTES {
        return Err("its answer is longer than 4 MiB".to_owned());
    }
    Ok(body)
}

/// Words that stay the same from run to run.
fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => TOO_LATE.to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => REFUSED.to_owned(),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => TOO_LATE.to_owned(),
            ErrorKind::UnexpectedEof => "it closes in the middle of its answer".to_owned(),
            _ => error.to_string(),
        },
        other => format!("it does not speak HTTP: {other}"),
    }
}

/// The reason of most servers on most hosts.
pub(super) const REFUSED: &str = "nobody listens there";

/// The reason that goes away when asked with more time.
pub(super) const TOO_LATE: &str = "it does not answer in time";

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn addresses_have_one_form() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        for (text, want) in [
            ("http://127.0.0.1:11434/", "http://127.0.0.1:11434"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("models.lan", "http://models.lan"),
            ("http://h:1/proxy/v1//", "http://h:1/proxy/v1"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(want));
        }
        for text in ["", "/", ":80", "h:", "h:0", "h:65536", "h:1:2", "h?x", "h#x", "h\nx", "ⓗ"] {
            assert_eq!(read(text), Err(AddressError::Malformed), "{text:?}");
        }
    }
}
