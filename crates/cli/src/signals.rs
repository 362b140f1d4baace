//! Ctrl-C and its relatives: the first one stops what the program does, the second one ends it.

use tokio_util::sync::CancellationToken;

/// Stops on the first signal, and ends the program on the second.
pub(crate) async fn wait(stop: CancellationToken) {
    let mut seen = 0;
    loop {
        if !signal().await {
            return;
        }
        seen += 1;
        stop.cancel();
        if seen > 1 {
            std::process::exit(130);
        }
    }
}

#[cfg(unix)]
async fn signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return false;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    true
}

#[cfg(not(unix))]
async fn signal() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
