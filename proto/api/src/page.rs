//! Page sizes and page tokens. A token is opaque: the key of the last row sent, and the list that it belongs to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;

use crate::fields::{Field, Fields};

/// Rows where the request says 0.
const DEFAULT_SIZE: u32 = 100;
/// The most rows; a larger request gets as many.
const MAX_SIZE: u32 = 1000;

/// Which rows to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many at most.
    pub size: u32,
    /// The key of the last row before them, part by part; `None` at the beginning.
    pub after: Option<Vec<String>>,
}

#[derive(Clone, PartialEq, Message)]
struct Token {
    #[prost(string, tag = "1")]
    list: String,
    #[prost(string, repeated, tag = "2")]
    key: Vec<String>,
}

/// Reads page size and token. `list` names the call and its filters: a token is good only for the list that it came
/// from; `parts` is how many parts the key of a row has.
pub fn read_page(fields: &mut Fields, size: i32, token: &str, list: &str, parts: usize) -> Option<Page> {
    let size = fields.take("page_size", page_size(size));
    let after = fields.take("page_token", key_of(token, list, parts));
    Some(Page {
        size: size?,
        after: after?,
    })
}

/// The token of the page after the row with this key.
pub fn page_token(list: &str, key: &[&str]) -> String {
    let token = Token {
        list: list.to_owned(),
        key: key.iter().map(|part| (*part).to_owned()).collect(),
    };
    URL_SAFE_NO_PAD.encode(token.encode_to_vec())
}

fn page_size(size: i32) -> Field<u32> {
    match u32::try_from(size) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(format!(
            "{size} is below zero: give 1 to {MAX_SIZE}, or 0 for {DEFAULT_SIZE}"
        )),
    }
}

fn key_of(token: &str, list: &str, parts: usize) -> Field<Option<Vec<String>>> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let token = bytes.and_then(|bytes| Token::decode(bytes.as_slice()).ok());
    match token {
        Some(token) if token.list == list && token.key.len() == parts => Ok(Some(token.key)),
        _ => Err("is not from this list with these filters: begin again without a token".to_owned()),
    }
}
