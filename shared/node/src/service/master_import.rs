//! `ImportMasterData`: the stream of files gathered, within bounds, and handed to the import.

use supplysync_api::fault::from_status;
use supplysync_api::v1;
use supplysync_api::v1::import_master_data_request::Part;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_store::Store as RecordStore;
use tonic::Streaming;

use crate::command::import::{self, FileKind, ImportFile, ImportOutcome, MAX_ERRORS, MAX_FILE_BYTES};

/// The most files in an import: one of each kind, and some to spare.
const MAX_FILES: usize = 16;

/// What was sent.
struct Sent {
    dry_run: bool,
    names: Vec<String>,
    files: Vec<ImportFile>,
}

pub(super) async fn import(
    store: &RecordStore,
    mut stream: Streaming<v1::ImportMasterDataRequest>,
) -> Result<v1::ImportMasterDataResponse, Fault> {
    let sent = gather(&mut stream).await?;
    let kinds: Vec<_> = sent.files.iter().map(|file| file.kind).collect();
    let outcome = import::import(store, sent.files, sent.dry_run).await?;
    Ok(response(&kinds, &sent.names, outcome, sent.dry_run))
}

async fn gather(stream: &mut Streaming<v1::ImportMasterDataRequest>) -> Result<Sent, Fault> {
    let Some(Part::Start(start)) = next(stream).await? else {
        return Err(out_of_order("the first message must be `start`"));
    };
    let mut sent = Sent {
        dry_run: start.dry_run,
        names: Vec::new(),
        files: Vec::new(),
    };
    let mut bytes = 0;
    while let Some(part) = next(stream).await? {
        match part {
            Part::Start(_) => return Err(out_of_order("`start` comes once")),
            Part::File(file) => {
                if sent.files.len() == MAX_FILES {
                    return Err(too_large(format!("more than {MAX_FILES} files in one import")));
                }
                sent.files.push(ImportFile {
                    kind: file_kind(file.kind)?,
                    text: Vec::new(),
                });
                sent.names.push(file.file_name);
            }
            Part::Csv(text) => {
                bytes += text.len();
                if bytes > MAX_FILE_BYTES {
                    return Err(too_large(format!(
                        "more than {MAX_FILE_BYTES} bytes in one import: split it"
                    )));
                }
                let Some(file) = sent.files.last_mut() else {
                    return Err(out_of_order("`csv` comes after the `file` that it belongs to"));
                };
                file.text.extend_from_slice(&text);
            }
        }
    }
    if sent.files.is_empty() {
        return Err(out_of_order("no file was sent"));
    }
    Ok(sent)
}

async fn next(stream: &mut Streaming<v1::ImportMasterDataRequest>) -> Result<Option<Part>, Fault> {
    match stream.message().await {
        Ok(Some(message)) => match message.part {
            Some(part) => Ok(Some(part)),
            None => Err(out_of_order("a message without `start`, `file` or `csv`")),
        },
        Ok(None) => Ok(None),
        Err(status) => Err(Fault::from(from_status(&status))),
    }
}

fn file_kind(number: i32) -> Result<FileKind, Fault> {
    match v1::MasterDataKind::try_from(number) {
        Ok(v1::MasterDataKind::Unit) => Ok(FileKind::Units),
        Ok(v1::MasterDataKind::Item) => Ok(FileKind::Items),
        Ok(v1::MasterDataKind::Name) => Ok(FileKind::Names),
        Ok(v1::MasterDataKind::Store) => Ok(FileKind::Stores),
        _ => Err(Fault::field(
            "file.kind",
            "is missing or not known: unit, item, name or store",
        )),
    }
}

fn kind_to_wire(kind: FileKind) -> i32 {
    let kind = match kind {
        FileKind::Units => v1::MasterDataKind::Unit,
        FileKind::Items => v1::MasterDataKind::Item,
        FileKind::Names => v1::MasterDataKind::Name,
        FileKind::Stores => v1::MasterDataKind::Store,
    };
    kind.into()
}

fn response(
    kinds: &[FileKind],
    names: &[String],
    outcome: ImportOutcome,
    dry_run: bool,
) -> v1::ImportMasterDataResponse {
    let mut response = v1::ImportMasterDataResponse {
        accepted: outcome.accepted,
        dry_run,
        ..v1::ImportMasterDataResponse::default()
    };
    for ((file, kind), name) in outcome.files.into_iter().zip(kinds).zip(names) {
        let kind = kind_to_wire(*kind);
        response.total_errors += file.total_errors;
        response.counts.push(v1::ImportCounts {
            kind,
            created: file.created,
            updated: file.updated,
            unchanged: file.unchanged,
        });
        let errors = file.errors.into_iter().map(|error| v1::ImportRowError {
            file_name: name.clone(),
            kind,
            line: error.line,
            column: error.column,
            message: error.message,
        });
        response.errors.extend(errors);
    }
    response.errors.truncate(MAX_ERRORS);
    response
}

fn out_of_order(message: &str) -> Fault {
    Fault::new(FaultCode::InvalidArgument, Reason::INVALID_FIELDS, message)
}

fn too_large(message: String) -> Fault {
    Fault::new(FaultCode::InvalidArgument, Reason::TOO_LARGE, message)
}
