//! The ledger of a stack: what Terraform's provisioners write when a row is created and destroyed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::hcl_string;

/// Every row writes into the ledger when it is created and when it is destroyed.
pub fn blueprint(ledgers: &Path) -> String {
    format!(
        r#"
        variable "rows" {{ type = number }}
        resource "terraform_data" "row" {{
          count = var.rows
          input = {{ NAME = "row-${{count.index}}", LEDGER = "{ledgers}/${{terraform.workspace}}" }}
          provisioner "local-exec" {{
            command     = "echo created $NAME >> \"$LEDGER\""
            environment = {{ NAME = self.output.NAME, LEDGER = self.output.LEDGER }}
          }}
          provisioner "local-exec" {{
            when        = destroy
            command     = "echo destroyed $NAME >> \"$LEDGER\""
            environment = {{ NAME = self.output.NAME, LEDGER = self.output.LEDGER }}
          }}
        }}
        output "slipway" {{ value = {{}} }}
        "#,
        ledgers = hcl_string(&ledgers.to_string_lossy()).trim_matches('"'),
    )
}

/// The address of a row.
pub fn address(row: &str) -> String {
    format!("terraform_data.row[{}]", row.trim_start_matches("row-"))
}

/// What happened to a row.
#[derive(Debug, Default)]
pub struct Row {
    exists: bool,
    pub created: usize,
    /// How often it was created while it existed.
    duplicates: usize,
    /// How often it was destroyed while it did not exist.
    pub repeats: usize,
}

impl Row {
    /// Whether the row was created and destroyed once. If the life was settled by a second update, the row may have been created
    /// again after it was destroyed. If destroys may repeat, it may have been destroyed again.
    pub fn is_whole(&self, is_settled: bool, repeats: bool) -> bool {
        !self.exists && self.duplicates == 0 && (self.created == 1 || is_settled) && (self.repeats == 0 || repeats)
    }
}

/// The rows in a ledger; none if nothing was created.
pub fn read(ledger: &Path) -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(ledger).unwrap_or_default();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for line in text.lines() {
        let (action, name) = line.split_once(' ').unwrap_or_default();
        let row = rows.entry(name.to_owned()).or_default();
        match action {
            "created" => {
                row.created += 1;
                row.duplicates += usize::from(row.exists);
                row.exists = true;
            }
            "destroyed" => {
                row.repeats += usize::from(!row.exists);
                row.exists = false;
            }
            _ => panic!("the ledger has {line:?}"),
        }
    }
    rows
}
