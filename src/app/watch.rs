//! What happens around the gateway: signals, and files that change.

use crate::control::reload::Reload;
use crate::proxy::tls::Handshaker;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often files are looked at. Looking works where notification does not: on network file systems, and where a
/// whole directory is exchanged under a link, as Kubernetes does.
const GLANCE: Duration = Duration::from_secs(1);

/// Reloads on SIGHUP until SIGTERM or SIGINT comes.
pub async fn signals(reload: &Arc<Reload>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => blocking(Arc::clone(reload), Reload::reload_and_tell).await,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Reloads the config, the certificates and the roots of the clients' ones when their files change.
pub async fn files(reload: Arc<Reload>, doors: Vec<(String, Handshaker)>) {
    loop {
        tokio::time::sleep(GLANCE).await;
        blocking(Arc::clone(&reload), |reload| {
            if reload.is_changed() {
                reload.reload_and_tell();
            }
        })
        .await;
        for (listener, door) in &doors {
            let certificates = Arc::clone(door.certificates());
            match tokio::task::spawn_blocking(move || certificates.reload()).await {
                Ok(Ok(true)) => tracing::info!(%listener, "certificates replaced"),
                Ok(Err(error)) => tracing::error!(%listener, %error, "certificates not replaced: those before stay"),
                Ok(Ok(false)) | Err(_) => {}
            }
            let door = door.clone();
            match tokio::task::spawn_blocking(move || door.reload()).await {
                Ok(Ok(true)) => tracing::info!(%listener, "roots of client certificates replaced"),
                Ok(Err(error)) => tracing::error!(%listener, %error, "roots not replaced: those before stay"),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

/// Reading files and building plans must not hold up the control runtime.
async fn blocking(reload: Arc<Reload>, what: fn(&Reload)) {
    // A panic in there was told by its hook; the gateway goes on with what it has.
    let _ = tokio::task::spawn_blocking(move || what(&reload)).await;
}
