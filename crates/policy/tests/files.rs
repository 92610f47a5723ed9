//! Policies as a file: what is exported is imported.

use slipway_policy::file::{part, read};
use slipway_policy::policies::defaults;
use slipway_policy::text::{Does, does, split};

/// A generator whose numbers are the same in every run.
struct Random(u64);

impl Random {
    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        // SplitMix64: https://prng.di.unimi.it/splitmix64.c
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let below = usize::try_from((z ^ (z >> 31)) % all.len() as u64).expect("below a usize");
        all[below]
    }

    /// The text of a policy of this name.
    fn text(&mut self, name: &str) -> String {
        let comment = self.of(&["", "// why\n", "// @id(\"other\")\n", "// @off(\"owner\")\n"]);
        let own = format!("@id(\"{name}\")\n");
        let id = self.of(&["", own.as_str()]).to_owned();
        let described = self.of(&["", "@description(\"says @id( and \\\"@off\\\"\")\n", "@reviewed\n"]);
        let effect = self.of(&["permit", "forbid"]);
        let condition = self.of(&[
            "",
            "\nwhen { principal.name == \"@id(\\\"x\\\")\" }",
            "\n// inside; too\nunless { principal.administrator }",
            " when { principal.name like \"*\\u{e9}\\\\*\" }",
        ]);
        let after = self.of(&["", "\n", " // after; permit (principal, action, resource);\n"]);
        format!("{comment}{id}{described}{effect} (principal, action, resource){condition};{after}")
    }

    /// A text that switches a default policy off.
    fn off(&mut self) -> String {
        let line = |random: &mut Self| {
            random.of(&[
                "",
                "// off",
                "// \"quoted\" \\ back\\slash \\n",
                "//\ttab é 日本 \u{202e}\u{200b}",
                "// @off(\"x\") forbid (principal, action, resource);",
                "  // late \r",
            ])
        };
        [line(self), line(self), line(self)].join("\n")
    }
}

/// The statement with its annotations, as Cedar reads it.
macro_rules! statement {
    ($file:expr) => {{
        let policies = split($file).unwrap_or_else(|invalid| panic!("{invalid}: {}", $file));
        let [(name, policy)] = policies.as_slice() else {
            panic!("{}", $file)
        };
        (name.clone(), policy.to_json().expect("JSON"))
    }};
}

#[test]
fn imported_policies_are_those_that_were_exported() {
    let mut random = Random(10);
    let names: Vec<&str> = defaults().map(|(name, _)| name).chain(["mine", "team-a"]).collect();
    for _ in 0..100 {
        let stored: Vec<(&str, String)> = names
            .iter()
            .map(|name| match random.of(&["default", "off", "policy"]) {
                "off" => (*name, random.off()),
                "policy" => (*name, random.text(name)),
                _ => {
                    let shipped = defaults().find(|(default, _)| default == name);
                    (*name, shipped.map_or_else(|| random.off(), |(_, text)| text))
                }
            })
            .collect();
        let parts: Vec<String> = stored.iter().map(|(name, text)| part(name, text)).collect();
        let file = parts.join("\n\n");
        let read = read(&file).unwrap_or_else(|invalid| panic!("{invalid}: {file}"));
        assert_eq!(read.len(), stored.len(), "{file}");
        for ((name, text), (read_name, read_text)) in stored.iter().zip(&read) {
            assert_eq!(*name, read_name.as_str());
            assert_eq!(does(name, text), does(name, read_text), "{text} and {read_text}");
            match does(name, text) {
                Does::Nothing => assert_eq!(text, read_text),
                Does::Permit | Does::Forbid => {
                    assert_eq!(statement!(&part(name, text)), statement!(&part(name, read_text)));
                }
            }
        }
        // From then on, the file is the same to the letter.
        let parts = |policies: &[(slipway_model::name::Name, String)]| -> Vec<String> {
            policies.iter().map(|(name, text)| part(name.as_str(), text)).collect()
        };
        let again = slipway_policy::file::read(&parts(&read).join("\n\n")).expect("policies");
        assert_eq!(parts(&again), parts(&read));
    }
}

#[test]
fn off_is_said_by_its_own_form_alone() {
    let nothing = "forbid (principal, action, resource) when { false };";
    let off = read(&format!("@off @id(\"owner\") {nothing}")).expect("a policy");
    assert_eq!(off[0].1, "");
    for (wrong, reason) in [
        (
            "@id(\"owner\") @off permit (principal, action, resource);".to_owned(),
            "only the statement",
        ),
        (
            "@id(\"owner\") @off forbid (principal, action, resource);".to_owned(),
            "only the statement",
        ),
        (
            format!("@id(\"owner\") @off(\"permit (principal, action, resource);\") {nothing}"),
            "more than comments",
        ),
        (format!("@off(\"owner\") {nothing}"), "no annotation @id"),
    ] {
        let invalid = read(&wrong).expect_err(&wrong).to_string();
        assert!(invalid.contains(reason), "{invalid}");
    }
}
