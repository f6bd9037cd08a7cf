use std::time::Duration;

use kerros_core::Result;
use serde_json::{Map, Value, json};

use super::Callback;
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// How long a server may take, so that one that hangs does not hold up training for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the numbers of every epoch to a server, as JSON by HTTP POST. Needs the cargo feature
/// `remote-monitor`.
///
/// A server that cannot be reached is a warning; training goes on.
///
/// # Parameters
/// - `root`: the server. Default: `http://localhost:9000`.
/// - `path`: default `/publish/epoch/end/`.
/// - `field`: the field of the form that holds the JSON. Default: `data`.
/// - `headers`: further HTTP headers.
/// - `send_as_json`: whether the JSON is the body itself, in place of a form. Default: `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::RemoteMonitor;
/// let monitor = RemoteMonitor::new("http://localhost:9000").send_as_json(true);
/// let fit = Fit::epochs(10).callback(monitor);
/// ```
#[derive(Clone, Debug)]
pub struct RemoteMonitor {
    root: String,
    path: String,
    field: String,
    headers: Vec<(String, String)>,
    send_as_json: bool,
}

impl RemoteMonitor {
    /// Sends to this server.
    pub fn new(root: impl Into<String>) -> Self {
        RemoteMonitor {
            root: root.into(),
            path: "/publish/epoch/end/".into(),
            field: "data".into(),
            headers: Vec::new(),
            send_as_json: false,
        }
    }

    /// Sets the path on the server.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the field of the form that holds the JSON.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Adds an HTTP header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets whether the JSON is the body itself.
    pub fn send_as_json(mut self, send_as_json: bool) -> Self {
        self.send_as_json = send_as_json;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let root = reader.maybe_string("root").unwrap_or("http://localhost:9000".into());
        let mut monitor = RemoteMonitor::new(root);
        monitor.path = reader.maybe_string("path").unwrap_or(monitor.path);
        monitor.field = reader.maybe_string("field").unwrap_or(monitor.field);
        monitor.send_as_json = reader.bool("send_as_json", false);
        match reader.value("headers").map(|value| (value, value.as_object())) {
            None => {}
            Some((value, None)) => reader.refuse(format!("`headers` is {value}, not a table")),
            Some((_, Some(headers))) => {
                for (name, value) in headers {
                    match value.as_str() {
                        Some(text) => monitor.headers.push((name.clone(), text.into())),
                        None => reader.refuse(format!("the header `{name}` is {value}, no text")),
                    }
                }
            }
        }
        monitor
    }

    fn send(&self, numbers: &Map<String, Value>) -> Result<(), ureq::Error> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let mut request = agent.post(format!("{}{}", self.root, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let json = serde_json::to_string(numbers).expect("numbers by name can be written");
        match self.send_as_json {
            true => request.content_type("application/json").send(json)?,
            false => request.send_form([(self.field.as_str(), json.as_str())])?,
        };
        Ok(())
    }
}

impl Callback for RemoteMonitor {
    fn class_name(&self) -> &'static str {
        "RemoteMonitor"
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        let mut numbers = Map::new();
        numbers.insert("epoch".into(), json!(epoch));
        // JSON has no NaN: such numbers are null.
        numbers.extend(logs.iter().map(|(name, value)| (name.to_string(), value.to_json())));
        match self.send(&numbers) {
            // A server that answers with an error was reached: as in Keras that is its affair.
            Ok(()) | Err(ureq::Error::StatusCode(_)) => {}
            Err(error) => {
                training.warn(&format!("RemoteMonitor cannot reach `{}`: {error}", self.root));
            }
        }
        Ok(())
    }
}
