//! The end of a seed: everything heals, every site that may speak drains, and then all must be equal and stay so.

use supplysync_model::SyncId;

use super::event::ProcessId;
use super::{World, note};
use crate::Mode;
use crate::simulator::counts::Deed;
use crate::simulator::invariant::{self, Violation};

/// How long peace may take, in milliseconds of virtual time.
const PATIENCE_MS: i64 = 900_000;
/// How often to look.
const LOOK_MS: i64 = 2_000;
/// How often a site with two databases gets something to tell them apart by.
const NEWS_MS: i64 = 20_000;
/// How long sessions under way may take to come to rest, in milliseconds.
const SETTLE_MS: i64 = 15_000;
/// How long everything is watched doing nothing.
const IDLE_MS: i64 = 70_000;

impl World {
    pub(super) fn find_peace(&mut self) -> Result<(), Violation> {
        note!(self, "peace: nothing goes wrong any more");
        self.calm = true;
        self.heal();
        self.recover_a_frozen_one(0.5);
        for process in 0..self.processes.len() {
            self.processes[process].reachable = true;
            self.start(process);
        }
        self.judge()?;
        for process in self.satellites() {
            self.begin_again(process);
            self.judge()?;
        }
        let began = self.now;
        let mut told = self.now;
        while !(self.settled(began) && self.twins_are_told_apart() && invariant::unfinished(self).is_none()) {
            if self.now - began > PATIENCE_MS {
                return Err(self.no_peace());
            }
            self.run_for(LOOK_MS)?;
            self.end_what_hangs(began);
            self.upgrade_who_waits();
            self.judge()?;
            if !self.twins_are_told_apart() && self.now - told > NEWS_MS {
                told = self.now;
                self.edit_master(false);
                self.judge()?;
            }
        }
        invariant::at_peace(self)?;
        self.stay_idle()
    }

    fn run_for(&mut self, millis: i64) -> Result<(), Violation> {
        let until = self.now + millis;
        while self.step(until)? {}
        self.now = until;
        Ok(())
    }

    /// Whether every site that may speak has sent and received everything since then, and both ends know.
    fn settled(&self, since: i64) -> bool {
        let primary = &self.processes[0];
        primary.up
            && !primary.store.is_gathering()
            && !self.unchosen
            && (self.looked_again || !self.truth.doubtful.contains(&SyncId::PRIMARY))
            && self
                .processes
                .iter()
                .all(|process| self.now > process.trouble.toils_until)
            && self.processes.iter().all(|process| !process.stopping)
            && self.satellites().all(|satellite| {
                let process = &self.processes[satellite];
                if process.trouble.removed {
                    return true;
                }
                let said_so = process.pushed_at.min(process.pulled_at) >= since;
                process.up && (process.frozen || said_so && self.is_in_step(satellite))
            })
    }

    /// A frozen database that is rightly so: the primary knows a later or another past of the site.
    pub(in crate::simulator) fn is_frozen(&self, satellite: ProcessId) -> bool {
        self.processes[satellite].frozen
    }

    /// Whether any site was ever taken off the network.
    pub(in crate::simulator) fn has_removed_any(&self) -> bool {
        self.counts.of(Deed::SiteRemoved) > 0
    }

    /// Whether a site is not on the network now.
    pub(in crate::simulator) fn is_site_removed(&self, site: SyncId) -> bool {
        let mut of = self.processes.iter().filter(|process| process.site == site);
        of.any(|process| process.trouble.removed)
    }

    /// Whether its site was taken off the network.
    pub(in crate::simulator) fn is_removed(&self, satellite: ProcessId) -> bool {
        self.processes[satellite].trouble.removed
    }

    /// Whether a live satellite's stream is open at both ends and has been since there was peace.
    fn is_connected(&self, satellite: ProcessId) -> bool {
        let sessions = &self.processes[satellite].sessions;
        sessions.iter().any(|(connection, running)| {
            let link = self.connections.get(connection);
            !running.again
                && link.is_some_and(|link| !link.dead)
                && self.processes[0].sessions.contains_key(connection)
        })
    }

    fn is_in_step(&self, satellite: ProcessId) -> bool {
        let recovering = self.processes[satellite].store.recovery().is_some();
        if recovering || self.processes[satellite].mode == Mode::Live && !self.is_connected(satellite) {
            return false;
        }
        let (here, there) = (&self.processes[satellite], &self.processes[0]);
        let served = there.store.served_channels(here.site);
        let pulled = served.iter().all(|served| {
            let row = here
                .store
                .cursor(there.site, served.channel, here.store.receives());
            let known = there.store.cursor(here.site, served.channel, there.store.sends());
            let judged = here
                .store
                .is_judged(served.channel, there.site, here.store.receives());
            row.is_some_and(|row| {
                row.caught_up
                    && (row.compared.is_some() || !judged)
                    && invariant::is_passed(&there.store, served.channel, row.cursor)
                    && known.is_some_and(|known| known.cursor == row.cursor)
            })
        });
        let only_served = here
            .store
            .cursors()
            .filter(|((_, _, direction), _)| *direction == here.store.receives())
            .all(|((_, channel, _), _)| served.iter().any(|served| served.channel == *channel));
        let pushed = here.store.push_channels().into_iter().all(|channel| {
            let row = there.store.cursor(here.site, channel, there.store.receives());
            let known = here.store.cursor(there.site, channel, here.store.sends());
            row.is_some_and(|row| {
                row.caught_up
                    && invariant::is_passed(&here.store, channel, row.cursor)
                    && known.is_some_and(|known| known.cursor == row.cursor)
            })
        });
        pulled && only_served && pushed
    }

    /// Of two databases of one site at most one may speak, once there was news for them.
    fn twins_are_told_apart(&self) -> bool {
        self.satellites().all(|one| {
            self.satellites().filter(|other| *other > one).all(|other| {
                self.processes[one].site != self.processes[other].site
                    || self.is_frozen(one)
                    || self.is_frozen(other)
            })
        })
    }

    fn no_peace(&self) -> Violation {
        let mut what = format!(
            "no peace after {PATIENCE_MS} ms; told apart: {}",
            self.twins_are_told_apart()
        );
        for satellite in self.satellites() {
            let process = &self.processes[satellite];
            what.push_str(&format!(
                "; process {satellite} (site {}, {:?}, frozen {}): in step {}, cursors {:?}, head {}",
                process.site,
                process.mode,
                process.frozen,
                self.is_in_step(satellite),
                process.store.hello_state().cursors,
                process.store.seq()
            ));
        }
        what.push_str(&format!("; primary's head {}", self.processes[0].store.seq()));
        Violation::new("invariant_progress", what)
    }

    /// With nothing to exchange, no feed moves; and where all are live, nothing at all is committed.
    fn stay_idle(&mut self) -> Result<(), Violation> {
        // A move that a restored or cloned site holds up may still come to its end at any time.
        let hanging = self.processes[0].store.moves().count();
        // The last handshakes, acks and Byes are still on their way.
        self.run_for(SETTLE_MS)?;
        let heads: Vec<_> = self.processes.iter().map(|process| process.store.seq()).collect();
        let commits: Vec<_> = self
            .processes
            .iter()
            .map(|process| process.store.commits())
            .collect();
        self.run_for(IDLE_MS)?;
        let all_live = self.satellites().all(|satellite| {
            let process = &self.processes[satellite];
            process.mode == Mode::Live || process.trouble.removed || self.is_frozen(satellite)
        });
        for (id, process) in self.processes.iter().enumerate().filter(|_| hanging == 0) {
            if process.store.seq() != heads[id] {
                let what = format!("the feed of process {id} moves though there is nothing to exchange");
                return Err(Violation::new("invariant_idle", what));
            }
            if all_live && process.store.commits() != commits[id] {
                let what = format!("process {id} commits though there is nothing to exchange");
                return Err(Violation::new("invariant_idle", what));
            }
        }
        Ok(())
    }
}
