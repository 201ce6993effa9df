//! Paging by number for people, bounded so that no request can ask for everything.

use serde::Serialize;

/// Largest page that any query gives.
const LARGEST: u32 = 1000;

/// Which page, counted from 1, and how many items it has. Values out of range are brought into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    page: u32,
    page_size: u32,
}

impl Paging {
    pub fn new(page: u32, page_size: u32) -> Self {
        Self { page: page.max(1), page_size: page_size.clamp(1, LARGEST) }
    }

    pub fn page(&self) -> u32 {
        self.page
    }

    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    pub(crate) fn limit(&self) -> i64 {
        i64::from(self.page_size)
    }

    pub(crate) fn offset(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.page_size)
    }
}

/// One page of a longer list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// Items of all pages.
    pub total: u64,
    pub items: Vec<T>,
}

impl<T> Page<T> {
    pub(crate) fn of(total: i64, items: Vec<T>) -> Self {
        Self { total: u64::try_from(total).unwrap_or(0), items }
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
        assert_eq!(Paging::new(u32::MAX, u32::MAX).limit(), 1000);
    }
}
