//! Paging by key: a page starts after the last row of the one before, so its cost does not grow with its depth.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Id, Timestamp};

/// The place of a row in a sorted list: its sort value and its id. Opaque in a URL; a forged one can only name another place
/// in a list that the reader may see anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The sort column's value, as text.
    pub value: String,
    /// Ties are broken by id.
    pub id: uuid::Uuid,
    /// Whether the page *before* this row is wanted.
    pub backwards: bool,
}

impl Cursor {
    /// A cursor after (or before) a row that sorts by text.
    pub fn new<K>(value: impl Into<String>, id: Id<K>, backwards: bool) -> Self {
        Self { value: value.into(), id: id.uuid(), backwards }
    }

    /// For the URL.
    pub fn encode(&self) -> String {
        let direction = if self.backwards { 'b' } else { 'f' };
        URL_SAFE_NO_PAD.encode(format!("{direction}{}{}", self.id.simple(), self.value))
    }

    /// From the URL; `None` for anything that [`Cursor::encode`] did not write.
    pub fn decode(text: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let backwards = match decoded.chars().next()? {
            'b' => true,
            'f' => false,
            _ => return None,
        };
        let id = uuid::Uuid::try_parse(decoded.get(1..33)?).ok()?;
        Some(Self { value: decoded.get(33..)?.to_owned(), id, backwards })
    }

    /// The value of a cursor over a list that sorts by time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.value.parse().ok().map(Timestamp)
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct PageOf<T> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
    /// Where the page before starts, if there is one.
    pub previous: Option<Cursor>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

impl<T> PageOf<T> {
    /// Makes a page of rows that were read with a limit of `size + 1` from `from`, in reading order.
    pub fn cut(mut rows: Vec<T>, size: usize, from: Option<&Cursor>, key: impl Fn(&T, bool) -> Cursor) -> Self {
        let more = rows.len() > size;
        rows.truncate(size);
        let backwards = from.is_some_and(|cursor| cursor.backwards);
        if backwards {
            rows.reverse();
        }
        let has_previous = if backwards { more } else { from.is_some() };
        let has_next = backwards || more;
        let previous = rows.first().filter(|_| has_previous).map(|row| key(row, true));
        let next = rows.last().filter(|_| has_next).map(|row| key(row, false));
        Self { rows, previous, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::InvitationId;

    #[test]
    fn cursors_come_back_and_forgeries_do_not() {
        let cursor = Cursor::new("ada@x.example", InvitationId::from_uuid(uuid::Uuid::from_u128(5)), true);
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for bad in ["", "a", "zzzz", "Zg", "ZjAw", "💥"] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }
}
