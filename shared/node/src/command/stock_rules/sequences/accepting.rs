//! Tests of accepting what another site recorded: it ends as it was there, once, and under the owner's rules.

use super::*;

impl World {
    /// Accepts as the owner would; whether anything was written.
    fn accept(&mut self, proposed: &Transaction) -> Result<bool, Fault> {
        let held = self
            .transactions
            .iter()
            .find(|held| held.id == proposed.id)
            .cloned();
        self.ids += 1;
        let number = u64::try_from(self.ids).unwrap();
        let nobody = || panic!("goods come to the stock lines that the proposal names");
        let effect = accept(held.as_ref(), proposed, number, &self.facts, nobody)?;
        Ok(effect.map(|effect| self.absorb(effect)).is_some())
    }
}

#[test]
fn what_was_recorded_elsewhere_ends_here_as_it_was_and_once() {
    let mut there = World::new();
    let receipt = there.receive(vec![goods(0, "B1", "10"), goods(1, "B7", "2")]);
    let line = receipt.lines[0].stock_line.unwrap();
    let issue = draft(TransactionType::CustomerInvoice, vec![from_line(line, "4")]);
    let issue = there.create(&issue).unwrap();
    let issue = there.confirm(&issue).unwrap();
    let issue = there.absorb(finalise(&issue, act()).unwrap());
    let waiting = draft(TransactionType::Prescription, vec![from_line(line, "2.5")]);
    let waiting = there.create(&waiting).unwrap();

    // The owner has the same goods already; what was recorded elsewhere does not mix with them.
    let mut here = World::new();
    here.ids = 5_000;
    here.receive(vec![goods(0, "B1", "3")]);
    let before = here.only_line();
    let too_early = here.accept(&issue).unwrap_err();
    assert_eq!(too_early.violations()[0].field, "lines[0].stock_line_id");
    for proposed in [&receipt, &issue, &waiting] {
        assert!(here.accept(proposed).unwrap(), "{proposed:?}");
        here.check_laws();
        let written = here
            .transactions
            .iter()
            .find(|held| held.id == proposed.id)
            .unwrap();
        let renumbered = Transaction {
            number: proposed.number,
            ..written.clone()
        };
        assert_eq!(&renumbered, proposed);
        assert!(!here.accept(proposed).unwrap(), "a second time changes nothing");
    }
    for stock in there.facts.stock.values() {
        assert_eq!(here.facts.stock.get(&stock.id), Some(stock));
    }
    assert_eq!(here.facts.stock.get(&before.id), Some(&before));
}

#[test]
fn a_later_step_is_accepted_and_another_way_is_refused() {
    let mut here = World::new();
    let receipt = here.receive(vec![goods(0, "B1", "10")]);
    let line = receipt.lines[0].stock_line.unwrap();
    let drafted = draft(TransactionType::CustomerInvoice, vec![from_line(line, "4")]);
    let drafted = here.create(&drafted).unwrap();

    // Elsewhere the draft became an issue of six, and was closed.
    let mut there = World::new();
    there.facts = here.facts.clone();
    there.transactions = here.transactions.clone();
    let six = draft(TransactionType::CustomerInvoice, vec![from_line(line, "6")]);
    let six = there.absorb(revise(&drafted, &six, &there.facts).unwrap());
    let confirmed = there.confirm(&six).unwrap();
    let closed = there.absorb(finalise(&confirmed, act()).unwrap());

    assert!(here.accept(&confirmed).unwrap());
    assert_eq!(here.facts.stock[&line].packs_total, packs("4"));
    assert!(here.accept(&closed).unwrap(), "the same, one step further");
    here.check_laws();
    for (proposed, what) in [(&drafted, "an earlier version"), (&six, "an earlier step")] {
        match here.accept(proposed) {
            Ok(written) => assert!(!written, "{what}"),
            Err(fault) => assert_eq!(fault.reason(), Reason::WRONG_STATUS, "{what}"),
        }
    }
    here.check_laws();
}

#[test]
fn stock_does_not_go_below_zero_because_somebody_else_took_it() {
    let mut here = World::new();
    let receipt = here.receive(vec![goods(0, "B1", "10")]);
    let line = receipt.lines[0].stock_line.unwrap();
    let mut there = World::new();
    there.facts = here.facts.clone();
    there.ids = 7_000;
    let eight = draft(TransactionType::CustomerInvoice, vec![from_line(line, "8")]);
    let elsewhere = there.create(&eight).unwrap();
    let elsewhere = there.confirm(&elsewhere).unwrap();
    let five = draft(TransactionType::CustomerInvoice, vec![from_line(line, "5")]);
    let five = here.create(&five).unwrap();
    here.confirm(&five).unwrap();
    assert_eq!(
        here.accept(&elsewhere).unwrap_err().reason(),
        Reason::INSUFFICIENT_STOCK
    );
    assert_eq!(here.facts.stock[&line].packs_total, packs("5"));
}

proptest! {
    #[test]
    fn accepting_all_that_was_recorded_gives_the_same_stock(
        steps in prop::collection::vec((0u8..3, 1u32..50, any::<bool>(), any::<bool>()), 1..20),
    ) {
        let mut there = World::new();
        let mut recorded = Vec::new();
        for (item, amount, issues, confirms) in steps {
            let amount = amount.to_string();
            let held = there.facts.stock.values().find(|stock| stock.item == item_id(item)).map(|stock| stock.id);
            let wanted = match held.filter(|_| issues) {
                Some(id) => draft(TransactionType::Prescription, vec![from_line(id, &amount)]),
                None => draft(TransactionType::SupplierInvoice, vec![goods(item, "B", &amount)]),
            };
            let Ok(drafted) = there.create(&wanted) else { continue };
            recorded.push(if confirms { there.confirm(&drafted).unwrap() } else { drafted });
        }
        let mut here = World::new();
        here.ids = 9_000;
        for proposed in &recorded {
            here.accept(proposed).unwrap();
            here.check_laws();
        }
        prop_assert_eq!(&here.facts.stock, &there.facts.stock);
    }
}
