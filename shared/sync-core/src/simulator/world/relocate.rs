//! What administrators do with stores that change hands: move, cancel, force; and a site that aborts by itself.

use rand::Rng;
use supplysync_model::{StoreId, SyncId};

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
        let mut moves = self.processes[0].store.moves();
        let to = moves.find(|(moved, _)| **moved == store).map(|(_, row)| row.to);
        drop(moves);
        if let Some(to) = to {
            self.force(store, to);
        }
    }

    /// A store goes to a site without its present site's word.
    pub(super) fn force(&mut self, store: StoreId, to: SyncId) {
        let moment = self.moment();
        let primary = &mut self.processes[0].store;
        let before = primary.seq();
        let Some(present) = primary.assignment(store) else {
            return;
        };
        if primary.begin_move(moment, store, to, true).is_ok() {
            note!(self, "the move of store {} is forced", &store.to_string()[..4]);
            // Its site may know it by the number that it had before a lost primary's later life said it anew.
            let known = self.processes.iter();
            let known = known.filter_map(|process| process.store.assignment(store));
            let same = known.filter(|known| known.site == present.site && known.epoch <= present.epoch);
            let epochs = same.map(|known| (store, known.epoch));
            self.truth.fenced.extend(epochs.chain([(store, present.epoch)]));
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
