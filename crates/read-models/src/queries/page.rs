//! Paging: by key, which costs the same however far one has come, and by number for people, bounded so that no request can
//! ask for everything or count through everything.

use crate::error::{Error, Result};
use serde::Serialize;

/// Largest page that any query gives.
const LARGEST: u32 = 1000;
/// Farthest beginning of a page by number, items. Postgres walks over what it leaves out.
const DEEPEST: i64 = 100_000;

/// Which page, counted from 1, and how many items it has. Values out of range are brought into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    page: u32,
    page_size: u32,
    after: Option<i64>,
}

impl Paging {
    pub fn new(page: u32, page_size: u32) -> Self {
        Self { page: page.max(1), page_size: page_size.clamp(1, LARGEST), after: None }
    }

    /// Begins behind the item with this key, in the order of the list: the [`Page::next`] of the page before. Pages are
    /// counted from there.
    #[must_use]
    pub fn after(self, key: Option<i64>) -> Self {
        Self { after: key, ..self }
    }

    pub fn page(&self) -> u32 {
        self.page
    }

    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// Behind the item with which key the list begins.
    pub(crate) fn behind(&self, order: Order) -> i64 {
        self.after.unwrap_or(match order {
            Order::NewestFirst => i64::MAX,
            Order::OldestFirst => i64::MIN,
        })
    }

    /// Between which keys, themselves left out, the list lies.
    pub(crate) fn window(&self, order: Order) -> (i64, i64) {
        match order {
            Order::NewestFirst => (i64::MIN, self.behind(order)),
            Order::OldestFirst => (self.behind(order), i64::MAX),
        }
    }

    /// One more than a page has: it tells whether there is a next one.
    pub(crate) fn limit(&self) -> i64 {
        i64::from(self.page_size) + 1
    }

    pub(crate) fn offset(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.page_size)
    }

    /// Whether a list of `total` items can have anything on this page; otherwise Postgres need not look.
    ///
    /// # Errors
    /// `TooDeep`, when it could, but too much lies before it.
    pub(crate) fn reaches(&self, total: i64) -> Result<bool> {
        match self.offset() {
            offset if offset >= total => Ok(false),
            offset if offset > DEEPEST => Err(Error::TooDeep { offset }),
            _ => Ok(true),
        }
    }
}

/// One page of a longer list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// Items of all pages, wherever this one begins.
    pub total: u64,
    pub items: Vec<T>,
    /// Key of the last item, when another follows: see [`Paging::after`].
    pub next: Option<i64>,
}

impl<T> Page<T> {
    /// A page of what was found with [`Paging::limit`].
    pub(crate) fn of(total: i64, mut items: Vec<T>, paging: Paging, key: impl Fn(&T) -> i64) -> Self {
        let more = items.len() > paging.page_size as usize;
        items.truncate(paging.page_size as usize);
        let next = items.last().filter(|_| more).map(key);
        Self { total: u64::try_from(total).unwrap_or(0), items, next }
    }

    /// A page that lies behind the end.
    pub(crate) fn behind_the_end(total: i64) -> Self {
        Self { total: u64::try_from(total).unwrap_or(0), items: Vec::new(), next: None }
    }
}

/// Direction of a list along its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded() {
        let paging = Paging::new(0, 0);
        assert_eq!((paging.page(), paging.page_size(), paging.offset()), (1, 1, 0));
        assert_eq!(Paging::new(3, 10_000).offset(), 2000);
        assert_eq!(Paging::new(u32::MAX, u32::MAX).limit(), 1001);
    }

    #[test]
    fn nobody_counts_through_a_long_list() {
        let deep = Paging::new(1002, 100);
        assert!(matches!(deep.reaches(1_000_000), Err(Error::TooDeep { offset: 100_100 })));
        assert!(!deep.reaches(100_100).expect("it ends before"));
        assert!(Paging::new(1001, 100).reaches(1_000_000).expect("just not too deep"));
        assert!(deep.after(Some(7)).reaches(1_000_000).is_err(), "pages behind a key are counted, too");
    }

    #[test]
    fn the_next_page_begins_behind_the_last_item() {
        let page = |found: &[i64]| Page::of(9, found.to_vec(), Paging::new(1, 3), |key| *key);
        assert_eq!(page(&[9, 8, 7, 6]), Page { total: 9, items: vec![9, 8, 7], next: Some(7) });
        assert_eq!(page(&[9, 8, 7]).next, None);
    }
}
