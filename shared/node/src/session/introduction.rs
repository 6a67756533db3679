//! The user name and password in the metadata of the call that opens a session, and of its answer where the primary hands
//! a site new ones. Whether they are right is decided elsewhere.

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{MetadataMap, MetadataValue};

/// The user name that all sites share (any bytes, so with the suffix of binary values).
const USER_NAME: &str = "x-supplysync-user-bin";
/// The password that all sites share.
const PASSWORD: &str = "x-supplysync-password-bin";

/// Puts both in.
pub fn introduce(metadata: &mut MetadataMap, user_name: &str, password: &SecretString) {
    let user_name = MetadataValue::from_bytes(user_name.as_bytes());
    let mut password = MetadataValue::from_bytes(password.expose_secret().as_bytes());
    password.set_sensitive(true);
    metadata.insert_bin(USER_NAME, user_name);
    metadata.insert_bin(PASSWORD, password);
}

/// Both, if they are there and text.
pub fn introduced(metadata: &MetadataMap) -> Option<(String, SecretString)> {
    let password = text(metadata, PASSWORD)?;
    Some((text(metadata, USER_NAME)?, SecretString::from(password)))
}

fn text(metadata: &MetadataMap, key: &str) -> Option<String> {
    let bytes = metadata.get_bin(key)?.to_bytes().ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_goes_through_and_no_password_is_shown() {
        let mut metadata = MetadataMap::new();
        assert!(introduced(&metadata).is_none());
        introduce(&mut metadata, "Ministério", &"pässwört".into());
        let (user_name, password) = introduced(&metadata).unwrap();
        assert_eq!(
            (user_name.as_str(), password.expose_secret()),
            ("Ministério", "pässwört")
        );
        let password = metadata.get_bin(PASSWORD).unwrap();
        assert!(password.is_sensitive());
    }
}
