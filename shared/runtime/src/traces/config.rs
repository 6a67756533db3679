//! Where traces go, and of which record versions there are any.

use http::Uri;
use serde::{Deserialize, Serialize};
use supplysync_model::FieldViolation;

/// Where traces go, and of how many record versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// A collector that takes OTLP over gRPC, `http://HOST:PORT`; empty: there are no traces.
    pub endpoint: String,
    /// The part of all record versions that is followed, 0 to 1; the same at every site, or traces have gaps.
    pub ratio: f64,
}

impl Default for TracesConfig {
    fn default() -> TracesConfig {
        TracesConfig {
            endpoint: String::new(),
            ratio: 0.01,
        }
    }
}

impl TracesConfig {
    /// Whether there are any.
    pub fn is_on(&self) -> bool {
        !self.endpoint.is_empty() && self.ratio > 0.0
    }

    /// Adds what is wrong with this section, under `traces.`.
    pub fn check(&self, violations: &mut Vec<FieldViolation>) {
        let mut wrong = |field: &str, description: &str| {
            violations.push(FieldViolation {
                field: format!("traces.{field}"),
                description: description.to_owned(),
            });
        };
        if !self.endpoint.is_empty() && !is_plain_address(&self.endpoint) {
            wrong(
                "endpoint",
                "must be the address of a collector as in http://127.0.0.1:4317, without user, path or TLS (put a collector \
                 beside this program, and let that one encrypt), or empty",
            );
        }
        if !(0.0..=1.0).contains(&self.ratio) {
            wrong("ratio", "must be 0 to 1, as in 0.01 for one in a hundred");
        }
    }
}

fn is_plain_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("http")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.port_u16().is_some()
            && uri.path_and_query().is_none_or(|path| path == "/")
            && !text.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(endpoint: &str, ratio: f64) -> Vec<String> {
        let mut violations = Vec::new();
        let endpoint = endpoint.to_owned();
        TracesConfig { endpoint, ratio }.check(&mut violations);
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn there_are_none_unless_asked_for() {
        let config = TracesConfig::default();
        let mut violations = Vec::new();
        config.check(&mut violations);
        assert_eq!((config.is_on(), violations), (false, Vec::new()));
        let nothing = TracesConfig {
            endpoint: "http://localhost:4317".into(),
            ratio: 0.0,
        };
        assert!(!nothing.is_on());
    }

    #[test]
    fn each_mistake_is_named() {
        for right in [
            "http://127.0.0.1:4317",
            "http://collector:4317/",
            "http://[::1]:1",
        ] {
            assert_eq!(wrong(right, 1.0), [""; 0], "{right}");
        }
        for typo in [
            "127.0.0.1:4317",
            "https://collector:4317",
            "http://collector",
            "http://:4317",
            "http://a:b@collector:4317",
            "http://collector:4317/v1/traces",
            "http://collector :4317",
        ] {
            assert_eq!(wrong(typo, 0.5), ["traces.endpoint"], "{typo}");
        }
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(wrong("", ratio), ["traces.ratio"]);
        }
    }
}
