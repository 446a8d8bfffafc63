//! Parts of a server, made from its settings.

use std::sync::Arc;

use anyhow::Result;

use crate::access::Access;
use crate::http;
use crate::http::connections::Service;
use crate::intake::app::App;
use crate::onward::Onward;
use crate::onward::client::Reach;
use crate::onward::codes::Codes;
use crate::onward::guard::Guard;
use crate::serve::config::Config;
use crate::serve::tls::Certificates;

/// What is served, and how.
pub(super) fn service(
    app: &Arc<App>,
    config: &Config,
    certificates: Option<&Arc<Certificates>>,
) -> Result<Service> {
    Ok(Service {
        routes: http::routes(app),
        transport: app.transport,
        proxies: config.settings.behind_proxy.clone(),
        body_bytes_max: app.limits.body_bytes_max,
        tls: certificates.map(Certificates::server_config).transpose()?,
    })
}

/// How destinations are reached.
pub(super) fn onward(config: &Config, access: &Arc<Access>) -> Result<Arc<Onward>> {
    let settings = &config.settings;
    let reach = Reach::new(
        Guard::new(settings.destinations_allow.clone()),
        settings.destinations_ca.as_deref(),
        settings.destinations_proxy.as_deref(),
    );
    let access = Arc::clone(access);
    let codes = Codes::new(move |id| access.code_of(id));
    let reach = reach.map_err(anyhow::Error::msg)?;
    let files_root = settings.destinations_files.clone();
    Ok(Arc::new(Onward::new(reach, codes, files_root)))
}
