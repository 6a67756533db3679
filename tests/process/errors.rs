//! `docs/errors.md` and the code agree: every reason is on the page, and nothing else is.

use std::collections::BTreeSet;

use supplysync_model::Reason;

const PAGE: &str = include_str!("../../docs/errors.md");

#[test]
fn the_page_lists_every_reason_once_with_what_to_do() {
    let mut listed = BTreeSet::new();
    for row in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [reason, means, advice] = cells[..] else {
            panic!("not three columns: {row}");
        };
        assert!(means.len() > 10 && advice.len() > 6, "{row}");
        assert!(listed.insert(reason.trim_matches('`')), "twice: {reason}");
    }
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.0).collect();
    let missing: Vec<_> = known.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&known).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing: {missing:?}; unknown: {unknown:?}"
    );
}
