//! Input: the files of `deploy/sample-data`, and generated master data where many records are needed.

use std::fmt::Write;
use std::path::Path;

use crate::Outcome;

/// A file of the sample data.
pub fn sample(file: &str) -> Outcome<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/sample-data")
        .join(file);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Rows of a sample file, each as its fields by place; the heading is left out.
pub fn sample_rows(file: &str) -> Outcome<Vec<Vec<String>>> {
    let text = sample(file)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| Ok(row?.iter().map(str::to_owned).collect()));
    rows.collect()
}

/// Names for import, as many as asked, numbered from `first`: customers of a size that real ones have.
pub fn generated_names(first: usize, count: usize) -> String {
    let mut text = "code,name,roles,country,address,phone,email,on_hold\n".to_owned();
    for number in first..first + count {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "GEN{number:06},Generated health post {number},customer,,\"Road {}, kilometre {}\",,,false",
            number % 97,
            number % 1_013
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_data_is_as_promised() {
        let items = sample_rows("items.csv").unwrap();
        assert!(items.len() >= 400, "{} items", items.len());
        assert_eq!(sample_rows("names.csv").unwrap().len(), 60);
        assert_eq!(sample_rows("stores.csv").unwrap().len(), 12);
        assert_eq!(sample_rows("assignments.csv").unwrap().len(), 12);

        let units: Vec<_> = sample_rows("units.csv")
            .unwrap()
            .into_iter()
            .map(|row| row[0].clone())
            .collect();
        let mut codes = std::collections::BTreeSet::new();
        for item in &items {
            assert!(codes.insert(&item[0]), "{} is there twice", item[0]);
            assert!(units.contains(&item[3]), "{} has the unit {:?}", item[0], item[3]);
            let atc = item[5].as_bytes();
            let shape = atc
                .iter()
                .map(|byte| if byte.is_ascii_digit() { '0' } else { 'A' });
            let shape: String = shape.collect();
            assert!(
                atc.is_empty() || shape == "A00AA00",
                "{} has the ATC code {}",
                item[0],
                item[5]
            );
            assert!(
                ["vital", "essential", "necessary", ""].contains(&&*item[6]),
                "{}",
                item[0]
            );
        }
        let names: Vec<_> = sample_rows("names.csv")
            .unwrap()
            .into_iter()
            .map(|row| row[0].clone())
            .collect();
        let stores = sample_rows("stores.csv").unwrap();
        assert!(stores.iter().all(|store| names.contains(&store[2])));
        let assigned: Vec<_> = sample_rows("assignments.csv")
            .unwrap()
            .into_iter()
            .map(|row| row[0].clone())
            .collect();
        assert!(stores.iter().all(|store| assigned.contains(&store[0])));
    }

    #[test]
    fn generated_names_are_distinct_rows() {
        let text = generated_names(5, 3);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let codes: Vec<_> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(codes, ["GEN000005", "GEN000006", "GEN000007"]);
    }
}
