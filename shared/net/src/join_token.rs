//! The join token: one line that a person carries from the primary to a new satellite. It names the site, the enrolment
//! port and the authority to trust, and holds the secret that lets one machine in. Who knows tokens is in `store`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use subtle::ConstantTimeEq;
use supplysync_model::{Fault, FaultCode, Random, Reason, SyncId};

/// What every token begins with; the digit is the version of what follows.
const PREFIX: &str = "ssjoin1_";
/// Bytes of the public part, by which the primary finds it.
pub const ID_BYTES: usize = 8;
/// Bytes of the secret part.
pub const SECRET_BYTES: usize = 32;
/// Bytes of an authority's fingerprint (SHA-256).
pub const FINGERPRINT_BYTES: usize = 32;
/// Bytes of the checksum, which tells a mistyped token from a wrong one.
const CHECKSUM_BYTES: usize = 4;
/// Addresses of the enrolment port, at most.
const MAX_URLS: usize = 8;

/// A join token in the hands of whoever made it or was given it.
pub struct JoinToken {
    /// The site that it lets in.
    pub site: SyncId,
    /// SHA-256 of the certificate of the authority that the enrolment port's certificate leads to.
    pub authority: [u8; FINGERPRINT_BYTES],
    /// Its public part.
    pub id: [u8; ID_BYTES],
    /// Its secret part.
    pub secret: SecretSlice<u8>,
    /// Where to join, `https://HOST:PORT`; the first that answers.
    pub urls: Vec<String>,
}

impl JoinToken {
    /// A new one. Addresses beyond the eighth are left out.
    pub fn new(
        site: SyncId,
        authority: [u8; FINGERPRINT_BYTES],
        urls: &[String],
        random: &dyn Random,
    ) -> JoinToken {
        let mut secret = random.bytes16().to_vec();
        secret.extend(random.bytes16());
        JoinToken {
            site,
            authority,
            id: random.u64().to_be_bytes(),
            secret: secret.into(),
            urls: urls.iter().take(MAX_URLS).cloned().collect(),
        }
    }

    /// The line that is carried. Secret.
    pub fn text(&self) -> SecretString {
        let mut bytes = Vec::new();
        bytes.extend(self.site.get().to_be_bytes());
        bytes.extend(self.authority);
        bytes.extend(self.id);
        bytes.extend(self.secret.expose_secret());
        for url in self.urls.iter().filter(|url| url.len() <= usize::from(u8::MAX)) {
            bytes.push(url.len() as u8);
            bytes.extend(url.as_bytes());
        }
        let sum = checksum(&bytes);
        bytes.extend(sum);
        SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads the line; spaces and line breaks that a letter or a terminal put in do no harm. `TOKEN_MALFORMED` when a
    /// character is wrong or missing.
    pub fn parse(text: &SecretString) -> Result<JoinToken, Fault> {
        let text: String = text.expose_secret().split_whitespace().collect();
        let body = text.strip_prefix(PREFIX).ok_or_else(|| {
            malformed(match text.starts_with("ssjoin") {
                true => "is of another version than this program knows: install the version of the primary",
                false => "is not one: it begins with ssjoin1_, as `primary-svc sites add` or `sites token` printed it",
            })
        })?;
        let mistyped = || malformed("is mistyped or cut short: copy the whole line again");
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| mistyped())?;
        let (bytes, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(mistyped)?;
        if checksum(bytes) != *sum {
            return Err(mistyped());
        }
        read(bytes).ok_or_else(mistyped)
    }
}

/// What the primary keeps of a secret. It is random and long, so that a fast hash is enough.
pub fn hash_of_secret(secret: &[u8]) -> [u8; 32] {
    blake3::derive_key("supplysync join token", secret)
}

/// Whether the kept hash is this one; takes the same time whatever differs.
pub fn hash_matches(kept: &[u8], shown: &[u8; 32]) -> bool {
    bool::from(shown.as_slice().ct_eq(kept))
}

fn read(bytes: &[u8]) -> Option<JoinToken> {
    let (site, rest) = bytes.split_first_chunk()?;
    let (authority, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (secret, mut rest) = rest.split_first_chunk::<SECRET_BYTES>()?;
    let mut urls = Vec::new();
    while let Some((length, more)) = rest.split_first() {
        let (url, more) = more.split_at_checked(usize::from(*length))?;
        let url = String::from_utf8(url.to_vec()).ok()?;
        urls.push(Some(url).filter(|url| !url.is_empty())?);
        rest = more;
    }
    Some(JoinToken {
        site: SyncId::new(u16::from_be_bytes(*site))?,
        authority: *authority,
        id: *id,
        secret: secret.to_vec().into(),
        urls: Some(urls).filter(|urls| (1..=MAX_URLS).contains(&urls.len()))?,
    })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::hash(bytes);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash.as_bytes()[..CHECKSUM_BYTES]);
    sum
}

fn malformed(why: &str) -> Fault {
    let message = format!("the join token {why}");
    Fault::new(FaultCode::InvalidArgument, Reason::TOKEN_MALFORMED, message)
}

/// The site and the public part; never the secret.
impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("site", &self.site)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Random for Fixed {
        fn bytes16(&self) -> [u8; 16] {
            [0xa5; 16]
        }
    }

    fn token() -> JoinToken {
        let urls = [
            "https://primary.example.org:8445".to_owned(),
            "https://10.0.0.1:8445".to_owned(),
        ];
        JoinToken::new(SyncId::new(7).unwrap(), [9; 32], &urls, &Fixed)
    }

    #[test]
    fn a_token_reads_back_whatever_white_space_came_in() {
        let text = token().text();
        let mut broken = text.expose_secret().to_owned();
        assert!(!broken.contains(char::is_whitespace));
        broken.insert_str(40, "\r\n  ");
        broken.push('\n');
        let read = JoinToken::parse(&broken.into()).unwrap();
        let (made, read) = (token(), read);
        assert_eq!(
            (made.site, made.authority, made.id),
            (read.site, read.authority, read.id)
        );
        assert_eq!(made.secret.expose_secret(), read.secret.expose_secret());
        assert_eq!(made.urls, read.urls);
    }

    #[test]
    fn every_wrong_or_missing_character_is_noticed() {
        let text = token().text();
        let text = text.expose_secret();
        let reason = |text: &str| JoinToken::parse(&text.into()).map(drop).unwrap_err().reason();
        for at in 0..text.len() {
            let mut wrong = text.to_owned();
            let other = if &text[at..=at] == "Q" { "R" } else { "Q" };
            wrong.replace_range(at..=at, other);
            assert_eq!(reason(&wrong), Reason::TOKEN_MALFORMED, "at {at}");
            wrong.remove(at);
            assert_eq!(reason(&wrong), Reason::TOKEN_MALFORMED, "without {at}");
            assert_eq!(reason(&text[..at]), Reason::TOKEN_MALFORMED, "cut at {at}");
        }
        let newer = JoinToken::parse(&text.replacen('1', "2", 1).into()).unwrap_err();
        assert!(newer.message().contains("another version"), "{newer}");
    }

    #[test]
    fn addresses_are_few_and_not_empty() {
        let parsed = |urls: &[&str]| {
            let urls = urls.iter().map(|url| (*url).to_owned()).collect();
            JoinToken::parse(&JoinToken { urls, ..token() }.text()).map(|read| read.urls.len())
        };
        let url = "https://h:1";
        assert_eq!(parsed(&[url; MAX_URLS]).unwrap(), MAX_URLS);
        for wrong in [[url; MAX_URLS + 1].as_slice(), &[], &[""], &[url, ""]] {
            assert_eq!(
                parsed(wrong).unwrap_err().reason(),
                Reason::TOKEN_MALFORMED,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn the_secret_is_shown_nowhere_and_kept_as_a_hash() {
        let token = token();
        let token = JoinToken {
            id: [1; ID_BYTES],
            ..token
        };
        assert!(!format!("{token:?}").contains("165"), "{token:?}");
        let secret = token.secret.expose_secret();
        let kept = hash_of_secret(secret);
        assert_ne!(kept.as_slice(), secret);
        assert!(hash_matches(&kept, &hash_of_secret(secret)));
        let other = hash_of_secret(&[0xa4; SECRET_BYTES]);
        assert!(!hash_matches(&kept, &other) && !hash_matches(b"", &other));
    }
}
