//! `import`: a CSV file of master data, all or nothing. Every wrong row is told with its line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use futures::Stream;
use supplysync_api::v1::import_master_data_request::Part;
use supplysync_api::v1::master_data_service_client::MasterDataServiceClient;
use supplysync_api::v1::{ImportFile, ImportMasterDataRequest, ImportStart, MasterDataKind};
use supplysync_model::{FaultCode, Reason};

use super::problem::{Problem, Violation};
use super::run::Operator;
use super::table::thousands;
use super::view::ImportView;

/// Bytes of CSV in one message.
const CHUNK_BYTES: usize = 64 * 1024;

/// Which file, and whether it is meant.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What the file lists; import units, items, names and stores in this order
    #[arg(value_name = "WHAT")]
    what: What,
    /// The CSV file, with a heading row
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a file lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Units of measure
    Units,
    /// The catalogue
    Items,
    /// Suppliers, customers, manufacturers, donors
    Names,
    /// The places that hold stock
    Stores,
}

/// Sends the file and shows what became of it.
pub async fn run(operator: &Operator, args: ImportArgs) -> Result<(), Problem> {
    let csv = std::fs::read(&args.file).map_err(|error| Problem::file("read", &args.file, &error))?;
    let mut client = MasterDataServiceClient::new(operator.connect().await?);
    let answer = client.import_master_data(parts(&args, csv)).await?.into_inner();
    let view = ImportView::from(answer);
    if view.accepted {
        operator.output.answer(&view)
    } else {
        Err(rejected(&args, &view))
    }
}

fn parts(args: &ImportArgs, csv: Vec<u8>) -> impl Stream<Item = ImportMasterDataRequest> + Send + 'static {
    let file_name = args.file.file_name().unwrap_or(args.file.as_os_str());
    let file = ImportFile {
        kind: MasterDataKind::from(args.what).into(),
        file_name: file_name.to_string_lossy().into_owned(),
    };
    let start = Part::Start(ImportStart {
        dry_run: args.dry_run,
    });
    let chunks: Vec<_> = csv
        .chunks(CHUNK_BYTES)
        .map(|chunk| Part::Csv(chunk.to_vec()))
        .collect();
    let parts = [start, Part::File(file)].into_iter().chain(chunks);
    futures::stream::iter(parts.map(|part| ImportMasterDataRequest { part: Some(part) }))
}

/// A rejected import in the form of every other refusal.
fn rejected(args: &ImportArgs, view: &ImportView) -> Problem {
    let errors = match view.total_errors {
        1 => "1 error".to_owned(),
        count => format!("{} errors", thousands(count)),
    };
    let unlisted = view.total_errors.saturating_sub(view.errors.len() as u64);
    let mut message = format!("{errors} in {}; nothing was imported", args.file.display());
    if unlisted > 0 {
        message += &format!(" (the last {} are not listed)", thousands(unlisted));
    }
    let violations = view.errors.iter().map(|error| Violation {
        field: error.place(),
        description: error.message.clone(),
    });
    let reason = Reason::IMPORT_REJECTED.0.to_owned();
    Problem::refused(FaultCode::InvalidArgument, reason, &message, violations.collect())
}

impl From<What> for MasterDataKind {
    fn from(what: What) -> MasterDataKind {
        match what {
            What::Units => MasterDataKind::Unit,
            What::Items => MasterDataKind::Item,
            What::Names => MasterDataKind::Name,
            What::Stores => MasterDataKind::Store,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::cli::output::Format;
    use crate::cli::view::RowError;

    fn args() -> ImportArgs {
        ImportArgs {
            what: What::Items,
            file: "lists/items.csv".into(),
            dry_run: true,
        }
    }

    #[tokio::test]
    async fn a_file_is_sent_whole_in_order() {
        let csv: Vec<u8> = (0..CHUNK_BYTES * 2 + 5).map(|index| index as u8).collect();
        let sent: Vec<_> = parts(&args(), csv.clone()).collect().await;
        let mut received = Vec::new();
        for request in &sent[2..] {
            match request.part.as_ref().unwrap() {
                Part::Csv(chunk) => received.extend_from_slice(chunk),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            sent[0].part,
            Some(Part::Start(ImportStart { dry_run: true }))
        ));
        let Some(Part::File(file)) = &sent[1].part else {
            panic!("{:?}", sent[1])
        };
        assert_eq!(
            (file.kind(), file.file_name.as_str()),
            (MasterDataKind::Item, "items.csv")
        );
        assert_eq!(received, csv);
    }

    #[test]
    fn every_wrong_row_is_told() {
        let error = RowError {
            line: 3,
            column: "unit".into(),
            message: "there is no unit \"spoon\"".into(),
        };
        let view = ImportView {
            accepted: false,
            dry_run: false,
            created: 0,
            updated: 0,
            unchanged: 0,
            errors: vec![error],
            total_errors: 12_000,
        };
        let mut told = Vec::new();
        rejected(&args(), &view).report(Format::Table, &mut told);
        assert_eq!(
            String::from_utf8(told).unwrap(),
            "error: 12,000 errors in lists/items.csv; nothing was imported (the last 11,999 are not listed)\n  \
             line 3, unit: there is no unit \"spoon\"\nreason: IMPORT_REJECTED\n"
        );
    }
}
