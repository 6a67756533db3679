//! The deliberate defects: in the session machines and the rules, and in the model store where the real one has the same line.

/// One of them.
pub struct Defect {
    /// What is wrong, in words.
    pub name: &'static str,
    /// Where.
    pub file: &'static str,
    /// What stands there, once.
    pub right: &'static str,
    /// What is put in its place.
    pub wrong: &'static str,
}

macro_rules! defects {
    ($($name:literal: $file:literal, $right:literal => $wrong:literal;)*) => {
        &[$(Defect {
            name: $name,
            file: concat!("shared/sync-core/src/", $file),
            right: $right,
            wrong: $wrong,
        },)*]
    };
}

/// All of them.
pub const DEFECTS: &[Defect] = defects! {
    "a satellite may write master data": "decide.rs",
        "return if site.is_primary() {" => "return if site.is_primary() || assignment.is_none() {";
    "any site may write a store": "decide.rs",
        "Some(assignment) if assignment.site != site => Err(Reason::STORE_NOT_ACTIVE_HERE)," => "";
    "a site writes while its store is on its way": "decide.rs",
        "if assignment.state != AssignmentState::Active && tenure.aborted != Some(assignment.version) =>"
        => "if assignment.version == 0 =>";
    "what is here already is applied again on pull": "decide.rs",
        "Some(existing) if existing.hash == incoming.hash && existing.channel == incoming.channel => {"
        => "Some(existing) if existing.hash != incoming.hash && existing.revision == incoming.revision => {";
    "the higher revision wins on pull": "decide.rs",
        "Some(existing) if existing.channel != incoming.channel => Verdict::Quarantine(Reason::WRONG_CHANNEL),"
        => "Some(existing) if version(existing) > version(incoming) => Verdict::Duplicate,";
    "the epoch does not rise when a store moves": "store_move.rs",
        "counter: before.counter + 1," => "counter: before.counter,";
    "a store goes to a site that holds less": "store_move.rs",
        "if facts.held != Some(facts.totals) || !facts.caught_up {" => "if facts.held.is_none() {";
    "a store goes without the old site's word": "store_move.rs",
        "None => return Err(MoveWait::OldSite)," => "None => {}";
    "an ack is stored without the lease": "simulator/store/peer.rs",
        "        self.check_lease(peer, lease)?;\n        let direction = self.sends();" => "        let direction = self.sends();";
    "a batch is applied without the lease": "simulator/store/apply.rs",
        "self.check_lease(request.peer, request.lease)?;" => "";
    "where a batch begins is not compared with where the receiver stands": "simulator/store/apply.rs",
        "if here == part.from {" => "if here == part.from || part.from.is_some() {";
    "the cursor does not move with the records": "simulator/store/apply.rs",
        "row.cursor = through;" => "row.cursor = if caught_up { through } else { row.cursor };";
    "a refused record is dropped": "simulator/store/apply.rs",
        "self.set_aside(record, peer, reason);" => "drop((record, reason));";
    "local work in the way of a pull is dropped": "simulator/store/apply.rs",
        "                    if direction == Direction::Pull {\n                        self.keep_local_work(record.key);\n                    }" => "";
    "a load leaves what the sender does not have": "simulator/store/apply.rs",
        "self.keep_local_work(key);\n            self.remove(key);" => "self.keep_local_work(key);";
    "an owner obeys a pull of its own store": "simulator/store/apply.rs",
        "Direction::Pull => site != Some(self.sync_id)," => "Direction::Pull => site != Some(peer),";
    "a full page goes through to the head": "simulator/store/page.rs",
        "        let seq = if all {\n            self.seq" => "        let seq = if all || !records.is_empty() {\n            self.seq";
    "a cursor is off by one": "simulator/store/page.rs",
        "last.map_or(after, |held| held.seq)" => "last.map_or(after, |held| held.seq + 1)";
    "a load is followed from its end": "simulator/store/page.rs",
        "let seq = if caught_up { self.seq } else { noted };" => "let seq = self.seq;";
    "the next channel is read though the one before is not caught up": "simulator/store/page.rs",
        "            if !caught_up {\n                break;\n            }" => "";
    "a digest is stamped on a page that does not catch up": "simulator/store/page.rs",
        "digest: caught_up.then(|| self.digest(channel))," => "digest: Some(self.digest(channel)),";
    "any difference is explained": "simulator/store/compare.rs",
        "let explained = ours != theirs && self.with_quarantined(channel, peer, ours) == theirs;"
        => "let explained = ours != theirs && self.with_quarantined(channel, peer, ours).count < u64::MAX;";
    "a satellite ignores that its lineage is broken": "session/satellite.rs",
        "if verdict == LineageVerdict::Broken {" => "if verdict == LineageVerdict::Broken && self.push.is_empty() {";
    "the primary does not look again after the lease": "session/primary.rs",
        "if judged != state.checkpoint\n            || !same_cursors\n" => "if judged.is_none() && !same_cursors\n";
    "a former life of a database is known on": "simulator/store/peer.rs",
        "(peer.checkpoint, peer.recovering) = (begins, true);" => "peer.recovering = true;";
    "a recovering site sends before it has its own back": "simulator/store/peer.rs",
        "if self.holds_back() || self.waits_for_gathering() {" => "if self.waits_for_gathering() {";
    "what the primary may not know stays behind its cursor": "simulator/store/recovery.rs",
        "&& held.seq > self.shared_up_to(held.record.channel)" => "&& held.seq == 0";
    "what was changed apart is dropped in a recovery": "simulator/store/recovery.rs",
        "self.set_aside(ours, here, reason);" => "drop((ours, here, reason));";
    "work on its way when a store is lost is not sent": "simulator/store/give.rs",
        ".chain(lost).collect()" => ".chain(lost.take(0)).collect()";
    "a site says that it stands at a hand-over though it holds something else": "simulator/store/moves.rs",
        "let equal = self.digest(channel) == given.totals.of(channel);" => "let equal = true;";
    "a copy begins at a hand-over that was used before": "session/outgoing.rs",
        "start >= self.heard && looked_at.is_none_or(|before| before < start)"
        => "looked_at.is_none_or(|before| before <= start)";
    "a copy that is withdrawn keeps its cursor": "simulator/store/peer.rs",
        "self.cursors.remove(&(SyncId::PRIMARY, *channel, Direction::Pull));" => "let _ = channel;";
    "a page read for other channels is used": "session/outgoing.rs",
        "self.outdated = self.reading.is_some();" => "self.outdated = false;";
    "a full disk is taken for a lost lease": "session/exchange.rs",
        "Reason::SESSION_FENCED => CloseReason::Fenced," => "Reason::SESSION_FENCED | Reason::DISK_FULL => CloseReason::Fenced,";
    "no heartbeat while a batch is applied": "session/satellite.rs",
        "TimerId::Heartbeat => self.pulse.beat(now, effects),"
        => "TimerId::Heartbeat if matches!(&self.phase, Phase::Exchanging(exchange, _) if !exchange.incoming.idle()) => \
            effects.push(Effect::SetTimer(id, super::pulse::later(now, self.setup.limits.heartbeat_ms))), \
            TimerId::Heartbeat => self.pulse.beat(now, effects),";
    "a sender goes beyond the window": "session/outgoing.rs",
        "let room = self.in_flight.len() < self.limits.window &&" => "let room = self.in_flight.len() <= self.limits.window &&";
    "the pulse does not begin with the session": "session/pulse.rs",
        "self.heard = now;" => "";
    "a damaged record is applied": "simulator/store/apply.rs",
        "let verdict = if record_hash(&record) != record.hash || record.channel != part.channel {"
        => "let verdict = if record.channel != part.channel {";
    "a damaged record holds back what comes after it": "simulator/store/apply.rs",
        "Verdict::Quarantine(Reason::MALFORMED_RECORD)" => "break";
    "a site takes over a store that it can't read": "simulator/store/readable.rs",
        "held.record.schema > self.reads" => "held.record.schema > self.reads && self.sync_id.is_primary()";
    "the primary takes over a store that it can't read": "simulator/store/readable.rs",
        "held.record.schema > self.reads" => "held.record.schema > self.reads && !self.sync_id.is_primary()";
    "a program of an older protocol is let in": "session/admission.rs",
        "hello.protocol_min > PROTOCOL_VERSION || hello.protocol_max < PROTOCOL_VERSION" => "hello.protocol_min > PROTOCOL_VERSION";
    "a satellite takes whatever newer protocol the primary says": "session/satellite.rs",
        "if welcome.protocol != PROTOCOL_VERSION {" => "if welcome.protocol < PROTOCOL_VERSION {";
    "the database of a removed site is known on": "simulator/store/roster.rs",
        "self.peers.remove(&site);" => "";
    "where a removed site handed stores over is known on": "simulator/store/roster.rs",
        "self.handed.retain(|_, (from, _)| *from != site);" => "";
    "a primary that was put back sends before it is given back what it lost": "session/primary.rs",
        "self.is_given_back = guest.state.life.is_none_or(|life| life.given_back);" => "self.is_given_back = true;";
    "what is newer is not taken back": "decide.rs",
        "Ordering::Less => Verdict::Apply," => "Ordering::Less => Verdict::Duplicate,";
    "nothing is given back": "simulator/store/give.rs",
        "true => held.seq <= met.head && (!own || self.was_taken(held))," => "true => false,";
    "assignments are not said anew": "simulator/store/life.rs",
        "self.assign(&renewed(&assignment, counter), hashes)?;" => "";
    "a session goes on when everything is given back": "session/satellite.rs",
        "if answers.has_given_back(op) {" => "if answers.has_given_back(0) {";
    "where the primary stood in what was given back is known on": "simulator/store/life.rs",
        "        if self.has_given_back(site) {\n            self.forget_given_cursors(site);" => "        if site.is_primary() {\n            self.forget_given_cursors(site);";
    "a report is stored without the lease": "simulator/store/moves.rs",
        "        self.check_lease(peer, lease)?;\n        let subject = report.subject();" => "        let subject = report.subject();";
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_each_defect_takes_the_place_of_is_there_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let amiss: Vec<_> = DEFECTS
            .iter()
            .filter(|defect| {
                let text = std::fs::read_to_string(root.join(defect.file)).unwrap_or_default();
                text.matches(defect.right).count() != 1
            })
            .map(|defect| defect.name)
            .collect();
        assert_eq!(amiss, Vec::<&str>::new());
    }
}
