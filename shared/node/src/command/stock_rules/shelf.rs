//! Working copies of stock lines while a step is worked out: nothing goes below zero, nothing beyond its range.

use std::collections::BTreeMap;

use supplysync_model::{Amount, Reason, StockLine, StockLineId, Transaction};

use crate::command::problems::Problems;

/// Stock lines as they were and as they become.
pub(super) struct Shelf<'a> {
    before: &'a BTreeMap<StockLineId, StockLine>,
    after: BTreeMap<StockLineId, StockLine>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(before: &'a BTreeMap<StockLineId, StockLine>) -> Shelf<'a> {
        Shelf {
            before,
            after: BTreeMap::new(),
        }
    }

    /// Sets aside what a `new` issue is going to take.
    pub(super) fn reserve_for(&mut self, transaction: &Transaction, problems: &mut Problems) {
        self.each_issue(transaction, problems, short, |stock, packs| {
            let left = stock.packs_available.checked_sub(packs)?;
            (!left.is_negative()).then(|| stock.packs_available = left)
        });
    }

    /// Gives back what a `new` issue had set aside.
    pub(super) fn release_for(&mut self, transaction: &Transaction, problems: &mut Problems) {
        self.each_issue(transaction, problems, damaged, |stock, packs| {
            let back = stock.packs_available.checked_add(packs)?;
            (back <= stock.packs_total).then(|| stock.packs_available = back)
        });
    }

    /// Takes what was set aside off the total.
    pub(super) fn take_for(&mut self, transaction: &Transaction, problems: &mut Problems) {
        self.each_issue(transaction, problems, damaged, |stock, packs| {
            let left = stock.packs_total.checked_sub(packs)?;
            (left >= stock.packs_available).then(|| stock.packs_total = left)
        });
    }

    /// Adds packs to an existing stock line.
    pub(super) fn add(&mut self, id: StockLineId, packs: Amount, index: usize, problems: &mut Problems) {
        let Some(stock) = self.line(id) else {
            problems.invalid(
                format!("lines[{index}].stock_line_id"),
                "no such stock line in this store",
            );
            return;
        };
        let sums = (stock.packs_total.checked_add(packs)).zip(stock.packs_available.checked_add(packs));
        match sums {
            Some((total, available)) => {
                stock.packs_total = total;
                stock.packs_available = available;
            }
            None => problems.invalid(
                format!("lines[{index}].packs"),
                "the stock line would be too large to count",
            ),
        }
    }

    /// Puts up a new stock line.
    pub(super) fn put_up(&mut self, stock: StockLine) {
        self.after.insert(stock.id, stock);
    }

    /// A line that the test accepts, as it has become so far.
    pub(super) fn find(&self, accept: impl Fn(&StockLine) -> bool) -> Option<StockLineId> {
        let untouched = self
            .before
            .values()
            .filter(|line| !self.after.contains_key(&line.id));
        let mut lines = self.after.values().chain(untouched);
        lines.find(|line| accept(line)).map(|line| line.id)
    }

    /// New and changed stock lines, in the order of their ids.
    pub(super) fn changed(self) -> Vec<StockLine> {
        let before = self.before;
        self.after
            .into_values()
            .filter(|line| before.get(&line.id) != Some(line))
            .collect()
    }

    fn line(&mut self, id: StockLineId) -> Option<&mut StockLine> {
        if !self.after.contains_key(&id) {
            let line = self.before.get(&id)?.clone();
            self.after.insert(id, line);
        }
        self.after.get_mut(&id)
    }

    fn each_issue(
        &mut self,
        transaction: &Transaction,
        problems: &mut Problems,
        refusal: fn(Amount, &StockLine) -> (Reason, String),
        step: impl Fn(&mut StockLine, Amount) -> Option<()>,
    ) {
        if transaction.transaction_type.adds_stock() {
            return;
        }
        for (index, line) in transaction.lines.iter().enumerate() {
            // A line whose stock line is missing has been named by the draft's check already.
            let Some(stock) = line.stock_line.and_then(|id| self.line(id)) else {
                continue;
            };
            if step(stock, line.packs).is_none() && !line.packs.is_negative() {
                let (reason, description) = refusal(line.packs, stock);
                problems.rule(reason, format!("lines[{index}].packs"), description);
            }
        }
    }
}

fn short(packs: Amount, stock: &StockLine) -> (Reason, String) {
    let (available, batch) = (stock.packs_available, &stock.batch);
    (
        Reason::INSUFFICIENT_STOCK,
        format!("{packs} packs asked for, {available} available (batch {batch:?})"),
    )
}

/// What was reserved must be there to give back or to take: if it isn't, the data are not what we wrote.
fn damaged(packs: Amount, stock: &StockLine) -> (Reason, String) {
    let (total, available) = (stock.packs_total, stock.packs_available);
    (
        Reason::INSUFFICIENT_STOCK,
        format!(
            "{packs} packs are not reserved any more ({available} of {total} available): run `verify --deep`"
        ),
    )
}
