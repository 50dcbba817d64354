//! Addresses of lists: the same list in another order, with another filter, on another page.

use super::{Link, Pager, SortHead};
use crate::types::PageOf;

/// The parameters of a list's address. Whatever is empty is left out.
#[derive(Clone, Debug, Default)]
pub struct ListAddress {
    path: String,
    parameters: Vec<(&'static str, String)>,
}

impl ListAddress {
    /// The list at `path` with no parameters.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), parameters: Vec::new() }
    }

    /// The same with `name` set to `value`; a changed list starts on its first page.
    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        let mut address = self.clone();
        address.parameters.retain(|(known, _)| *known != name && *known != "from");
        if !value.is_empty() {
            address.parameters.push((name, value));
        }
        address
    }

    /// The same with one more value of a parameter that may have several.
    #[must_use]
    pub fn also(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut address = self.clone();
        address.parameters.push((name, value.into()));
        address
    }

    /// The address itself.
    pub fn url(&self) -> String {
        if self.parameters.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish();
        format!("{}?{query}", self.path)
    }

    /// The parameters except `without`, for the search form's hidden fields.
    pub fn kept(&self, without: &str) -> Vec<(String, String)> {
        self.parameters
            .iter()
            .filter(|(name, _)| *name != without && *name != "from")
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    /// The head of a column that sorts by `key`.
    pub fn head(&self, label: &'static str, key: &str, current: &str, descending: bool) -> SortHead {
        let (direction, next) = match (key == current, descending) {
            (true, false) => ("ascending", "desc"),
            (true, true) => ("descending", ""),
            (false, _) => ("none", ""),
        };
        SortHead { label, url: self.with("sort", key).with("order", next).url(), direction }
    }

    /// The ways to the pages before and after.
    pub fn pager<T>(&self, page: &PageOf<T>) -> Pager {
        self.pager_by("from", page)
    }

    /// The same for a page with several lists, of which this one begins where the parameter `name` says.
    pub fn pager_by<T>(&self, name: &'static str, page: &PageOf<T>) -> Pager {
        let to = |cursor: &crate::types::Cursor| self.with(name, cursor.encode()).url();
        let many = page.previous.is_some() || page.next.is_some();
        Pager {
            previous: page.previous.as_ref().map(to),
            next: page.next.as_ref().map(to),
            shown: if many { format!("{} shown", page.rows.len()) } else { String::new() },
        }
    }

    /// A link to the same list with `name` set to `value`.
    pub fn link(&self, label: impl Into<String>, name: &'static str, value: &str, current: bool) -> Link {
        Link::new(label, self.with(name, value).url(), current)
    }
}
