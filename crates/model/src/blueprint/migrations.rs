//! The SQL of migrations among the files of a blueprint.

use super::module::at_places;
use super::output;
use super::{Source, folder_of};
use crate::contract::migration::{NamedSql, sql_of};
use crate::problem::FieldProblem;

/// Whether a file of this name is taken from a folder. Tools for migrations take `.SQL` as well.
pub fn is_sql(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("sql"))
}

impl Source {
    /// The SQL of the migrations in the output `slipway`, as far as that is written out.
    pub fn migrations(&self) -> Vec<NamedSql> {
        let (outputs, _) = output::find(self);
        output::last(&outputs)
            .map(|content| sql_of(&content.partial))
            .unwrap_or_default()
    }

    /// The files to which a path from the folder of the root module leads, with their texts: itself, or every `.sql` file below it.
    pub fn sql_at(&self, path: &str) -> Vec<(&str, &str)> {
        let Some(wanted) = folder_of(&self.root, path) else {
            return Vec::new();
        };
        let below = |path: &str| {
            let below = wanted.is_empty() || path.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/'));
            below && is_sql(path)
        };
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(|(path, _)| *path == wanted || below(path)).collect()
    }
}

/// Every path to which no file belongs.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let (outputs, _) = output::find(source);
    let Some(content) = output::last(&outputs) else {
        return Vec::new();
    };
    let mut missing = Vec::new();
    for (index, named) in sql_of(&content.partial).iter().enumerate() {
        for (number, path) in named.sql.files.iter().enumerate() {
            if source.sql_at(path).is_empty() {
                missing.push(FieldProblem::new(
                    format!("slipway.migrations[{index}].sql.files[{number}]"),
                    format!("there is no file `{path}` among the files of the blueprint, and no SQL below it"),
                    "name a file, or a folder with files that end with `.sql`, by its path from the root module",
                ));
            }
        }
    }
    at_places(source, content, missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &str) -> Source {
        let main = format!(
            r#"output "slipway" {{
  value = {{
    cluster  = "main"
    services = {{ web = {{ name = "web", desired_count = 1, task_definition = {{ containerDefinitions = [{{ name = "web" }}] }} }} }}
    migrations = [{{
      name = "schema", service = "web", command = ["./migrate"]
      sql = {{ files = [{files}] }}
    }}]
  }}
}}
"#
        );
        let mut source = Source::default();
        for (path, text) in [
            ("app/main.tf", main.as_str()),
            ("app/migrations/002.sql", "SELECT 2;"),
            ("app/migrations/001.sql", "SELECT 1;"),
            ("app/migrations/003.SQL", "SELECT 3;"),
            ("app/migrations/README", "no SQL"),
            ("app/migrations/sql", "no SQL"),
            ("shared/roles.sql", "SELECT 4;"),
        ] {
            source.files.insert(path.to_owned(), text.to_owned());
        }
        "app".clone_into(&mut source.root);
        source
    }

    #[test]
    fn paths_lead_to_files_in_the_order_of_their_names() {
        let source = source("\"migrations\"");
        let paths = |path: &str| {
            source
                .sql_at(path)
                .into_iter()
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            paths("migrations"),
            [
                "app/migrations/001.sql",
                "app/migrations/002.sql",
                "app/migrations/003.SQL"
            ]
        );
        assert_eq!(paths("./migrations/002.sql"), ["app/migrations/002.sql"]);
        assert_eq!(paths("../shared"), ["shared/roles.sql"]);
        assert_eq!(paths("migrat"), [""; 0]);
        assert_eq!(paths("../../x"), [""; 0]);
        assert_eq!(source.migrations()[0].sql.files, ["migrations"]);
        source.check().expect("a blueprint");
    }

    #[test]
    fn path_without_files_is_a_problem_at_its_place() {
        let problems = source("\"migrations\", \"missing\"")
            .check()
            .expect_err("a missing folder");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].field, "files.app/main.tf");
        assert_eq!(problems[0].place.map(|place| place.line), Some(7));
        assert!(problems[0].detail.contains("`missing`"), "{problems:?}");
    }
}
