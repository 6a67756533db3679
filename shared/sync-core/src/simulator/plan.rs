//! What exactly to run: a seed, and what of it is left out. One line of text, so that a short history can be run again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::fault::FaultSet;

/// Where the decisions of a seed come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Streams {
    /// One stream for everything: what the first seeds had, without the faults that came later.
    One,
    /// One for each operation, process and end of a connection: leaving one thing out leaves the others as they are.
    #[default]
    Many,
}

/// A seed, and what of it is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Where its decisions come from.
    pub streams: Streams,
    /// The later kinds of faults, if not as the seed has it.
    pub kinds: Option<FaultSet>,
    /// Kinds of faults that are switched off.
    pub off: FaultSet,
    /// Satellites at the beginning, if not as the seed has it.
    pub satellites: Option<u16>,
    /// Stores at the beginning, if not as the seed has it.
    pub stores: Option<usize>,
    /// The last operation, if not as the seed has it.
    pub operations: Option<u32>,
    /// Operations left out, by number.
    pub without: BTreeSet<u64>,
    /// Faults that hit by chance and are left out, by number.
    pub spared: BTreeSet<u64>,
}

impl Plan {
    /// All of a seed.
    pub fn of(seed: u64) -> Plan {
        Plan {
            seed,
            ..Plan::default()
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={}", self.seed)?;
        if self.streams == Streams::One {
            f.write_str(" streams=one")?;
        }
        match self.kinds {
            None => {}
            Some(kinds) if kinds.is_empty() => f.write_str(" kinds=none")?,
            Some(kinds) => write!(f, " kinds={kinds}")?,
        }
        if !self.off.is_empty() {
            write!(f, " off={}", self.off)?;
        }
        if let Some(satellites) = self.satellites {
            write!(f, " satellites={satellites}")?;
        }
        if let Some(stores) = self.stores {
            write!(f, " stores={stores}")?;
        }
        if let Some(operations) = self.operations {
            write!(f, " operations={operations}")?;
        }
        for (name, numbers) in [("without", &self.without), ("spared", &self.spared)] {
            if !numbers.is_empty() {
                write!(f, " {name}={}", ranges(numbers))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Plan, String> {
        let mut plan = Plan::default();
        let mut seed = None;
        for word in text.split_whitespace() {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word:?} is not name=value"))?;
            match name {
                "seed" => seed = Some(number(value)?),
                "streams" if value == "one" => plan.streams = Streams::One,
                "kinds" if value == "none" => plan.kinds = Some(FaultSet::default()),
                "kinds" => plan.kinds = Some(value.parse()?),
                "off" => plan.off = value.parse()?,
                "satellites" => plan.satellites = Some(number(value)?),
                "stores" => plan.stores = Some(number(value)?),
                "operations" => plan.operations = Some(number(value)?),
                "without" => plan.without = numbers(value)?,
                "spared" => plan.spared = numbers(value)?,
                _ => return Err(format!("{word:?} says nothing about a seed")),
            }
        }
        plan.seed = seed.ok_or("a plan names its seed")?;
        Ok(plan)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

/// `3-5,9`
fn numbers(text: &str) -> Result<BTreeSet<u64>, String> {
    let mut numbers = BTreeSet::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number::<u64>(first)?, number::<u64>(last)?);
        if last.saturating_sub(first) > 1_000_000 {
            return Err(format!("{range:?} is too long"));
        }
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

fn ranges(numbers: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let words: Vec<_> = ranges
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::fault::Fault;

    #[test]
    fn a_plan_comes_back_from_its_text() {
        let plan = Plan {
            streams: Streams::One,
            kinds: Some(FaultSet::default().with(Fault::Clock)),
            off: FaultSet::default().with(Fault::Slow).with(Fault::Disk),
            satellites: Some(2),
            stores: Some(1),
            operations: Some(17),
            without: [1, 2, 3, 7, 9, 10].into(),
            spared: [4].into(),
            ..Plan::of(4_321)
        };
        let text = "seed=4321 streams=one kinds=clocks off=full-disks,slow-readers satellites=2 stores=1 \
                    operations=17 without=1-3,7,9-10 spared=4";
        assert_eq!(plan.to_string(), text);
        assert_eq!(text.parse(), Ok(plan));
        assert_eq!("seed=7".parse(), Ok(Plan::of(7)));
    }

    #[test]
    fn what_is_no_plan_is_named() {
        for text in [
            "",
            "7",
            "seed=x",
            "seed=1 off=frogs",
            "seed=1 without=1-9999999",
            "seed=1 legs=4",
        ] {
            assert!(text.parse::<Plan>().is_err(), "{text:?}");
        }
    }
}
