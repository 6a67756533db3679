//! The open sessions of this process by site: how many there may be, which one a newer one has taken over, and the end
//! of all of a site's when it is shut out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use tokio_util::sync::CancellationToken;

/// Sessions of one site at one time, those that are shaking hands or ending included: more come from a defect or a foe.
const MAX_OPEN: usize = 4;

/// All open sessions. Clones are the same set.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<SyncId, OfSite>>>);

#[derive(Debug, Default)]
struct OfSite {
    /// What ends each session, by its number.
    open: BTreeMap<u64, Ends>,
    /// The session that has the lease, with the number of its grant.
    holder: Option<Holder>,
}

#[derive(Debug, Clone)]
struct Ends {
    fence: CancellationToken,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Holder {
    grant: u64,
    session: u64,
}

/// A session's place; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    sessions: Sessions,
    site: SyncId,
    session: u64,
    /// Cancelled when a newer session takes over, or the site is shut out.
    pub fence: CancellationToken,
    /// Cancelled when the program stops, or the site is to come again: the session ends in order.
    pub stop: CancellationToken,
}

impl Sessions {
    /// A place for a session, which ends in order when `stop` says so; `RATE_LIMITED` when the site has too many.
    pub fn enter(&self, site: SyncId, session: u64, stop: &CancellationToken) -> Result<Place, Fault> {
        let mut sites = self.lock();
        let of_site = sites.entry(site).or_default();
        if of_site.open.len() >= MAX_OPEN {
            return Err(Fault::new(
                FaultCode::ResourceExhausted,
                Reason::RATE_LIMITED,
                format!("site {site} has {MAX_OPEN} sessions open already; try again when they have ended"),
            ));
        }
        let ends = Ends {
            fence: CancellationToken::new(),
            stop: stop.child_token(),
        };
        of_site.open.insert(session, ends.clone());
        Ok(Place {
            sessions: self.clone(),
            site,
            session,
            fence: ends.fence,
            stop: ends.stop,
        })
    }

    /// Ends every session of a site, those that are shaking hands too. How many there were.
    pub fn shut_out(&self, site: SyncId) -> usize {
        let sites = self.lock();
        let Some(of_site) = sites.get(&site) else {
            return 0;
        };
        of_site.open.values().for_each(|ends| ends.fence.cancel());
        of_site.open.len()
    }

    /// Ends every session in order, so that each site comes again and is looked at anew.
    pub fn call_again(&self) {
        let sites = self.lock();
        let open = sites.values().flat_map(|of_site| of_site.open.values());
        open.for_each(|ends| ends.stop.cancel());
    }

    /// The sites with open sessions.
    pub fn sites(&self) -> Vec<SyncId> {
        self.lock().keys().copied().collect()
    }

    /// The session of a site that has the lease, as far as is known here.
    pub fn holder(&self, site: SyncId) -> Option<u64> {
        let sites = self.lock();
        let holder = sites.get(&site)?.holder.as_ref()?;
        Some(holder.session)
    }

    /// Another session speaks for the site now, on another server.
    pub fn lost_lease(&self, site: SyncId, session: u64) {
        let sites = self.lock();
        if let Some(ends) = sites.get(&site).and_then(|of_site| of_site.open.get(&session)) {
            ends.fence.cancel();
        }
    }

    fn leased(&self, site: SyncId, session: u64, grant: u64) {
        let mut sites = self.lock();
        let Some(of_site) = sites.get_mut(&site) else {
            return;
        };
        // Two grants may be told of in either order; the database knows which came last, and that is the number.
        let newest = of_site.holder.as_ref().is_none_or(|holder| holder.grant < grant);
        let fenced = if newest {
            of_site
                .holder
                .replace(Holder { grant, session })
                .map(|holder| holder.session)
        } else {
            Some(session)
        };
        if let Some(ends) = fenced.and_then(|fenced| of_site.open.get(&fenced)) {
            ends.fence.cancel();
        }
    }

    /// What is behind the lock is never left half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<SyncId, OfSite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What to run once the site's lease is this session's: of this one and the one that had it, the older ends.
    pub fn on_lease(&self) -> Box<dyn FnOnce(u64) + Send> {
        let (sessions, site, session) = (self.sessions.clone(), self.site, self.session);
        Box::new(move |grant| sessions.leased(site, session, grant))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sites = self.sessions.lock();
        let Some(of_site) = sites.get_mut(&self.site) else {
            return;
        };
        of_site.open.remove(&self.session);
        of_site.holder.take_if(|holder| holder.session == self.session);
        if of_site.open.is_empty() {
            sites.remove(&self.site);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> SyncId {
        SyncId::new(2).unwrap()
    }

    #[test]
    fn the_newest_lease_fences_the_one_before() {
        let sessions = Sessions::default();
        let old = sessions.enter(site(), 1, &CancellationToken::new()).unwrap();
        old.on_lease()(1);
        let new = sessions.enter(site(), 2, &CancellationToken::new()).unwrap();
        assert!(!old.fence.is_cancelled(), "shaking hands fences nobody");
        new.on_lease()(2);
        assert!(old.fence.is_cancelled() && !new.fence.is_cancelled());
        drop(old);
        let newest = sessions.enter(site(), 3, &CancellationToken::new()).unwrap();
        newest.on_lease()(3);
        assert!(new.fence.is_cancelled(), "an end of the old one changes nothing");
        drop((new, newest));
        assert!(sessions.lock().is_empty());
    }

    #[test]
    fn sites_are_called_again_in_order_and_all_end_with_the_program() {
        let (sessions, program) = (Sessions::default(), CancellationToken::new());
        let first = sessions.enter(site(), 1, &program).unwrap();
        sessions.call_again();
        assert!(first.stop.is_cancelled() && !first.fence.is_cancelled());
        let second = sessions.enter(site(), 2, &program).unwrap();
        assert!(!second.stop.is_cancelled(), "who came since is left alone");
        program.cancel();
        assert!(second.stop.is_cancelled());
    }

    #[test]
    fn of_two_grants_that_race_the_later_stays() {
        let sessions = Sessions::default();
        let (earlier, later) = (
            sessions.enter(site(), 77, &CancellationToken::new()).unwrap(),
            sessions.enter(site(), 5, &CancellationToken::new()).unwrap(),
        );
        later.on_lease()(9);
        earlier.on_lease()(8);
        assert!(!later.fence.is_cancelled(), "it has the lease");
        assert!(earlier.fence.is_cancelled(), "it has lost the lease");
        drop(earlier);
        let newest = sessions.enter(site(), 6, &CancellationToken::new()).unwrap();
        newest.on_lease()(10);
        assert!(later.fence.is_cancelled() && !newest.fence.is_cancelled());
    }

    #[test]
    fn a_site_that_is_shut_out_loses_every_session() {
        let sessions = Sessions::default();
        let other = sessions
            .enter(SyncId::new(3).unwrap(), 1, &CancellationToken::new())
            .unwrap();
        let (holder, greeting) = (
            sessions.enter(site(), 2, &CancellationToken::new()).unwrap(),
            sessions.enter(site(), 3, &CancellationToken::new()).unwrap(),
        );
        holder.on_lease()(1);
        assert_eq!(sessions.shut_out(site()), 2);
        assert!(holder.fence.is_cancelled() && greeting.fence.is_cancelled());
        assert!(!other.fence.is_cancelled());
    }

    #[test]
    fn a_site_has_few_sessions_at_one_time() {
        let sessions = Sessions::default();
        let open: Vec<_> = (0..4)
            .map(|number| sessions.enter(site(), number, &CancellationToken::new()).unwrap())
            .collect();
        assert_eq!(
            sessions
                .enter(site(), 5, &CancellationToken::new())
                .unwrap_err()
                .reason(),
            Reason::RATE_LIMITED
        );
        assert!(
            sessions
                .enter(SyncId::new(3).unwrap(), 6, &CancellationToken::new())
                .is_ok()
        );
        drop(open);
        assert!(sessions.enter(site(), 7, &CancellationToken::new()).is_ok());
    }
}
