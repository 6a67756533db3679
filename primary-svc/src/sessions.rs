//! The open sessions of this process by site: how many there may be, and which one a newer one has taken over.

use std::collections::HashMap;
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
    open: usize,
    /// The session that has the lease, and what ends it.
    holder: Option<(u64, CancellationToken)>,
}

/// A session's place; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    sessions: Sessions,
    site: SyncId,
    session: u64,
    /// Cancelled when a newer session takes over.
    pub fence: CancellationToken,
}

impl Sessions {
    /// A place for a session; `RATE_LIMITED` when the site has too many.
    pub fn enter(&self, site: SyncId, session: u64) -> Result<Place, Fault> {
        let mut sites = self.lock();
        let of_site = sites.entry(site).or_default();
        if of_site.open >= MAX_OPEN {
            return Err(Fault::new(
                FaultCode::ResourceExhausted,
                Reason::RATE_LIMITED,
                format!("site {site} has {MAX_OPEN} sessions open already; try again when they have ended"),
            ));
        }
        of_site.open += 1;
        Ok(Place {
            sessions: self.clone(),
            site,
            session,
            fence: CancellationToken::new(),
        })
    }

    /// What is behind the lock is never left half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<SyncId, OfSite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What to run once the site's lease is this session's: the one that had it ends.
    pub fn on_lease(&self) -> Box<dyn FnOnce() + Send> {
        let (sessions, site) = (self.sessions.clone(), self.site);
        let mine = (self.session, self.fence.clone());
        Box::new(move || {
            let before = sessions.lock().entry(site).or_default().holder.replace(mine);
            if let Some((_, fence)) = before {
                fence.cancel();
            }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sites = self.sessions.lock();
        let Some(of_site) = sites.get_mut(&self.site) else {
            return;
        };
        of_site.open = of_site.open.saturating_sub(1);
        of_site.holder.take_if(|(session, _)| *session == self.session);
        if of_site.open == 0 {
            sites.remove(&self.site);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lease_fences_the_one_before() {
        let sessions = Sessions::default();
        let site = SyncId::new(2).unwrap();
        let old = sessions.enter(site, 1).unwrap();
        old.on_lease()();
        let new = sessions.enter(site, 2).unwrap();
        assert!(!old.fence.is_cancelled(), "shaking hands fences nobody");
        new.on_lease()();
        assert!(old.fence.is_cancelled() && !new.fence.is_cancelled());
        drop(old);
        let newest = sessions.enter(site, 3).unwrap();
        newest.on_lease()();
        assert!(new.fence.is_cancelled(), "an end of the old one changes nothing");
        drop((new, newest));
        assert!(sessions.lock().is_empty());
    }

    #[test]
    fn a_site_has_few_sessions_at_one_time() {
        let sessions = Sessions::default();
        let site = SyncId::new(2).unwrap();
        let open: Vec<_> = (0..4)
            .map(|number| sessions.enter(site, number).unwrap())
            .collect();
        assert_eq!(
            sessions.enter(site, 5).unwrap_err().reason(),
            Reason::RATE_LIMITED
        );
        assert!(sessions.enter(SyncId::new(3).unwrap(), 6).is_ok());
        drop(open);
        assert!(sessions.enter(site, 7).is_ok());
    }
}
