//! Pages of a list by keyset: the place after the last row, opaque to callers.

use supplysync_model::Fault;

/// Rows in a page when the caller does not say.
const DEFAULT_SIZE: u32 = 100;
/// The most rows in a page.
const MAX_SIZE: u32 = 1_000;

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// The most rows; 0 leaves it to us, and more than 1,000 become 1,000.
    pub size: u32,
    /// [`PageOf::next`] of the page before; `None` for the first.
    pub after: Option<Vec<u8>>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Vec<u8>>,
}

/// A place taken apart: the text that leads, and the ids.
type Place = (Vec<u8>, Vec<Vec<u8>>);

impl PageQuery {
    pub(crate) fn limit(&self) -> usize {
        let size = if self.size == 0 { DEFAULT_SIZE } else { self.size };
        size.min(MAX_SIZE) as usize
    }

    /// The place as the parts that [`place`] joined: what comes before the last `ids` ids, and those.
    pub(crate) fn place(&self, ids: usize) -> Result<Option<Place>, Fault> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let split = after.len().checked_sub(ids * 16).ok_or_else(wrong_token)?;
        let (text, ids) = after.split_at(split);
        Ok(Some((
            text.to_vec(),
            ids.chunks(16).map(<[u8]>::to_vec).collect(),
        )))
    }

    /// The place of a list that is ordered by ids alone.
    pub(crate) fn place_of_ids(&self, ids: usize) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        match self.place(ids)? {
            Some((text, _)) if !text.is_empty() => Err(wrong_token()),
            place => Ok(place.map(|(_, ids)| ids)),
        }
    }
}

/// A text, which may be empty, and ids of 16 bytes each, as one opaque place.
pub(crate) fn place(text: &[u8], ids: &[&[u8]]) -> Vec<u8> {
    let mut place = text.to_vec();
    for id in ids {
        place.extend_from_slice(id);
    }
    place
}

/// Cuts the row that was read beyond the page, which says whether there is a next one.
pub(crate) fn cut<R>(
    mut rows: Vec<R>,
    limit: usize,
    place: impl Fn(&R) -> Vec<u8>,
) -> (Vec<R>, Option<Vec<u8>>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(place);
    (rows, next)
}

pub(crate) fn wrong_token() -> Fault {
    Fault::field(
        "page_token",
        "is not one that this list gave; begin again without it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_a_foreign_one_is_refused() {
        let id = [7u8; 16];
        let query = PageQuery {
            size: 0,
            after: Some(place(b"amox", &[&id])),
        };
        assert_eq!(
            query.place(1).unwrap(),
            Some((b"amox".to_vec(), vec![id.to_vec()]))
        );
        assert!(query.place_of_ids(1).is_err());
        assert!(
            PageQuery {
                size: 0,
                after: Some(vec![1, 2])
            }
            .place(1)
            .is_err()
        );
        assert_eq!(query.limit(), 100);
        assert_eq!(
            PageQuery {
                size: 5_000,
                after: None
            }
            .limit(),
            1_000
        );
    }

    #[test]
    fn a_page_says_whether_there_is_more() {
        let numbers = |rows: Vec<u8>| cut(rows, 2, |row| vec![*row]);
        assert_eq!(numbers(vec![1, 2, 3]), (vec![1, 2], Some(vec![2])));
        assert_eq!(numbers(vec![1, 2]), (vec![1, 2], None));
    }
}
