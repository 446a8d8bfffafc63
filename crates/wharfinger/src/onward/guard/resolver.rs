//! Looks names up.

use std::net::SocketAddr;

/// The addresses of a name, at least one.
pub(super) async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Some(found) = test::look_up(host, port) {
        return found;
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let found = Vec::from_iter(found.map_err(|error| error.to_string())?);
    if found.is_empty() {
        return Err("it has no address".into());
    }
    Ok(found)
}

/// Lets tests say which addresses names have, in a file. A line has a name and the answers to successive look-ups, which are
/// repeated from the first; each answer is a list of addresses, separated by commas. Names that are not in the file have none. Debug
/// builds only.
#[cfg(debug_assertions)]
mod test {
    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::net::{AddrParseError, IpAddr, SocketAddr};
    use std::sync::{LazyLock, Mutex, PoisonError};

    static FILE: LazyLock<Option<OsString>> =
        LazyLock::new(|| std::env::var_os("WHARFINGER_TEST_RESOLVER"));
    /// How often each name was looked up.
    static ASKED: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

    pub(super) fn look_up(host: &str, port: u16) -> Option<Result<Vec<SocketAddr>, String>> {
        let file = FILE.as_ref()?;
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut lines = text.lines();
        let line = lines.find(|line| line.split_whitespace().next() == Some(host));
        let answers = Vec::from_iter(line.unwrap_or_default().split_whitespace().skip(1));
        if answers.is_empty() {
            return Some(Err("no such name in the file of the tests".into()));
        }
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(host.to_owned()).or_default();
        let answer = answers[*times % answers.len()];
        *times += 1;
        let addresses = answer.split(',').map(|address| {
            let address: IpAddr = address
                .parse()
                .map_err(|error: AddrParseError| format!("{address}: {error}"))?;
            Ok(SocketAddr::new(address, port))
        });
        Some(addresses.collect())
    }
}

#[cfg(not(debug_assertions))]
mod test {
    use std::net::SocketAddr;

    pub(super) fn look_up(_host: &str, _port: u16) -> Option<Result<Vec<SocketAddr>, String>> {
        None
    }
}
