//! Passwords and authorisation codes: from a file, from a person without echo, or made here and shown once.

use std::io::IsTerminal;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::problem::Problem;

/// Letters and digits that are not mistaken for each other on paper or by telephone (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The first line of `path`, without its line end; refuses an empty one.
pub fn from_file(what: &str, path: &Path) -> Result<SecretString, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::file(&format!("read the {what} from"), path, &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let message = format!("{} is empty; put the {what} on its first line", path.display());
        return Err(Problem::usage(message));
    }
    Ok(SecretString::from(line))
}

/// Asks the person at the terminal, without echo; `otherwise` names the flag for when nobody is there.
pub fn ask(what: &str, otherwise: &str) -> Result<SecretString, Problem> {
    if !std::io::stdin().is_terminal() {
        let message = format!("no terminal to ask for the {what} on; use {otherwise}");
        return Err(Problem::usage(message));
    }
    let typed = rpassword::prompt_password(format!("{what}: "))
        .map_err(|error| Problem::usage(format!("can't read the {what}: {error}")))?;
    if typed.is_empty() {
        return Err(Problem::usage(format!("no {what} was entered")));
    }
    Ok(SecretString::from(typed))
}

/// As [`ask`], twice, for a secret that is being set.
pub fn ask_twice(what: &str, otherwise: &str) -> Result<SecretString, Problem> {
    let first = ask(what, otherwise)?;
    let second = ask(&format!("{what} again"), otherwise)?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Problem::usage(format!("the two entries of the {what} differ")));
    }
    Ok(first)
}

/// From the file if one is named, else from the person.
pub fn from_file_or_ask(what: &str, file: Option<&Path>, otherwise: &str) -> Result<SecretString, Problem> {
    match file {
        Some(path) => from_file(what, path),
        None => ask(what, otherwise),
    }
}

/// A new secret of 80 bits, in four groups of four characters.
pub fn generate(random: [u8; 16]) -> SecretString {
    let characters = random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    let mut text = String::new();
    for (index, character) in characters.enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        text.push(character);
    }
    SecretString::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_secrets_differ_and_are_easy_to_dictate() {
        let one = generate(std::array::from_fn(|index| index as u8 * 17));
        let two = generate([255; 16]);
        assert_eq!(two.expose_secret(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 19);
    }

    #[test]
    fn files_give_their_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "correct horse\r\nbattery\n").unwrap();
        let secret = from_file("password", &path).unwrap();
        assert_eq!(secret.expose_secret(), "correct horse");
        std::fs::write(&path, "\n").unwrap();
        assert!(from_file("password", &path).is_err());
        assert!(from_file("password", &dir.path().join("absent")).is_err());
    }
}
