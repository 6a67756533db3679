//! Decoded record bodies, as the API sends them, as JSON.

use prost_types::value::Kind;
use prost_types::{Struct, Value};

/// The same content as JSON; whole numbers without a decimal point.
pub fn to_json(body: Struct) -> serde_json::Value {
    let fields = body
        .fields
        .into_iter()
        .map(|(name, value)| (name, value_to_json(value)));
    serde_json::Value::Object(fields.collect())
}

fn value_to_json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => number_to_json(number),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value_to_json).collect(),
        Some(Kind::StructValue(body)) => to_json(body),
    }
}

fn number_to_json(number: f64) -> serde_json::Value {
    /// Above it, doubles skip whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        serde_json::Value::from(number as i64)
    } else {
        serde_json::Value::from(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_become_json() {
        let value = |kind| Value { kind: Some(kind) };
        let list = prost_types::ListValue {
            values: vec![value(Kind::NumberValue(3.0)), value(Kind::NumberValue(0.5))],
        };
        let body = Struct {
            fields: [
                ("name".to_owned(), value(Kind::StringValue("Paracetamol".into()))),
                ("numbers".to_owned(), value(Kind::ListValue(list))),
                ("gone".to_owned(), Value { kind: None }),
            ]
            .into(),
        };
        let expected = serde_json::json!({ "name": "Paracetamol", "numbers": [3, 0.5], "gone": null });
        assert_eq!(to_json(body), expected);
    }
}
