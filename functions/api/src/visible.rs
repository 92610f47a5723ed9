//! Pages of records of which the caller may see only some.
//!
//! A page that ended after a number of records would show by its length how many of them are hidden. So the list is read on until the
//! page is full, and a page that is full always has a next one, whatever follows. What is hidden shows in two ways that remain: in the
//! time of a response, and where more than about [`READS`] times [`PAGE`] records are hidden in a row. The page is short then, so that
//! a request ends.

use serde::Serialize;
use slipway_store::{Cursor, PAGE, Page};

/// How many times a list is read for one page.
pub(crate) const READS: usize = 10;

/// The bytes of visible records, as JSON, from which a page is not read on. Each read has at most 2 MB, and Lambda answers 6 MB.
const ENOUGH: usize = 512 * 1024;

/// A page as it fills. A loop reads what [`VisiblePage::wanted`] says, and hands over what the caller may see of it.
#[derive(Debug)]
pub(crate) struct VisiblePage<R> {
    limit: usize,
    size: fn(&R) -> usize,
    items: Vec<R>,
    /// The keys of the next read.
    window: u16,
    /// Where it begins.
    cursor: Option<Cursor>,
    reads: usize,
    is_over: bool,
}

impl<R> VisiblePage<R> {
    /// A page of at most `limit` records. `size` is what one of them has in bytes, about.
    pub(crate) fn new(limit: u16, cursor: Option<Cursor>, size: fn(&R) -> usize) -> Self {
        let window = limit.clamp(1, PAGE);
        Self {
            limit: usize::from(window),
            size,
            items: Vec::new(),
            window,
            cursor,
            reads: 0,
            is_over: false,
        }
    }

    /// How many records to read next, and from where; `None` if the page is done.
    pub(crate) fn wanted(&self) -> Option<(u16, Option<&Cursor>)> {
        (!self.is_over).then_some((self.window, self.cursor.as_ref()))
    }

    /// Takes what was read: `None` for each record that the caller may not see.
    pub(crate) fn take(&mut self, read: Vec<Option<R>>, next: Option<Cursor>) {
        let mut visible = (1_u16..).zip(&read).filter(|(_, one)| one.is_some());
        if let Some((end, _)) = visible.nth(self.limit.saturating_sub(self.items.len() + 1))
            && end < self.window
            && (visible.next().is_some() || next.is_none())
        {
            // Only DynamoDB says where a list continues. Up to this record, it is read again.
            self.window = end;
            return;
        }
        self.items.extend(read.into_iter().flatten());
        self.cursor = next;
        self.window = PAGE;
        self.reads += 1;
        let bytes: usize = self.items.iter().map(self.size).sum();
        let is_full = self.items.len() >= self.limit || bytes > ENOUGH;
        self.is_over = is_full || self.cursor.is_none() || self.reads == READS;
    }

    /// The page.
    pub(crate) fn page(self) -> Page<R> {
        Page {
            items: self.items,
            next: self.cursor,
        }
    }
}

/// The bytes of a record as JSON.
pub(crate) fn json_size<T: Serialize>(record: &T) -> usize {
    serde_json::to_vec(record).map_or(ENOUGH, |text| text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cursor_after(records: usize) -> Cursor {
        let position = json!({"list": "", "after": {"records": records.to_string()}});
        serde_json::from_value(position).expect("a cursor")
    }

    fn records_before(cursor: &Cursor) -> usize {
        let position = serde_json::to_value(cursor).expect("JSON");
        let records = position["after"]["records"].as_str().expect("a text");
        records.parse().expect("a number")
    }

    /// The lengths of the pages of a list, which has `true` for each record that the caller may see.
    fn pages(list: &[bool], limit: u16) -> Vec<usize> {
        let (mut lengths, mut next) = (Vec::new(), None);
        loop {
            let mut page = VisiblePage::new(limit, next, |_| 0);
            while let Some((limit, cursor)) = page.wanted() {
                let start = cursor.map_or(0, records_before);
                let end = start + usize::from(limit);
                let read = &list[start..end.min(list.len())];
                let read = read.iter().map(|is_visible| is_visible.then_some(())).collect();
                // DynamoDB says where to go on wherever it stops at the limit, even at the end.
                let next = (end <= list.len()).then(|| cursor_after(end));
                page.take(read, next);
            }
            let page = page.page();
            lengths.push(page.items.len());
            next = page.next;
            if next.is_none() {
                return lengths;
            }
        }
    }

    #[test]
    fn pages_are_those_of_the_visible_records() {
        for pattern in 0_u32..1 << 10 {
            let list: Vec<bool> = (0..10).map(|bit| pattern & (1 << bit) != 0).collect();
            let visible: Vec<bool> = list.iter().copied().filter(|is_visible| *is_visible).collect();
            for limit in 1..=5 {
                assert_eq!(pages(&list, limit), pages(&visible, limit), "{list:?} by {limit}");
            }
        }
    }

    #[test]
    fn many_hidden_records_end_a_page() {
        let mut list = vec![false; 1_000];
        list.push(true);
        assert_eq!(pages(&list, 1), [0, 1, 0]);
        assert_eq!(pages(&list[..900], 100), [0]);
    }

    #[test]
    fn large_records_end_a_page() {
        let mut page = VisiblePage::new(100, None, |_| ENOUGH);
        page.take(vec![Some(()), None, Some(())], Some(cursor_after(3)));
        assert_eq!(page.wanted(), None);
        assert_eq!(page.page().items.len(), 2);
    }
}
