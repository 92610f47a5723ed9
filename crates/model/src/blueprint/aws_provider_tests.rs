use serde_json::json;

use super::*;

fn source(files: &[(&str, &str)]) -> Source {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Source {
        files: files.collect(),
        ..Source::default()
    }
}

/// Each problem as its file, its line and the beginning of its remedy.
fn found(source: &Source, assumes_role: bool) -> Vec<(String, usize, String)> {
    let problems = problems(source, assumes_role).into_iter();
    let problems = problems.map(|problem| {
        let remedy = problem.remedy.chars().take(20).collect();
        (problem.field, problem.place.map_or(0, |place| place.line), remedy)
    });
    problems.collect()
}

#[test]
fn every_configuration_of_the_aws_provider_is_found() {
    let plain = AwsProvider::of(&source(&[("main.tf", "resource \"aws_vpc\" \"this\" {}")]));
    assert_eq!((plain.name.as_str(), plain.aliases.len()), ("aws", 0));
    let named = source(&[
        (
            "main.tf",
            r#"
            terraform {
              required_providers {
                cloud = { source = "hashicorp/aws", version = "~> 6.0" }
                other = { source = "example/aws" }
              }
            }
            provider "cloud" {}
            provider "cloud" {
              alias  = "edge"
              region = "us-east-1"
            }
            provider "other" { alias = "x" }
            "#,
        ),
        ("more.tf.json", r#"{"provider": {"cloud": [{"alias": "dns"}]}}"#),
        ("broken.tf", "resource {"),
    ]);
    let named = AwsProvider::of(&named);
    let aliases: Vec<&str> = named.aliases.keys().map(String::as_str).collect();
    assert_eq!((named.name.as_str(), aliases), ("cloud", vec!["dns", "edge"]));
}

#[test]
fn tags_and_roles_of_a_configuration_are_read() {
    let read = AwsProvider::of(&source(&[
        (
            "main.tf",
            r#"
            provider "aws" {
              default_tags {
                tags = { CostCenter = "base" }
              }
            }
            provider "aws" {
              alias = "dns"
              assume_role {
                role_arn = var.dns_role # the zones
              }
            }
            "#,
        ),
        (
            "a_override.tf",
            "provider \"aws\" {\n  default_tags {\n    tags = { CostCenter = \"override\" }\n  }\n}\n",
        ),
        (
            "more.tf.json",
            r#"{"provider": {"aws": {
                "alias": "edge", "default_tags": {"tags": {"Team": "${var.team}"}}, "assume_role": [{"role_arn": "arn:a"}]
            }}}"#,
        ),
    ]));
    assert_eq!(read.default.tags, Some(json!("${\n{ CostCenter = \"override\" }\n}")));
    let roles = |alias: &str| Value::from(read.aliases[alias].roles.clone());
    assert_eq!(roles("dns"), json!([{"role_arn": "${\nvar.dns_role\n}"}]));
    assert_eq!(roles("edge"), json!([{"role_arn": "arn:a"}]));
    assert_eq!(read.aliases["edge"].tags, Some(json!({"Team": "${var.team}"})));
}

#[test]
fn provider_block_in_a_called_module_is_rejected() {
    let called = |providers: &str, block: &str| {
        let call = format!("module \"m\" {{\n  source = \"./m\"\n{providers}\n}}\n");
        source(&[("main.tf", &call), ("m/main.tf", block), ("unused/main.tf", block)])
    };
    let rejected = vec![("files.m/main.tf".to_owned(), 2, "remove the block, or".to_owned())];
    let region = "\nprovider \"aws\" {\n  region = \"eu-west-1\"\n}\n";
    let empty = "\nprovider \"aws\" {\n  alias = \"peer\"\n}\n";
    for (providers, block, expected) in [
        ("", region, rejected.clone()),
        ("  providers = { aws = aws.x }", region, rejected.clone()),
        // Terraform gives it a configuration of its own unless the call passes one.
        ("", empty, rejected.clone()),
        ("  providers = { aws = aws.x }", empty, rejected),
        ("  providers = { aws.peer = aws.x }", empty, vec![]),
        ("", "provider \"tls\" {\n  proxy {}\n}\n", vec![]),
    ] {
        assert_eq!(found(&called(providers, block), false), expected, "{providers} {block}");
    }
    let other = "terraform {\n  required_providers {\n    aws = { source = \"example/aws\" }\n  }\n}\nprovider \"aws\" {\n  a = 1\n}\n";
    assert!(found(&called("", other), true).is_empty());
    let json = source(&[
        ("main.tf.json", r#"{"module": {"m": {"source": "./m"}}}"#),
        ("m/main.tf.json", r#"{"provider": {"aws": {"region": "eu-west-1"}}}"#),
    ]);
    assert_eq!(found(&json, false)[0].0, "files.m/main.tf.json");
}

#[test]
fn credentials_beside_the_role_of_an_environment_are_rejected() {
    let block = |content: &str| source(&[("main.tf", &format!("provider \"aws\" {{\n{content}\n}}\n"))]);
    let role = "assume_role {\n  role_arn = \"arn:a\"\n}";
    let dynamic = "dynamic \"assume_role\" {\n  for_each = []\n  content {}\n}";
    for (content, remedy) in [
        (role.to_owned(), Some("remove `assume_role`")),
        (dynamic.to_owned(), Some("remove `assume_role`")),
        (format!("alias = \"dns\"\n{role}"), None),
        (format!("alias = \"dns\"\n{dynamic}"), Some("write `assume_role` ")),
        (
            "alias = \"dns\"\nassume_role_with_web_identity {\n}".to_owned(),
            Some("remove `assume_role_"),
        ),
        ("access_key = \"a\"".to_owned(), Some("remove `access_key`;")),
        ("profile = var.profile".to_owned(), None),
        ("token = null".to_owned(), None),
        ("region = \"eu-west-1\"".to_owned(), None),
    ] {
        let found = |assumes_role| {
            let problems = found(&block(&content), assumes_role).into_iter();
            problems.map(|(_, _, remedy)| remedy).collect::<Vec<_>>()
        };
        assert_eq!(found(true), Vec::from_iter(remedy), "{content}");
        assert_eq!(found(false), [""; 0], "{content}");
    }
    let tags = block("dynamic \"default_tags\" {\n  for_each = []\n  content {}\n}");
    assert_eq!(found(&tags, false).len(), 1);
    let twice = r#"{"provider": {"aws": {"default_tags": {"tags": {"a": "b", "a": "c"}}}}}"#;
    assert_eq!(found(&source(&[("main.tf.json", twice)]), false).len(), 1);
}

#[test]
fn roles_are_chained_by_versions_that_support_it() {
    let main = "provider \"aws\" {\n  alias = \"dns\"\n  assume_role {\n    role_arn = var.role\n  }\n}\n";
    for (version, is_rejected) in [("5.66.0", true), ("5.67.0", false), ("6.1.0", false)] {
        let lock = format!("provider \"registry.terraform.io/hashicorp/aws\" {{\n  version = \"{version}\"\n}}\n");
        let source = source(&[("main.tf", main), (crate::terraform::LOCK_FILE, &lock)]);
        assert_eq!(found(&source, true).len(), usize::from(is_rejected), "{version}");
        assert!(found(&source, false).is_empty(), "{version}");
    }
}
