//! What a satellite tells beside its records, and what the primary stores of it: one read, one write, whatever the
//! subject. The subjects are in `moves`, `proposal` and `copies`.

use supplysync_model::{Fault, ReportSubject, SiteReport, SyncId};
use supplysync_sync_core::{ReportNoted, ReportsRead};

use crate::{Store, WriteTx};

impl Store {
    /// What to push now, and what to tell. Saying that a store has been released is a promise: that is stored before
    /// it is returned, as is what the primary has noted (satellite).
    pub async fn read_reports(&self, noted: Vec<ReportSubject>) -> Result<ReportsRead, Fault> {
        let read = self.read("read reports", |tx| {
            Box::pin(async move {
                let recovery = tx.recovery().await?;
                let concerned = tx.has_moves_here().await?
                    || tx.has_reports().await?
                    || recovery.is_some()
                    || tx.recovered().await?.is_some()
                    || tx.is_giving_back().await?;
                // Of a primary that was put back own stores may come once more.
                let open = tx.met_life().await?.is_some();
                Ok((tx.push_channels().await?, concerned, open))
            })
        });
        let (push, concerned, open) = read.await?;
        if !concerned && noted.is_empty() {
            return Ok(ReportsRead {
                push,
                open,
                ..ReportsRead::default()
            });
        }
        self.write("answer the primary", move |tx| {
            let noted = noted.clone();
            Box::pin(async move {
                tx.reports_noted(&noted).await?;
                let given_back = tx.report_given_back().await?;
                if tx.recovery_holding_back().await?.is_some() {
                    // Nothing else is said until this site has its own stores back.
                    return Ok(ReportsRead {
                        open: true,
                        push: tx.push_channels().await?,
                        reports: given_back.into_iter().collect(),
                        ..ReportsRead::default()
                    });
                }
                let mut read = tx.read_moves().await?;
                read.open |= open;
                read.reports.extend(given_back);
                read.reports
                    .extend(tx.recovered().await?.map(SiteReport::Recovered));
                let answers = tx.unnoted_answers().await?.into_iter();
                read.reports.extend(answers.map(SiteReport::Answer));
                let offers = tx.offers().await?.into_iter();
                read.reports
                    .extend(offers.map(|offer| SiteReport::Offer(Box::new(offer))));
                read.reports
                    .extend(tx.unnoted_wish().await?.map(SiteReport::Wish));
                Ok(read)
            })
        })
        .await
    }

    /// Stores what a site tells, under its session's lease, and draws the conclusions: a store is handed over if nothing
    /// is missing any more, an answered proposal is done with (primary).
    pub async fn record_report(
        &self,
        peer: SyncId,
        lease: Option<u64>,
        report: SiteReport,
    ) -> Result<ReportNoted, Fault> {
        self.write("record report", move |tx| {
            let report = report.clone();
            Box::pin(async move { tx.record_report(peer, lease, report).await })
        })
        .await
    }
}

impl WriteTx {
    async fn record_report(
        &mut self,
        peer: SyncId,
        lease: Option<u64>,
        report: SiteReport,
    ) -> Result<ReportNoted, Fault> {
        self.check_lease(peer, lease).await?;
        let before = self.head.seq;
        let subject = report.subject();
        match report {
            SiteReport::Move(report) => self.record_move(peer, report).await?,
            SiteReport::Answer(answer) => self.record_answer(peer, answer).await?,
            SiteReport::Offer(offer) => self.record_offer(peer, *offer).await?,
            SiteReport::Wish(wish) => self.record_wish(peer, wish).await?,
            SiteReport::Recovered(life) => self.record_recovered(peer, life).await?,
            SiteReport::GivenBack(life) => self.record_given_back(peer, life).await?,
        }
        let seq = match self.head.seq {
            seq if seq == before => 0,
            seq => seq,
        };
        Ok(ReportNoted { subject, seq })
    }
}
