//! The dashboard beside the services, if set-up has built it.

use local_servers::{DashboardOptions, DashboardServer, find_dashboard};
use service_runtime::EnvironmentReader;
use std::net::SocketAddr;
use std::path::Path;

/// The port that front ends have by default, this one and others: the gateway allows it in any case.
const PORT: u16 = 3000;
/// `DASHBOARD_BIND` of a system without it, as when nothing is said.
const OFF: &str = "off";

/// What became of it, for people who look for it.
pub enum Dashboard {
    Serving(DashboardServer),
    Off,
    NotBuilt,
    Failed(String),
}

impl Dashboard {
    /// Starts it. The services do not depend on it: what goes wrong is said, and no more.
    pub async fn start(plan: Result<DashboardOptions, Self>) -> Self {
        let options = match plan {
            Ok(options) => options,
            Err(none) => return none,
        };
        match DashboardServer::start(options).await {
            Ok(server) => Self::Serving(server),
            Err(error) => Self::Failed(format!("{:#}", anyhow::Error::from(error))),
        }
    }

    /// Where it is, or why it is nowhere; `None` where nobody wants it.
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::Serving(server) => Some(server.url()),
            Self::Off => None,
            Self::NotBuilt => Some("not built; `cargo xtask setup --dashboard` builds it".to_owned()),
            Self::Failed(reason) => Some(format!("not running: {reason}")),
        }
    }

    /// Stops it in order.
    pub async fn stop(&self) {
        if let Self::Serving(server) = self {
            server.stop().await;
        }
    }
}

/// What is known before the services start: the gateway has to allow its origin.
///
/// Reads `DASHBOARD_BIND`, `NUXT_PUBLIC_API_BASE_URL` and `NUXT_PUBLIC_WS_URL`.
pub fn plan(variables: &mut EnvironmentReader, data_dir: &Path) -> Result<DashboardOptions, Dashboard> {
    let bind = variables.optional::<String>("DASHBOARD_BIND").filter(|bind| bind != OFF);
    let address = bind.and_then(|_| variables.optional::<SocketAddr>("DASHBOARD_BIND")).ok_or(Dashboard::Off)?;
    let application = find_dashboard(&data_dir.join("tools")).or_else(|| find_dashboard(Path::new("var/tools")));
    let application = application.ok_or(Dashboard::NotBuilt)?;
    let origins = [PORT, address.port()].map(|port| format!("http://localhost:{port},http://127.0.0.1:{port}"));
    variables.set_default("GATEWAY_ALLOWED_ORIGINS", origins.join(","));
    let bind: String = variables.or_default("GATEWAY_BIND", "127.0.0.1:8000");
    let gateway = variables.or_default("NUXT_PUBLIC_API_BASE_URL", &format!("http://{}", reachable(&bind)));
    let websocket = variables.optional("NUXT_PUBLIC_WS_URL");
    Ok(DashboardOptions { application, data_dir: data_dir.join("dashboard"), address, gateway, websocket })
}

/// Where a browser of this machine finds a server that listens on `bind`; what is wrong with an address, the gateway says.
fn reachable(bind: &str) -> String {
    match bind.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => bind.to_owned(),
    }
}
