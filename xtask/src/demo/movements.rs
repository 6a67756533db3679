//! Act 3: stock is received and issued at two satellites and at the primary's own store.

use std::collections::BTreeMap;

use supplysync_api::v1::{
    ConfirmTransactionRequest, CreateTransactionRequest, StockLine, Transaction, TransactionLine,
    TransactionStatus, TransactionType,
};
use supplysync_model::Amount;
use supplysync_tests::{Called, Client, Outcome};

use super::cast::Cast;
use super::script::{Line, MOVEMENTS, Movement, MovementKind};
use super::stage::Stage;

/// Packs by store, item and batch, as the script says that they must be.
type Book = BTreeMap<(&'static str, &'static str, &'static str), Amount>;

/// Receives and issues what the script says, and compares the shelves with what it adds up to.
pub async fn play(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("Stock received and issued, at two satellites and at the primary's own store");
    let mut book = Book::new();
    for movement in MOVEMENTS {
        let client = cast.client(movement.site)?;
        let (transaction, packs) = book_movement(client, movement).await?;
        for line in movement.lines {
            let packs: Amount = line.packs.parse()?;
            let entry = book.entry((movement.store, line.item, line.batch)).or_default();
            *entry = if movement.kind.receives() {
                entry.checked_add(packs)
            } else {
                entry.checked_sub(packs)
            }
            .ok_or("the script's packs don't fit")?;
        }
        stage.say(&format!(
            "{:22} {:4} {:17} {:>3}  {:22} {} lines, {packs} packs",
            cast.name(movement.site)?,
            movement.store,
            movement.kind.title(),
            transaction.number,
            movement.kind.party(),
            transaction.lines.len(),
        ));
    }
    stage.fact("transactions", MOVEMENTS.len());
    let mut checked = 0;
    for ((store, item, batch), packs) in &book {
        let site = MOVEMENTS
            .iter()
            .find(|movement| movement.store == *store)
            .map(|movement| movement.site);
        let lines = cast.client(site.ok_or("no site")?)?.stock_lines(store).await?;
        let line = lines
            .iter()
            .find(|line| line.item_code == *item && line.batch == *batch);
        let found = line.map(|line| line.packs_total.clone()).unwrap_or_default();
        if found.parse() != Ok(*packs) {
            let trouble = format!("{store} has {found:?} packs of {item} {batch}, not {packs}");
            return stage.must("stock_adds_up", false, "", || trouble);
        }
        checked += 1;
    }
    let line = format!("{checked} batches: what is on each shelf is what was received less what was issued");
    stage.must("stock_adds_up", checked > 0, &line, String::new)
}

async fn book_movement(client: &Client, movement: &Movement) -> Outcome<(Transaction, String)> {
    let shelf = client.stock_lines(movement.store).await?;
    let mut lines = Vec::new();
    let mut packs = Amount::ZERO;
    for line in movement.lines {
        lines.push(transaction_line(client, movement.kind, line, &shelf).await?);
        packs = packs.checked_add(line.packs.parse()?).ok_or("too many packs")?;
    }
    let (party, patient) = match movement.kind {
        MovementKind::From(code) | MovementKind::To(code) => (client.name(code).await?.id, String::new()),
        MovementKind::Patient(reference) => (String::new(), reference.to_owned()),
    };
    let transaction = Transaction {
        store_id: client.store(movement.store).await?.id,
        r#type: movement.kind.transaction_type().into(),
        other_party_id: party,
        patient_reference: patient,
        their_reference: movement.reference.to_owned(),
        lines,
        ..Transaction::default()
    };
    let transaction = confirmed(client, transaction).await?;
    Ok((transaction, packs.to_string()))
}

async fn transaction_line(
    client: &Client,
    kind: MovementKind,
    line: &Line,
    shelf: &[StockLine],
) -> Outcome<TransactionLine> {
    let packs = line.packs.to_owned();
    if kind.receives() {
        return Ok(TransactionLine {
            item_id: client.item(line.item).await?.id,
            batch: line.batch.to_owned(),
            expiry_date: line.expiry.to_owned(),
            packs,
            pack_size: line.pack_size.to_owned(),
            cost_price: line.cost.to_owned(),
            ..TransactionLine::default()
        });
    }
    let found = shelf
        .iter()
        .find(|stock| stock.item_code == line.item && stock.batch == line.batch);
    let stock = found.ok_or_else(|| format!("no batch {} of {} on the shelf", line.batch, line.item))?;
    Ok(TransactionLine {
        item_id: stock.item_id.clone(),
        stock_line_id: stock.id.clone(),
        packs,
        ..TransactionLine::default()
    })
}

/// Creates a transaction and confirms it.
pub async fn confirmed(client: &Client, transaction: Transaction) -> Outcome<Transaction> {
    let request = CreateTransactionRequest {
        transaction: Some(transaction),
    };
    let created = client
        .stock()
        .create_transaction(request)
        .await
        .answer()?
        .transaction
        .unwrap_or_default();
    let request = ConfirmTransactionRequest {
        id: created.id,
        etag: created.etag,
    };
    let confirmed = client
        .stock()
        .confirm_transaction(request)
        .await
        .answer()?
        .transaction
        .unwrap_or_default();
    if confirmed.status() != TransactionStatus::Confirmed {
        return Err(format!("transaction {} is {:?}", confirmed.number, confirmed.status()).into());
    }
    Ok(confirmed)
}

impl MovementKind {
    fn receives(self) -> bool {
        matches!(self, MovementKind::From(_))
    }

    fn transaction_type(self) -> TransactionType {
        match self {
            MovementKind::From(_) => TransactionType::SupplierInvoice,
            MovementKind::To(_) => TransactionType::CustomerInvoice,
            MovementKind::Patient(_) => TransactionType::Prescription,
        }
    }

    fn title(self) -> &'static str {
        match self {
            MovementKind::From(_) => "supplier invoice",
            MovementKind::To(_) => "customer invoice",
            MovementKind::Patient(_) => "prescription",
        }
    }

    fn party(self) -> String {
        match self {
            MovementKind::From(code) => format!("from {code}"),
            MovementKind::To(code) => format!("to {code}"),
            MovementKind::Patient(reference) => reference.to_owned(),
        }
    }
}
