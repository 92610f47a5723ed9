//! Files that hold both ways of a migration, and files of the way back.

/// The comments with which tools begin the way back: dbmate, goose, sql-migrate, node-pg-migrate.
const BACK: [&str; 4] = [
    "-- migrate:down",
    "-- +goose down",
    "-- +migrate down",
    "-- down migration",
];

/// The part of a file that runs when the migration is applied. The way back comes after it in every tool.
pub(crate) fn applied(text: &str) -> &str {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let written = line.trim_start().to_ascii_lowercase();
        if BACK.iter().any(|mark| written.starts_with(mark)) {
            return &text[..start];
        }
        start += line.len();
    }
    text
}

/// Whether a file holds nothing but the way back: golang-migrate, sqlx, Flyway's undo migrations.
pub fn is_way_back(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let undo = name.strip_prefix('u').and_then(|rest| rest.split_once("__"));
    name.ends_with(".down.sql")
        || undo.is_some_and(|(version, _)| version.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_back_is_left_out() {
        let both = "-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE a;\n";
        assert_eq!(applied(both), "-- +goose Up\nSELECT 1;\n");
        assert_eq!(applied("SELECT 1;"), "SELECT 1;");
        for (path, back) in [
            ("m/001_a.down.sql", true),
            ("m/U2__a.sql", true),
            ("m/users__a.sql", false),
            ("m/001_a.up.sql", false),
            ("m/V2__a.sql", false),
        ] {
            assert_eq!(is_way_back(path), back, "{path}");
        }
    }
}
