//! Making a failing seed short: whatever can be left out while the same promise is broken is left out.

use std::collections::BTreeSet;

use super::fault::{FAULTS, Fault, FaultSet};
use super::invariant::Violation;
use super::plan::{Plan, Streams};
use super::{Ran, attempt};

/// How often it is tried, at the most: a seed takes milliseconds.
const ATTEMPTS: u32 = 600;

/// The shortest plan found that breaks the same promise.
pub fn shortest(plan: &Plan, violation: &Violation) -> Plan {
    let mut search = Search {
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

struct Search {
    invariant: &'static str,
    best: Plan,
    attempts: u32,
}

impl Search {
    /// Takes a plan over if it breaks the same promise.
    fn try_out(&mut self, plan: Plan) -> bool {
        if plan == self.best || self.attempts >= ATTEMPTS {
            return false;
        }
        self.attempts += 1;
        let broken = attempt(&plan).1.err();
        let same = broken.is_some_and(|violation| violation.invariant == self.invariant);
        if same {
            self.best = plan;
        }
        same
    }

    fn ran(&self) -> Ran {
        attempt(&self.best).0
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
        let (ran, broken) = attempt(&self.best);
        for fault in self.best.off.iter().collect::<Vec<Fault>>() {
            let mut plan = self.best.clone();
            plan.off = plan.off.without(FaultSet::default().with(fault));
            if attempt(&plan) == (ran, broken.clone()) {
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
