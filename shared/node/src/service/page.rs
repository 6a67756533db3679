//! Pages between requests and queries: what the token holds is the query's own place, written as hexadecimal.

use supplysync_api::fields::Fields;
use supplysync_api::{page_token, read_page};
use supplysync_store::query::PageQuery;

/// Reads page size and token of a list; `list` names the call with its filters.
pub fn page_query(fields: &mut Fields, size: i32, token: &str, list: &str) -> Option<PageQuery> {
    let page = read_page(fields, size, token, list, 1)?;
    let after = match page.after {
        None => None,
        Some(parts) => match parts.first().and_then(|part| from_hex(part)) {
            Some(place) => Some(place),
            None => {
                fields.wrong("page_token", "is damaged: begin again without a token");
                return None;
            }
        },
    };
    Some(PageQuery {
        size: page.size,
        after,
    })
}

/// The token of the next page; empty at the end.
pub fn next_token(list: &str, next: Option<Vec<u8>>) -> String {
    next.map(|place| page_token(list, &[&to_hex(&place)]))
        .unwrap_or_default()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| {
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_brings_its_place_back_to_its_own_list_only() {
        let place = vec![0, 15, 255, 7];
        let token = next_token("items", Some(place.clone()));
        let mut fields = Fields::new();
        let page = page_query(&mut fields, 0, &token, "items").unwrap();
        assert_eq!(page.after, Some(place));
        assert!(page_query(&mut fields, 0, &token, "names").is_none());
        assert!(page_query(&mut fields, 0, "x", "items").is_none());
        assert_eq!(next_token("items", None), "");
    }
}
