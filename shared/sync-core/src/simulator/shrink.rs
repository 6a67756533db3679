//! Making a failing seed short: whatever can be left out while the same promise is broken is left out.

use std::collections::BTreeSet;

use super::Ran;
use super::fault::{FAULTS, Fault, FaultSet};
use super::invariant::Violation;
use super::plan::{Plan, Streams};

/// How often it is tried, at the most: a seed takes milliseconds.
const ATTEMPTS: u32 = 600;

/// What a plan comes to, and what is broken by it.
type Attempt<'a> = &'a dyn Fn(&Plan) -> (Ran, Option<Violation>);

/// The shortest plan found that breaks the same promise.
pub fn shortest(plan: &Plan, violation: &Violation, attempt: Attempt<'_>) -> Plan {
    let mut search = Search {
        attempt,
        invariant: violation.invariant,
        best: plan.clone(),
        attempts: 0,
    };
    let mut before = None;
    while before.as_ref() != Some(&search.best) && search.attempts < ATTEMPTS {
        before = Some(search.best.clone());
        search.cut_the_end();
        search.switch_faults_off();
        search.leave_out(|ran| ran.operations, |plan| &mut plan.without);
        search.leave_out(|ran| ran.hits, |plan| &mut plan.spared);
        search.make_smaller();
    }
    search.forget_idle_exclusions();
    search.best
}

struct Search<'a> {
    attempt: Attempt<'a>,
    invariant: &'static str,
    best: Plan,
    attempts: u32,
}

impl Search<'_> {
    /// Takes a plan over if it breaks the same promise.
    fn try_out(&mut self, plan: Plan) -> bool {
        if plan == self.best || self.attempts >= ATTEMPTS {
            return false;
        }
        self.attempts += 1;
        let broken = (self.attempt)(&plan).1;
        let same = broken.is_some_and(|violation| violation.invariant == self.invariant);
        if same {
            self.best = plan;
        }
        same
    }

    fn ran(&self) -> Ran {
        (self.attempt)(&self.best).0
    }

    /// As few operations as possible, counted from the first.
    fn cut_the_end(&mut self) {
        let mut most = self.ran().operations;
        let mut least = 0;
        while least < most {
            let middle = least + (most - least) / 2;
            let shorter = Plan {
                operations: Some(u32::try_from(middle).unwrap_or(u32::MAX)),
                ..self.best.clone()
            };
            // Not monotonous, but near enough.
            if self.try_out(shorter) {
                most = middle;
            } else {
                least = middle + 1;
            }
        }
    }

    fn switch_faults_off(&mut self) {
        let all = FAULTS
            .iter()
            .fold(FaultSet::default(), |set, (fault, _)| set.with(*fault));
        if self.try_out(self.off(all)) {
            return;
        }
        for (fault, _) in FAULTS {
            self.try_out(self.off(FaultSet::default().with(*fault)));
        }
    }

    fn off(&self, more: FaultSet) -> Plan {
        let mut plan = self.best.clone();
        plan.off = more.iter().fold(plan.off, FaultSet::with);
        plan
    }

    /// Leaves numbered things out: large pieces first, then smaller ones, then each by itself.
    fn leave_out(&mut self, count: fn(&Ran) -> u64, set: fn(&mut Plan) -> &mut BTreeSet<u64>) {
        let all = count(&self.ran());
        let mut piece = all.div_ceil(2);
        while piece > 0 {
            let mut first = 1;
            while first <= all {
                let mut plan = self.best.clone();
                set(&mut plan).extend(first..=(first + piece - 1).min(all));
                self.try_out(plan);
                first += piece;
            }
            piece /= 2;
        }
    }

    fn make_smaller(&mut self) {
        for satellites in 1..self.ran().satellites {
            let plan = Plan {
                satellites: Some(satellites),
                ..self.best.clone()
            };
            if self.try_out(plan) {
                break;
            }
        }
        for stores in 1..self.ran().stores {
            let plan = Plan {
                stores: Some(stores),
                ..self.best.clone()
            };
            if self.try_out(plan) {
                break;
            }
        }
    }

    /// What is switched off, or left out, without having been there says nothing.
    fn forget_idle_exclusions(&mut self) {
        let (ran, broken) = (self.attempt)(&self.best);
        for fault in self.best.off.iter().collect::<Vec<Fault>>() {
            let mut plan = self.best.clone();
            plan.off = plan.off.without(FaultSet::default().with(fault));
            if (self.attempt)(&plan) == (ran, broken.clone()) {
                self.best = plan;
            }
        }
        self.best.without.retain(|number| *number <= ran.operations);
        self.best.spared.retain(|number| *number <= ran.hits);
        if self.best.streams == Streams::Many {
            self.best.kinds = Some(ran.kinds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: &str = "invariant_of_the_test";

    /// A world that breaks by its fifth and seventeenth operation together, if the third hit comes between.
    fn attempt(plan: &Plan) -> (Ran, Option<Violation>) {
        let operations = plan.operations.unwrap_or(40);
        let ran = Ran {
            operations: operations.into(),
            hits: 20,
            satellites: plan.satellites.unwrap_or(4),
            stores: plan.stores.unwrap_or(3),
            kinds: FaultSet::default().with(Fault::Disk),
        };
        let hit = !plan.off.has(Fault::Disk) && !plan.spared.contains(&3);
        let done = |number: u64| number <= ran.operations && !plan.without.contains(&number);
        let broken = hit && done(5) && done(17) && ran.satellites >= 2;
        let other = !broken && done(1);
        let name = if broken {
            Some(BROKEN)
        } else {
            other.then_some("invariant_of_another_test")
        };
        (ran, name.map(|name| Violation::new(name, "")))
    }

    #[test]
    fn what_is_not_needed_goes_and_what_is_stays() {
        let plan = Plan::of(1);
        let broken = attempt(&plan).1.unwrap();
        let shortest = shortest(&plan, &broken, &attempt);
        assert_eq!(
            shortest.to_string(),
            "seed=1 kinds=full-disks satellites=2 stores=1 operations=17 without=1-4,6-16 spared=1-2,4-20"
        );
    }
}
