//! The paths that a mistyped one may mean.

use strsim::levenshtein;

/// The longest path that is compared with others.
const LONGEST: usize = 200;

/// How many paths a response suggests.
const SUGGESTED: usize = 3;

/// The known paths that a mistyped one resembles most: at most a third of its characters differ. A part such as `{id}` resembles
/// every text in its place.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if typed.len() > LONGEST {
        return Vec::new();
    }
    let most = (typed.len() / 3).max(1);
    let apart: Vec<(usize, &str)> = known.map(|path| (paths_apart(typed, path), path)).collect();
    let least = apart.iter().map(|(apart, _)| *apart).min().unwrap_or_default();
    if least > most {
        return Vec::new();
    }
    let nearest = apart.into_iter().filter(|(apart, _)| *apart == least);
    nearest.map(|(_, path)| path).take(SUGGESTED).collect()
}

/// The characters to add, remove or replace, also where `/v1` was left out.
fn paths_apart(typed: &str, known: &str) -> usize {
    let whole = format!("/v1{typed}");
    as_typed(typed, known).min(as_typed(&whole, known))
}

fn as_typed(typed: &str, known: &str) -> usize {
    let mut parts = typed.split('/');
    let known = known.split('/').map(|known| {
        let typed = parts.next().unwrap_or_default();
        if known.starts_with('{') && !typed.is_empty() {
            typed
        } else {
            known
        }
    });
    levenshtein(typed, &known.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_path_has_the_nearest_ones() {
        let known = [
            "/docs",
            "/openapi.json",
            "/v1/operations/{id}/logs",
            "/v1/operations/{id}/plan",
            "/v1/stacks",
            "/v1/stacks/{id}",
            "/v1/stacks/{id}/releases",
        ];
        let cases: [(&str, &[&str]); 8] = [
            ("/v1/stack", &["/v1/stacks"]),
            ("/v1/stacks/", &["/v1/stacks"]),
            ("/stacks", &["/v1/stacks"]),
            ("/v1/stacks/shop/release", &["/v1/stacks/{id}/releases"]),
            ("/v1/operations/op-1/log", &["/v1/operations/{id}/logs"]),
            ("/", &[]),
            ("/favicon.ico", &[]),
            ("/v1/moon", &[]),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, known.into_iter()), expected, "{typed}");
        }
        assert!(nearest(&"/v1/stacks".repeat(100), known.into_iter()).is_empty());
    }
}
