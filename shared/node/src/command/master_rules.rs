//! What a unit, an item, a name and a store must be, whatever else is in the database.

use supplysync_model::{Amount, Item, Name, Store, Unit};

use super::problems::{Problems, TextLimit};

/// The fields of a unit.
pub fn check_unit(unit: &Unit, problems: &mut Problems) {
    problems.text("name", &unit.name, TextLimit::CODE);
    problems.text("description", &unit.description, TextLimit::LINE);
}

/// The fields of an item, its unit's existence apart.
pub fn check_item(item: &Item, problems: &mut Problems) {
    problems.text("code", &item.code, TextLimit::CODE);
    problems.text("name", &item.name, TextLimit::NAME);
    problems.text("strength", &item.strength, TextLimit::LINE);
    if !item.atc_code.is_empty() && !is_atc_code(&item.atc_code) {
        problems.invalid(
            "atc_code",
            format!("{:?} is not an ATC code such as J01CA04", item.atc_code),
        );
    }
    if item.default_pack_size <= Amount::ZERO {
        problems.invalid(
            "default_pack_size",
            format!("is {}: must be above zero", item.default_pack_size),
        );
    }
}

/// The fields of a name.
pub fn check_name(name: &Name, problems: &mut Problems) {
    problems.text("code", &name.code, TextLimit::CODE);
    problems.text("name", &name.name, TextLimit::NAME);
    problems.text("address", &name.address, TextLimit::PROSE);
    problems.text("country", &name.country, TextLimit::LINE);
    problems.text("phone", &name.phone, TextLimit::LINE);
    problems.text("email", &name.email, TextLimit::LINE);
    if name.roles.is_empty() {
        problems.invalid(
            "roles",
            "needs at least one of customer, supplier, manufacturer, donor",
        );
    }
    if !name.email.is_empty() && !is_email(&name.email) {
        problems.invalid("email", format!("{:?} is not an e-mail address", name.email));
    }
}

/// The fields of a store, its name's existence apart.
pub fn check_store(store: &Store, problems: &mut Problems) {
    problems.text("code", &store.code, TextLimit::CODE);
    problems.text("name", &store.name, TextLimit::NAME);
}

/// A code of the Anatomical Therapeutic Chemical classification, of any of its five levels.
fn is_atc_code(code: &str) -> bool {
    let pattern = [true, false, false, true, true, false, false]; // letter, or digit
    let fits = |(byte, letter): (u8, bool)| match letter {
        true => byte.is_ascii_uppercase(),
        false => byte.is_ascii_digit(),
    };
    matches!(code.len(), 1 | 3 | 4 | 5 | 7) && code.bytes().zip(pattern).all(fits)
}

/// Enough to catch a telephone number in the wrong column; whether it can be delivered only sending tells.
fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else {
        return false;
    };
    !user.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atc_codes_have_five_levels() {
        for good in ["J", "J01", "J01C", "J01CA", "J01CA04"] {
            assert!(is_atc_code(good), "{good}");
        }
        for bad in ["j01", "J1", "J01CA4", "J01CA0O", "01CA04J", "J01CA044"] {
            assert!(!is_atc_code(bad), "{bad}");
        }
    }

    #[test]
    fn emails_have_a_user_and_a_host() {
        assert!(is_email("stores@health.example.org"));
        for bad in ["", "@x.org", "a@b", "+256 700", "a b@c.org"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
