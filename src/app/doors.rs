//! Everything that listens for requests: listeners with their sockets and certificates, opened before anybody is served.

use super::start_error::{StartError, doing};
use crate::control::Loaded;
use crate::proxy::accept::Listener;
use crate::proxy::certificates::Certificates;
use crate::proxy::counters::Counters;
use crate::proxy::listen::{self, Limits, Security};
use crate::proxy::tls::Handshaker;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Everything that listens.
pub(super) struct Doors {
    pub(super) listeners: Vec<Listener>,
    pub(super) sockets: Vec<TcpListener>,
    pub(super) addresses: Vec<(String, SocketAddr)>,
    pub(super) certificates: Vec<(String, Arc<Certificates>)>,
    pub(super) counters: Arc<Counters>,
}

/// Opens all of it.
pub(super) fn open(loaded: &Loaded) -> Result<Doors, StartError> {
    let config = &loaded.config;
    let (limits, counters) = (Limits::from(&config.limits), Arc::new(Counters::default()));
    let websockets = config.routes.iter().any(|route| route.websocket);
    let (listeners, sockets, addresses, certificates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut doors = Doors { listeners, sockets, addresses, certificates, counters };
    for (at, settings) in config.listeners.iter().enumerate() {
        let place = |field: &str| {
            let place = format!("listeners[{at}].{field}");
            move |error: StartError| error.of(&place)
        };
        let what = format!("listener `{}`", settings.name);
        let certificates = match &settings.security {
            Security::Tls(tls) => {
                let opened = Certificates::open(&tls.certificates, tls.unknown_sni);
                Some(opened.map_err(doing(&what)).map_err(place("tls"))?)
            }
            Security::Plaintext => None,
        };
        let counters = Arc::clone(&doors.counters);
        let listener =
            Listener::new(settings, &limits, certificates.clone(), websockets, counters).map_err(doing(&what));
        let listener = listener.map_err(place("tls"))?;
        let socket = listen::bind(&settings.address).map_err(doing(&format!("{what} at {}", settings.address)));
        let socket = socket.map_err(place("address"))?;
        let address = socket.local_addr().map_err(doing(&what))?;
        doors.certificates.extend(certificates.map(|certificates| (settings.name.clone(), certificates)));
        doors.listeners.push(listener);
        doors.sockets.push(socket);
        doors.addresses.push((settings.name.clone(), address));
    }
    Ok(doors)
}

impl Doors {
    /// Those that shake hands, by name.
    pub(super) fn handshakers(&self) -> Vec<(String, Handshaker)> {
        let named = self.addresses.iter().map(|(name, _)| name).zip(&self.listeners);
        named.filter_map(|(name, listener)| Some((name.clone(), listener.handshaker()?.clone()))).collect()
    }
}
