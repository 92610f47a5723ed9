//! Listings: pages of keys, with common prefixes when there is a delimiter.

use s3s::S3Result;

use super::index::{From, Index, Version, past};

/// What is listed.
pub(super) struct Listing<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// The key or common prefix that the last page ended with; the empty text for the first page.
    pub(super) after_key: &'a str,
    pub(super) after_version: Option<&'a str>,
    pub(super) limit: usize,
    pub(super) all_versions: bool,
}

/// One page.
#[derive(Default)]
pub(super) struct Page {
    pub(super) versions: Vec<Version>,
    pub(super) common_prefixes: Vec<String>,
    /// Where the next page begins: the last key or common prefix of this one, and the version.
    pub(super) next: Option<(String, Option<String>)>,
}

impl Listing<'_> {
    /// Reads the page. A common prefix is stepped over at once, whatever the number of keys under it.
    pub(super) fn page(&self, index: &Index) -> S3Result<Page> {
        let mut page = Page::default();
        let mut last = (self.after_key.to_owned(), self.after_version.map(str::to_owned));
        let mut left = self.limit;
        if left == 0 {
            return Ok(page);
        }
        loop {
            let ended_with_prefix = self.common_prefix(&last.0).is_some_and(|common| common == last.0);
            let after_key = if ended_with_prefix {
                past(&last.0)
            } else {
                last.0.clone()
            };
            let from = From {
                prefix: self.prefix,
                after_key: &after_key,
                after_version: last.1.as_deref(),
                all_versions: self.all_versions,
            };
            let rows = index.rows(self.bucket, &from, left + 1)?;
            let exhausted = rows.len() <= left;
            let mut stepped = false;
            for version in rows {
                if left == 0 {
                    page.next = Some(last);
                    return Ok(page);
                }
                left -= 1;
                if let Some(common) = self.common_prefix(&version.key) {
                    last = (common.to_owned(), None);
                    page.common_prefixes.push(common.to_owned());
                    stepped = true;
                    break;
                }
                last = (version.key.clone(), Some(version.id.clone()));
                page.versions.push(version);
            }
            if exhausted && !stepped {
                return Ok(page);
            }
        }
    }

    /// The key up to the first delimiter after the prefix, delimiter included.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.filter(|delimiter| !delimiter.is_empty())?;
        let rest = key.strip_prefix(self.prefix)?;
        let end = rest.find(delimiter)? + self.prefix.len() + delimiter.len();
        Some(&key[..end])
    }
}

/// A text as a listing with `encoding-type=url` carries it.
pub(super) fn url_encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b'*' => {
                encoded.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
