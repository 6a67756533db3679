//! A setting with several sources, of which the later change wins (DESIGN 9): the configuration file, a person through
//! the API, and (for some) the primary. Pure; kept in the database by `follow`.

use serde::{Deserialize, Serialize};

/// What holds, and what each source said last, so that a change can be told from a repetition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later<T> {
    /// The configuration at the last start.
    configured: T,
    /// What the primary said last, if it has a say.
    heard: Option<T>,
    holds: T,
}

impl<T: Clone + PartialEq> Later<T> {
    /// A configuration that differs from the one at the last start is the later change.
    pub fn at_start(before: Option<Later<T>>, configured: T, said: Option<T>) -> Later<T> {
        match before {
            Some(mut before) if before.configured == configured => {
                before.hear(said);
                before
            }
            _ => Later {
                holds: configured.clone(),
                configured,
                heard: said,
            },
        }
    }

    /// What the primary says now: a change if it is not what it said before.
    pub fn hear(&mut self, said: Option<T>) {
        if let Some(said) = said
            && self.heard.as_ref() != Some(&said)
        {
            self.holds = said.clone();
            self.heard = Some(said);
        }
    }

    /// A person here decided.
    pub fn choose(&mut self, value: T) {
        self.holds = value;
    }

    /// What holds now.
    pub fn holds(&self) -> &T {
        &self.holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_change_wins() {
        let mut setting = Later::at_start(None, 5, None);
        assert_eq!(*setting.holds(), 5, "nothing came from the primary yet");
        setting.hear(Some(60));
        assert_eq!(*setting.holds(), 60, "the primary's came later");
        let again = Later::at_start(Some(setting.clone()), 5, Some(60));
        assert_eq!(again, setting, "a start alone changes nothing");

        let mut edited = Later::at_start(Some(setting), 0, Some(60));
        assert_eq!(*edited.holds(), 0, "the file was edited since");
        edited.hear(Some(60));
        assert_eq!(*edited.holds(), 0, "what the primary said before is no change");
        edited.hear(Some(30));
        assert_eq!(*edited.holds(), 30, "and the primary's changed after that");
        edited.choose(7);
        edited.hear(Some(30));
        assert_eq!(*edited.holds(), 7, "a person here was the last");
        let restarted = Later::at_start(Some(edited.clone()), 0, Some(30));
        assert_eq!(*restarted.holds(), 7, "and still is after a start");
        edited.hear(Some(60));
        edited.hear(Some(30));
        assert_eq!(*edited.holds(), 30, "the primary went back, which is a change");
        let offline = Later::at_start(Some(edited), 0, Some(60));
        assert_eq!(*offline.holds(), 60, "it changed while this program was stopped");
    }
}
