//! What a site's registration must be: pure checks of Sync ID, name, URL.

use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use supplysync_node::command::problems::{Problems, TextLimit};

/// Refuses a Sync ID that no satellite may have.
pub fn check_satellite_id(sync_id: SyncId, max_sync_id: u16) -> Result<(), Fault> {
    let refuse = |why: String| {
        Err(Fault::new(
            FaultCode::InvalidArgument,
            Reason::SYNC_ID_OUT_OF_RANGE,
            format!("Sync ID {sync_id} {why}: satellites take 2 to {max_sync_id}"),
        ))
    };
    if sync_id.is_primary() {
        return refuse("is reserved for the primary".to_owned());
    }
    if sync_id.get() > max_sync_id {
        return refuse("is out of range".to_owned());
    }
    Ok(())
}

/// The words by which people know the site and the address at which it may be reached.
pub fn check_site(name: &str, url: &str, problems: &mut Problems) {
    problems.text("name", name, TextLimit::NAME);
    problems.text("url", url, TextLimit::LINE);
    if !url.is_empty() && !is_url(url) {
        problems.invalid(
            "url",
            format!("{url:?} is not a URL such as https://clinic.example.org:7600"),
        );
    }
}

fn is_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host_is_there = !authority.is_empty() && !authority.starts_with(':');
    host_is_there && !url.contains(|c: char| c.is_whitespace() || c == '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn satellites_take_two_to_the_limit() {
        let check =
            |number| check_satellite_id(SyncId::new(number).unwrap(), 64).map_err(|fault| fault.reason());
        assert_eq!(check(2), Ok(()));
        assert_eq!(check(64), Ok(()));
        assert_eq!(check(1), Err(Reason::SYNC_ID_OUT_OF_RANGE));
        assert_eq!(check(65), Err(Reason::SYNC_ID_OUT_OF_RANGE));
    }

    #[test]
    fn urls_are_https_with_a_host_and_without_credentials() {
        for good in ["https://10.0.0.7:7600", "https://clinic.example.org/"] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "clinic",
            "http://clinic",
            "https://",
            "https://:7600",
            "https://me:secret@clinic",
            "https://a b",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
