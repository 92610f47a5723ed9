//! What the resources of a plan cost a month, before and after, as far as a dated table of list prices knows it.
//!
//! A resource whose price follows from something that the plan or the table does not know is counted, and part of neither sum: a sum
//! that lacks one side of it would say that the plan saves money.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::Sides;

/// The table, which `scripts/blueprint_costs.py` uses, too.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A test reads it.
    serde_json::from_str(include_str!("prices.json")).unwrap_or_default()
});

/// Millionths of a dollar in a cent.
const MICROS: u64 = 10_000;

/// What a plan's resources cost a month. All of the stack's resources count, also those that do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthlyCost {
    /// In cents of a US dollar, before the apply.
    pub before_cents: u64,
    /// After it.
    pub after_cents: u64,
    /// How many resources are in neither sum, because the table has no price of them.
    pub without_price: u64,
    /// The day of the table.
    pub prices_of: String,
    /// The Region whose prices it has.
    pub prices_in: String,
}

#[derive(Debug, Default, Deserialize)]
struct Table {
    date: String,
    region: String,
    hours: u64,
    resources: BTreeMap<String, Price>,
    free: BTreeSet<String>,
}

/// What a type of resource costs, in millionths of a dollar.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Price {
    hour: u64,
    month: u64,
    /// Per hour, by the value of an attribute.
    hour_of: Option<ByValue>,
    /// Per month, for each of what an attribute counts.
    month_of_each: BTreeMap<String, u64>,
    /// The attribute that doubles it.
    doubled_by: Option<String>,
    /// The values of attributes for which this is the price.
    when: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Deserialize)]
struct ByValue {
    attribute: String,
    prices: BTreeMap<String, u64>,
}

/// The costs of the resources that were read so far.
#[derive(Debug, Default)]
pub(super) struct Costs {
    before: u64,
    after: u64,
    without_price: u64,
}

impl Costs {
    /// Adds a managed resource. One that Terraform only forgets costs as much as before.
    pub(super) fn add(&mut self, kind: &str, sides: Sides<'_>, is_forgotten: bool) {
        if TABLE.free.contains(kind) {
            return;
        }
        let before = TABLE.month(kind, sides.before, None);
        let after = TABLE.month(kind, sides.after, sides.unknown);
        match (before, after) {
            (Some(before), Some(after)) => {
                let forgotten = if is_forgotten { before } else { 0 };
                self.before = self.before.saturating_add(before);
                self.after = self.after.saturating_add(after).saturating_add(forgotten);
            }
            _ => self.without_price += 1,
        }
    }

    /// The costs together; none if no resource has a price or lacks one.
    pub(super) fn together(&self) -> Option<MonthlyCost> {
        let cents = |micros: u64| (micros + MICROS / 2) / MICROS;
        let is_nothing = self.before == 0 && self.after == 0 && self.without_price == 0;
        (!is_nothing).then(|| MonthlyCost {
            before_cents: cents(self.before),
            after_cents: cents(self.after),
            without_price: self.without_price,
            prices_of: TABLE.date.clone(),
            prices_in: TABLE.region.clone(),
        })
    }
}

impl Table {
    /// The price of a month, 0 of a resource that is not there; none where it is not known.
    fn month(&self, kind: &str, resource: Option<&Value>, unknown: Option<&Value>) -> Option<u64> {
        let Some(resource) = resource.filter(|resource| !resource.is_null()) else {
            return Some(0);
        };
        let price = self.resources.get(kind)?;
        let known = |name: &str| {
            let is_unknown = unknown.is_some_and(|unknown| unknown[name] == Value::Bool(true));
            (!is_unknown).then(|| &resource[name])
        };
        for (name, values) in &price.when {
            known(name)?.as_str().filter(|value| values.contains(*value))?;
        }
        let mut hour = price.hour;
        if let Some(ByValue { attribute, prices }) = &price.hour_of {
            hour += prices.get(known(attribute)?.as_str()?)?;
        }
        let mut month = price.month + hour * self.hours;
        for (name, each) in &price.month_of_each {
            month = month.checked_add(known(name)?.as_u64()?.checked_mul(*each)?)?;
        }
        match &price.doubled_by {
            Some(name) if known(name)?.as_bool().unwrap_or_default() => month.checked_mul(2),
            _ => Some(month),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn database(class: &str, multi_az: bool) -> Value {
        json!({"instance_class": class, "multi_az": multi_az, "allocated_storage": 20, "engine": "postgres", "storage_type": "gp3"})
    }

    fn sides<'a>(before: &'a Value, after: &'a Value, unknown: &'a Value) -> Sides<'a> {
        Sides {
            before: Some(before),
            after: Some(after),
            unknown: Some(unknown),
            ..Sides::default()
        }
    }

    #[test]
    fn table_is_read_and_names_its_day_and_region() {
        let table: Table = serde_json::from_str(include_str!("prices.json")).expect("the table");
        assert!(!table.date.is_empty() && !table.region.is_empty() && table.hours == 730);
        assert!(table.free.iter().all(|kind| !table.resources.contains_key(kind)));
    }

    #[test]
    fn costs_are_those_before_and_after() {
        let mut costs = Costs::default();
        let (none, nothing, nat) = (json!(null), json!({}), json!({"id": "nat-1"}));
        costs.add("aws_nat_gateway", sides(&nat, &nat, &nothing), false);
        costs.add("aws_nat_gateway", sides(&nat, &none, &nothing), false);
        costs.add(
            "aws_db_instance",
            sides(
                &database("db.t4g.micro", false),
                &database("db.t4g.micro", true),
                &nothing,
            ),
            false,
        );
        costs.add("aws_security_group", sides(&none, &nothing, &nothing), false);
        // A NAT gateway costs 32.85. The database: 730 x 0.016 + 20 x 0.115 = 13.98.
        let cost = costs.together().expect("a cost");
        assert_eq!(
            (cost.before_cents, cost.after_cents, cost.without_price),
            (7_968, 6_081, 0)
        );
    }

    #[test]
    fn forgotten_resource_costs_as_before() {
        let mut costs = Costs::default();
        let (none, nothing, nat) = (json!(null), json!({}), json!({"id": "nat-1"}));
        // Forgotten, and replaced by another while the old one is forgotten.
        costs.add("aws_nat_gateway", sides(&nat, &none, &nothing), true);
        costs.add("aws_nat_gateway", sides(&nat, &nat, &nothing), true);
        let cost = costs.together().expect("a cost");
        assert_eq!((cost.before_cents, cost.after_cents), (2 * 3_285, 3 * 3_285));
    }

    #[test]
    fn resource_without_a_price_is_counted_and_in_neither_sum() {
        let mut costs = Costs::default();
        let (none, nothing) = (json!(null), json!({}));
        let micro = database("db.t4g.micro", false);
        costs.add(
            "aws_db_instance",
            sides(&micro, &database("db.r6g.large", false), &nothing),
            false,
        );
        costs.add(
            "aws_db_instance",
            sides(&none, &micro, &json!({"allocated_storage": true})),
            false,
        );
        costs.add(
            "aws_db_instance",
            sides(&none, &json!({"engine": "oracle-se2"}), &nothing),
            false,
        );
        costs.add("google_sql_database", sides(&none, &nothing, &nothing), false);
        let cost = costs.together().expect("a cost");
        assert_eq!((cost.before_cents, cost.after_cents, cost.without_price), (0, 0, 4));
        assert_eq!(Costs::default().together(), None);
    }
}
