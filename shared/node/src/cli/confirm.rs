//! Asking a person before something that is not easily undone. Secrets are asked for in `secret`.

use std::io::{BufRead, IsTerminal, Write};

use super::problem::Problem;

/// Goes on only if the person at the terminal says yes; `otherwise` names the flag for when nobody is there.
pub fn confirm(question: &str, otherwise: &str) -> Result<(), Problem> {
    if !std::io::stdin().is_terminal() {
        let message =
            format!("{question} There is no terminal to ask on: repeat it with {otherwise} if that is meant");
        return Err(Problem::usage(message));
    }
    let mut out = std::io::stderr();
    let mut typed = String::new();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    asked
        .and_then(|()| std::io::stdin().lock().read_line(&mut typed))
        .map_err(|error| Problem::usage(format!("can't ask: {error}")))?;
    if agrees(&typed) {
        return Ok(());
    }
    Err(Problem::usage("nothing was changed"))
}

fn agrees(typed: &str) -> bool {
    matches!(typed.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_agrees() {
        assert!(["y\n", "Yes\r\n", " yes "].into_iter().all(agrees));
        assert!(!["", "\n", "n\n", "yess\n", "no\n"].into_iter().any(agrees));
    }
}
