//! Lists of items, as DynamoDB knows them.

use slipway_model::name::Name;

use crate::table::Index;

/// A list: which items, and in which order.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The index, or the table itself.
    pub index: Option<Index>,
    /// The partition.
    pub partition: String,
    /// What the sort keys start with.
    pub prefix: Option<&'static str>,
    /// What else the items must have, by attribute.
    pub filters: Vec<(Index, String)>,
    /// The name of what is looked up for each item, where the list is of that.
    pub sought: Option<Name>,
    pub newest_first: bool,
    /// The sort key after which it begins.
    pub after: Option<String>,
}

impl Query {
    /// The items of a partition of the table whose sort key starts with `prefix`, in its order.
    pub fn of_items(partition: &str, prefix: &'static str) -> Self {
        Self {
            index: None,
            partition: partition.to_owned(),
            prefix: (!prefix.is_empty()).then_some(prefix),
            filters: Vec::new(),
            sought: None,
            newest_first: false,
            after: None,
        }
    }

    pub fn of_index(index: Index, partition: String) -> Self {
        Self {
            index: Some(index),
            partition,
            prefix: None,
            filters: Vec::new(),
            sought: None,
            newest_first: false,
            after: None,
        }
    }

    /// The items that are in each of these partitions, the most selective of which is first.
    pub fn filtered(mut parts: Vec<(Index, String)>) -> Self {
        let (index, partition) = parts.remove(0);
        Self {
            filters: parts,
            ..Self::of_index(index, partition)
        }
    }

    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// The items of an index whose sort key is greater than this.
    pub fn after(mut self, sort: String) -> Self {
        self.after = Some(sort);
        self
    }

    /// The list's name in its cursors: two lists that go on at the same key are not the same list.
    pub fn name(&self) -> String {
        let filter = |(index, value): &(Index, String)| format!(" {}={value}", index.partition());
        let filters: String = self.filters.iter().map(filter).collect();
        let sought = self.sought.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let index = self.index.map_or("table", Index::name);
        format!(
            "{index} {} {}{filters}{sought}",
            self.partition,
            self.prefix.unwrap_or_default()
        )
    }
}
