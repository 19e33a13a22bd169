//! From a provider config to a session.

use managed::{
    config::{ConfigSecretKeyRef, Diagnosis, InUse},
    external::{Connector as ManagedConnector, ExternalError, ResolvedConfig},
    input::Value,
    rehearsal::Rehearsal,
};

use super::{
    doctor::{self, Rights},
    session::{Address, Session},
    settings::{ConnectionKey, Settings},
    sql::Ident,
    tls::Tls,
};

/// Opens sessions on `PostgreSQL` servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connector;

impl ManagedConnector for Connector {
    type Settings = Settings;
    type Session = Session;

    async fn connect(&self, config: &ResolvedConfig<Settings>) -> Result<Session, ExternalError> {
        Ok(Session::open(address(config)?).await?)
    }

    fn rehearsing(&self, session: &Session, rehearsal: &Rehearsal) -> Option<Session> {
        Some(session.rehearsing(rehearsal))
    }

    async fn probe(&self, session: &Session, in_use: &InUse) -> Result<Diagnosis, ExternalError> {
        let rights: Option<Rights> = session.lease().await?.json(doctor::QUERY, &[]).await?;
        let (server, admin) = (session.identity().to_string(), &session.identity().admin);
        let gone = || ExternalError::invalid("the administrator's role is gone", "create it");
        Ok(rights
            .ok_or_else(gone)?
            .diagnose(server, &Ident::new(admin)?, in_use))
    }
}

fn address(config: &ResolvedConfig<Settings>) -> Result<Address, ExternalError> {
    let settings = &config.settings;
    let ca = settings
        .ca_secret_ref
        .as_ref()
        .map(ConfigSecretKeyRef::input);
    let ca = ca
        .and_then(|input| config.inputs.value(&input))
        .map(Value::expose);
    let port = text(config, ConnectionKey::Port)?;
    let port = port.parse().map_err(|_| {
        ExternalError::invalid(
            format!("port {port:?} in the connection Secret is no port"),
            "correct the Secret",
        )
    })?;
    Ok(Address {
        host: text(config, ConnectionKey::Endpoint)?,
        port,
        username: text(config, ConnectionKey::Username)?,
        password: value(config, ConnectionKey::Password)?.clone(),
        default_database: settings.default_database.clone(),
        ssl_mode: settings.ssl_mode,
        tls: Tls::new(settings.ssl_mode, ca)?,
    })
}

fn value(config: &ResolvedConfig<Settings>, key: ConnectionKey) -> Result<&Value, ExternalError> {
    let input = config.settings.input(key);
    config.inputs.value(&input).ok_or_else(|| {
        ExternalError::invalid(
            format!("{input} does not exist"),
            "complete the connection Secret",
        )
    })
}

fn text(config: &ResolvedConfig<Settings>, key: ConnectionKey) -> Result<String, ExternalError> {
    let text = value(config, key)?
        .expose_str()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| {
        let cause = format!("{} is empty or not text", config.settings.input(key));
        ExternalError::invalid(cause, "correct the connection Secret")
    })
}
