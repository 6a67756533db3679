//! What administrators do with stores that change hands: move, cancel, force; and a site that aborts by itself.

use rand::Rng;
use supplysync_model::StoreId;

use super::{World, note};
use crate::simulator::counts::Deed;

impl World {
    pub(super) fn move_a_store(&mut self) {
        let Some(store) = self.pick(&self.stores.clone()) else {
            return;
        };
        let present = self.processes.iter().filter(|process| !process.trouble.removed);
        let sites: Vec<_> = present.map(|process| process.site).collect();
        let Some(to) = self.pick(&sites) else {
            return;
        };
        let may = self.processes[0].up && !self.lacks_room(0);
        let moment = self.moment();
        let primary = &mut self.processes[0];
        let before = primary.store.seq();
        if may && primary.store.begin_move(moment, store, to, false).is_ok() {
            note!(self, "store {} is to move to site {to}", &store.to_string()[..4]);
            self.count(Deed::MoveBegun);
            self.moved(before);
        }
    }

    /// Moves, and what may become of them on the way.
    pub(super) fn move_about(&mut self) {
        match self.rng.random_range(0..10) {
            0..=5 => self.move_a_store(),
            6 => self.cancel_a_move(),
            7 => self.force_a_move(),
            _ => self.abort_a_move(),
        }
    }

    /// A store on its way, if there is one.
    fn store_on_its_way(&mut self) -> Option<StoreId> {
        let stores: Vec<_> = self.processes[0].store.moves().map(|(store, _)| *store).collect();
        let may = self.processes[0].up && !self.lacks_room(0);
        self.pick(&stores).filter(|_| may)
    }

    pub(super) fn cancel_a_move(&mut self) {
        let Some(store) = self.store_on_its_way() else {
            return;
        };
        let moment = self.moment();
        let primary = &mut self.processes[0].store;
        let before = primary.seq();
        if primary.cancel_move(moment, store).is_ok() {
            note!(self, "the move of store {} is cancelled", &store.to_string()[..4]);
            self.count(Deed::MoveCancelled);
            self.moved(before);
        }
    }

    pub(super) fn force_a_move(&mut self) {
        let Some(store) = self.store_on_its_way() else {
            return;
        };
        let moment = self.moment();
        let primary = &mut self.processes[0].store;
        let before = primary.seq();
        let present = primary.assignment(store);
        let row = primary.moves().find(|(moved, _)| **moved == store);
        let Some((from, to)) = present
            .zip(row)
            .map(|(present, (_, row))| (present.epoch, row.to))
        else {
            return;
        };
        if primary.begin_move(moment, store, to, true).is_ok() {
            note!(self, "the move of store {} is forced", &store.to_string()[..4]);
            self.truth.fenced.insert((store, from));
            self.count(Deed::MoveForced);
            self.moved(before);
        }
    }

    /// A site that has heard nothing for long goes on by itself.
    pub(super) fn abort_a_move(&mut self) {
        let moment = self.moment();
        let stores = self.stores.clone();
        for process in self.satellites() {
            if self.lacks_room(process) {
                continue;
            }
            let of = &mut self.processes[process];
            if of.up
                && stores
                    .iter()
                    .any(|store| of.store.abort_move(moment, *store).is_ok())
            {
                note!(self, "process {process} aborts a move");
                self.count(Deed::MoveAborted);
                self.seen.push(super::Observation::Committed(process));
            }
        }
    }

    fn moved(&mut self, before: u64) {
        self.after_commit(0, before);
        self.settings_moved(0);
    }
}
