//! Lists of master data as CSV: every row becomes a record that any site can read, or is named with its line; what is told
//! about a wrong file stays small enough to be read.

use csv::WriterBuilder;
use supplysync_node::command::import::{FileKind, FileOutcome, ImportFile, MAX_ERRORS, examine};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "master_list",
    law,
    seeds,
    longest: 4_096,
};

const KINDS: [FileKind; 4] = [
    FileKind::Units,
    FileKind::Items,
    FileKind::Names,
    FileKind::Stores,
];

/// Bytes of everything that is told about a file; an answer of the server is 4 MiB at most.
const TOLD_BYTES: usize = 3 * 1024 * 1024;
/// Bytes of what is told about one cell, and of the column's name.
const MESSAGE_BYTES: usize = 2_048;
const COLUMN_BYTES: usize = 256;

/// The first byte says what the file lists, the rest is the file.
fn law(input: &[u8]) -> bool {
    let Some((kind, text)) = input.split_first() else {
        return false;
    };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let (bodies, outcome) = read(kind, text);
    told_is_bounded(text, &outcome);
    assert_eq!(outcome.created, bodies.len() as u64);
    for body in &bodies {
        let (schema, bytes) = body.encode();
        let again = RecordBody::decode(body.kind(), schema, &bytes);
        assert_eq!(
            again.as_ref(),
            Ok(body),
            "what a file brings, every site can read"
        );
    }
    if outcome.total_errors > 0 {
        return false;
    }
    written_otherwise_is_the_same(kind, text, &bodies);
    !bodies.is_empty()
}

fn read(kind: FileKind, text: &[u8]) -> (Vec<RecordBody>, FileOutcome) {
    let file = ImportFile {
        kind,
        text: text.to_vec(),
    };
    let mut made = 0u128;
    let new_id = || {
        made += 1;
        Uuid::from_u128(made)
    };
    examine(file, new_id).expect("the file is not too large")
}

fn told_is_bounded(text: &[u8], outcome: &FileOutcome) {
    assert!(outcome.errors.len() <= MAX_ERRORS);
    assert!(outcome.errors.len() as u64 <= outcome.total_errors);
    assert_eq!(outcome.errors.is_empty(), outcome.total_errors == 0);
    let ends = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    let mut told = 0;
    for error in &outcome.errors {
        assert!(error.line <= ends + 1, "line {} of {}", error.line, ends + 1);
        assert!(
            error.message.len() <= MESSAGE_BYTES,
            "{} bytes",
            error.message.len()
        );
        assert!(error.column.len() <= COLUMN_BYTES, "{} bytes", error.column.len());
        told += error.message.len() + error.column.len();
    }
    assert!(told <= TOLD_BYTES, "{told} bytes");
}

/// The same table with every cell in quotes and other line ends says the same.
fn written_otherwise_is_the_same(kind: FileKind, text: &[u8], bodies: &[RecordBody]) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut writer = WriterBuilder::new()
        .flexible(true)
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for record in reader.byte_records() {
        let record = record.expect("it was read before");
        writer.write_byte_record(&record).expect("memory takes all");
    }
    let written = writer.into_inner().expect("memory takes all");
    let (again, outcome) = read(kind, &written);
    assert_eq!(outcome.total_errors, 0, "{:?}", outcome.errors);
    assert_eq!(again, bodies);
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    vec![
        seed(0, "name,description,index\ntablet,one tablet,3\nml,,\n"),
        seed(
            1,
            "\u{feff}code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active\r\n\
             AMX,\"Amoxicillin, 250 mg\",stock,tablet,250 mg,J01CA04,vital,12.5,false,true,\r\n\
             CNS,Consultation,service,,,,,,,,true\r\n",
        ),
        seed(
            2,
            "roles,code,name,on_hold,address,country,phone,email\n\
             supplier; donor,MSF,Médecins,true,\"1 Road\nTown\",Uganda,+256 700,stores@health.example.org\n",
        ),
        seed(
            3,
            "code,name,name_code,mode,disabled\nNC,Northern clinic,MSF,dispensary,false\n",
        ),
    ]
}
