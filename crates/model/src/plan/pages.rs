//! A plan as objects in the artifacts bucket: pages of items in the order in which people read them, and an index.
//!
//! Each object is named by its SHA-256. The record of the operation has that of the index, and the index that of each page: what an
//! approver reads is what the build wrote, also where two builds of an operation planned.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::contract::PlannedContract;
use super::item::{Item, Subject};
use super::show::Shown;
use super::{Action, PlanSummary, ResourceChange};
use crate::name::Digest;

/// The most items of a page.
const PAGE_ITEMS: usize = 200;

/// The most bytes of a page's items, but for a single one.
const PAGE_BYTES: usize = 1024 * 1024;

/// The whole plan in the artifacts bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// How many items it has.
    pub items: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The SHA-256 of its index.
    pub index: Digest,
}

/// What is in which page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// The pages, in order.
    pub pages: Vec<Page>,
    /// What becomes of the output `slipway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<PlannedContract>,
}

/// A page, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many items it has.
    pub items: u64,
    /// What they are about.
    pub subjects: BTreeSet<Subject>,
    /// What would be done.
    pub actions: BTreeSet<Action>,
    /// The types of resources and actions.
    pub types: BTreeSet<String>,
    /// The SHA-256 of the object.
    pub sha256: Digest,
}

/// The objects of a plan, each to be written under its [`name`].
#[derive(Debug)]
pub struct Objects {
    /// The index.
    pub index: Vec<u8>,
    /// The pages, in order.
    pub pages: Vec<Vec<u8>>,
}

impl Objects {
    /// The objects with their names. The index comes last: it says that the pages are there.
    pub fn named(self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let all = self.pages.into_iter().chain([self.index]);
        all.map(|object| (name(&Digest::of(&object)), object))
    }
}

/// What the object with this SHA-256 is called, below the operation.
pub fn name(sha256: &Digest) -> String {
    format!("plan/{}.json", sha256.hex())
}

/// An item as it is written, with what it is sorted and found by.
#[derive(Debug)]
pub(super) struct Packed {
    rank: u8,
    address: String,
    part: u32,
    subject: Subject,
    action: Option<Action>,
    imported: bool,
    kind: String,
    json: Vec<u8>,
}

impl Packed {
    pub(super) fn of(item: Item) -> Self {
        Self {
            rank: item.rank(),
            part: item.part.unwrap_or_default(),
            subject: item.subject,
            action: item.action,
            imported: item.is_imported(),
            // An item has only texts for names, which always are JSON.
            json: serde_json::to_vec(&item).unwrap_or_default(),
            address: item.address,
            kind: item.kind,
        }
    }

    /// Notes the provisioners of its resource, which are known when it is written.
    pub(super) fn provision(&mut self, types: &[String]) {
        self.json.truncate(self.json.len().saturating_sub(1));
        self.json.extend_from_slice(b",\"provisioners\":");
        self.json.extend(serde_json::to_vec(types).unwrap_or_default());
        self.json.push(b'}');
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        (self.rank, &self.address, self.part).cmp(&(other.rank, &other.address, other.part))
    }

    /// The resource for the summary; none of an item that changes none, or goes on with one.
    pub(super) fn named(&self) -> Option<ResourceChange> {
        let counts = self.subject == Subject::Resource && self.action != Some(Action::Read) && self.part <= 1;
        counts.then(|| ResourceChange {
            address: self.address.clone(),
            action: self.action.unwrap_or(Action::Unknown),
        })
    }
}

/// The objects of a plan, and its summary, which names them.
pub fn of(shown: Shown) -> (PlanSummary, Objects) {
    let mut summary = shown.summary;
    let (mut index, mut pages) = (Index::default(), Vec::new());
    index.contract = shown.contract;
    let mut document = (0, 0);
    for group in groups(&shown.items) {
        let mut page = b"{\"items\":[".to_vec();
        for (position, item) in group.iter().enumerate() {
            page.extend_from_slice(if position > 0 { b"," } else { b"" });
            page.extend_from_slice(&item.json);
        }
        page.extend_from_slice(b"]}");
        document = (document.0 + group.len() as u64, document.1 + page.len() as u64);
        index.pages.push(Page {
            items: group.len() as u64,
            subjects: group.iter().map(|item| item.subject).collect(),
            actions: group
                .iter()
                .flat_map(|item| actions(item.action, item.imported))
                .collect(),
            types: group.iter().map(|item| item.kind.clone()).collect(),
            sha256: Digest::of(&page),
        });
        pages.push(page);
    }
    let index = serde_json::to_vec(&index).unwrap_or_default();
    summary.document = Some(Document {
        items: document.0,
        bytes: document.1,
        index: Digest::of(&index),
    });
    (summary, Objects { index, pages })
}

/// The items of each page.
fn groups(items: &[Packed]) -> Vec<&[Packed]> {
    let (mut groups, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (position, item) in items.iter().enumerate() {
        let is_full = position - start == PAGE_ITEMS || bytes + item.json.len() > PAGE_BYTES;
        if is_full && position > start {
            groups.push(&items[start..position]);
            (start, bytes) = (position, 0);
        }
        bytes += item.json.len();
    }
    if start < items.len() {
        groups.push(&items[start..]);
    }
    groups
}

/// What would be done with something: an import may come with another change.
pub fn actions(action: Option<Action>, is_imported: bool) -> impl Iterator<Item = Action> {
    action.into_iter().chain(is_imported.then_some(Action::Import))
}

/// A filter for the items of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those with this action. An import may come with another one.
    pub action: Option<Action>,
    /// Those about this.
    pub subject: Option<Subject>,
    /// Those of this type.
    pub kind: Option<String>,
    /// Those whose address begins like this.
    pub address: Option<String>,
}

impl Filter {
    /// Whether a page may have such items.
    pub fn may_be_in(&self, page: &Page) -> bool {
        self.action.is_none_or(|action| page.actions.contains(&action))
            && self.subject.is_none_or(|subject| page.subjects.contains(&subject))
            && self.kind.as_ref().is_none_or(|kind| page.types.contains(kind))
    }

    /// Whether an item is such a one.
    pub fn takes(&self, subject: Subject, actions: &[Action], kind: &str, address: &str) -> bool {
        self.action.is_none_or(|wanted| actions.contains(&wanted))
            && self.subject.is_none_or(|wanted| subject == wanted)
            && self.kind.as_ref().is_none_or(|wanted| kind == wanted)
            && self
                .address
                .as_ref()
                .is_none_or(|wanted| address.starts_with(wanted.as_str()))
    }
}
