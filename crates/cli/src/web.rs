//! `opencode web` (reference `cli.md` §4): `serve`, with the addresses in words for people and the page
//! opened in their browser.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use opencode_config::environment::variable;
use opencode_process::browser;

use crate::arguments::Serve;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;
use crate::serve::{self, Listening};

/// Listens, opens the page, and answers until a signal comes.
pub(crate) async fn run(context: &Context, arguments: Serve) -> Result<(), Failure> {
    serve::until_stopped(context, arguments, announce).await
}

fn announce(context: &Context, server: &Listening) -> Result<(), Failure> {
    let output = context.output;
    if server.is_open {
        output.warning(format_args!(
            "{} is not set; server is unsecured.",
            variable::SERVER_PASSWORD
        ));
    }
    let line = |label: &str, url: &str| {
        let label = output.styled(Style::Dim, format_args!("{label:<18}"));
        output.say(format_args!("  {label} {url}"));
    };
    let port = server.port;
    let everywhere = matches!(server.hostname.as_str(), "0.0.0.0" | "::");
    let page = if everywhere {
        let page = format!("http://localhost:{port}/");
        line("Local access:", &page);
        if let Some(address) = address_outside() {
            line("Network access:", &format!("http://{address}:{port}/"));
        }
        page
    } else {
        let page = format!("http://{}:{port}/", bracketed(&server.hostname));
        line("Web interface:", &page);
        page
    };
    let environment = context.environment.clone();
    tokio::spawn(async move {
        if let Err(reason) = browser::open(&page, environment.iter()).await {
            output.warning(format_args!("The browser could not be opened: {reason}"));
        }
    });
    Ok(())
}

/// An address of version 6 as it stands in links.
fn bracketed(hostname: &str) -> String {
    match hostname.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => hostname.to_owned(),
    }
}

/// The address under which other machines see this one. Nothing is sent: the system only chooses the way.
fn address_outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Reserved for documentation, so it is nobody.
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    // Parity: cli.md §4, those of containers are left out.
    let is_inside = address.is_loopback() || address.to_string().starts_with("172.");
    (!is_inside).then_some(address)
}
