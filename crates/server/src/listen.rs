//! Binds the sockets that the server listens on.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use network::Listener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;

/// What was bound.
pub struct Bound {
    /// The listeners, non-blocking.
    pub listeners: Vec<Listener>,
    /// Kind, address and port of each, for `INFO`.
    pub facts: Vec<(&'static str, String, u16)>,
    /// The admin listener (`admin-port`), non-blocking.
    pub admin: Option<std::net::TcpListener>,
    /// The Unix socket's path, to be removed at the end.
    pub unix_socket: Option<PathBuf>,
}

/// Binds everything that the options name.
///
/// # Errors
/// With a sentence that names the address or path.
pub fn bind(config: &Config) -> Result<Bound, String> {
    let mut bound = Bound { listeners: Vec::new(), facts: Vec::new(), admin: None, unix_socket: None };
    let port = u16::try_from(config.get_int("port")).unwrap_or(0);
    let backlog = i32::try_from(config.get_int("tcp-backlog")).unwrap_or(511);
    if port != 0 {
        for address in config.bind_addresses() {
            // A dash in front: the address may be missing on this machine.
            let (address, may_miss) = address.strip_prefix('-').map_or((address.as_str(), false), |rest| (rest, true));
            for target in resolve(address, port).map_err(|e| format!("could not resolve '{address}': {e}"))? {
                match tcp(target, backlog) {
                    Ok(listener) => {
                        bound.facts.push(("tcp", target.ip().to_string(), port));
                        bound.listeners.push(Listener::Tcp(listener));
                    }
                    Err(error) if may_miss && is_missing(&error) => {}
                    Err(error) => return Err(format!("could not listen on {target}: {error}")),
                }
            }
        }
        if bound.listeners.is_empty() {
            return Err(format!("no address of 'bind' could be listened on at port {port}"));
        }
    }
    bound.admin = admin(config, backlog)?;
    if let Some(path) = config.get_path("unixsocket") {
        let listener = unix(&path, config.get_int("unixsocketperm"));
        let listener = listener.map_err(|e| format!("could not listen on {}: {e}", path.display()))?;
        bound.facts.push(("unix", path.display().to_string(), 0));
        bound.listeners.push(Listener::Unix(listener));
        bound.unix_socket = Some(path);
    }
    Ok(bound)
}

/// Binds the admin port, if there is one, to one address.
fn admin(config: &Config, backlog: i32) -> Result<Option<std::net::TcpListener>, String> {
    let port = u16::try_from(config.get_int("admin-port")).unwrap_or(0);
    if port == 0 {
        return Ok(None);
    }
    let address = config.get_str("admin-bind");
    let found = resolve(&address, port).map_err(|e| format!("could not resolve admin-bind '{address}': {e}"))?;
    let target = found.first().ok_or_else(|| format!("admin-bind '{address}' is no address"))?;
    let listener = tcp(*target, backlog).map_err(|e| format!("could not listen on the admin port {target}: {e}"))?;
    tracing::info!("health and metrics on http://{target}");
    Ok(Some(listener))
}

fn resolve(address: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match address {
        "*" => Ok(vec![SocketAddr::from(([0, 0, 0, 0], port))]),
        "::*" => Ok(vec![SocketAddr::new(IpAddr::from([0u16; 8]), port)]),
        _ => Ok((address, port).to_socket_addrs()?.take(1).collect()),
    }
}

fn tcp(address: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn unix(path: &PathBuf, permissions: i64) -> io::Result<std::os::unix::net::UnixListener> {
    // A socket that a crash has left would make the bind fail.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    if permissions != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(u32::try_from(permissions).unwrap_or(0o700)))?;
    }
    Ok(listener)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported | io::ErrorKind::NetworkUnreachable
    ) || error.raw_os_error() == Some(97)
}
