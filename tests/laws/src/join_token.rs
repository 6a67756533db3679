//! Join tokens: whatever line a person pastes is either the one text of a token, or refused as mistyped.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use supplysync_model::Reason;
use supplysync_net::JoinToken;

use crate::{Target, sample};

pub(crate) const TARGET: Target = Target {
    name: "join_token",
    law,
    seeds,
    longest: 3_072,
};

/// Addresses in a token, at most, and the bytes of each.
const MOST_URLS: usize = 8;
const URL_BYTES: usize = 255;

/// The first byte says whether the rest is the text, or what a text is made from: the checksum would stop nearly every
/// other input.
fn law(input: &[u8]) -> bool {
    let Some((form, rest)) = input.split_first() else {
        return false;
    };
    let text = match form % 2 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        _ => with_checksum(rest),
    };
    let token = match JoinToken::parse(&SecretString::from(text.clone())) {
        Ok(token) => token,
        Err(fault) => {
            assert_eq!(fault.reason(), Reason::TOKEN_MALFORMED);
            return false;
        }
    };
    assert!(
        (1..=MOST_URLS).contains(&token.urls.len()),
        "{} addresses",
        token.urls.len()
    );
    for url in &token.urls {
        assert!((1..=URL_BYTES).contains(&url.len()), "{url:?}");
    }
    let written = token.text();
    let without_spaces: String = text.split_whitespace().collect();
    assert_eq!(
        written.expose_secret(),
        without_spaces,
        "a token has one text only"
    );
    let again = JoinToken::parse(&written).expect("what is written can be read");
    assert_eq!((again.site, again.authority), (token.site, token.authority));
    assert_eq!((again.id, &again.urls), (token.id, &token.urls));
    assert_eq!(again.secret.expose_secret(), token.secret.expose_secret());
    true
}

fn with_checksum(content: &[u8]) -> String {
    let mut bytes = content.to_vec();
    bytes.extend(blake3::hash(content).as_bytes().iter().take(4));
    format!("ssjoin1_{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn seeds() -> Vec<Vec<u8>> {
    let urls = ["https://primary.example.org:8445", "https://10.0.0.1:8445"].map(str::to_owned);
    let token = JoinToken {
        site: sample::site(7),
        authority: [9; 32],
        id: [1, 2, 3, 4, 5, 6, 7, 8],
        secret: vec![0xa5; 32].into(),
        urls: urls.to_vec(),
    };
    let text = token.text();
    let text = text.expose_secret();
    let body = text.trim_start_matches("ssjoin1_");
    let content = URL_SAFE_NO_PAD.decode(body).expect("it was just written");
    let content = &content[..content.len() - 4];
    vec![
        [&[0], text.as_bytes()].concat(),
        [
            b"\0 ".as_slice(),
            &text.as_bytes()[..20],
            b"\r\n",
            &text.as_bytes()[20..],
        ]
        .concat(),
        [&[1], content].concat(),
    ]
}
