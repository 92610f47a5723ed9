//! Faults, one for each row, and the place at which a check has to name it.
//!
//! The line is the first that differs from the blueprint without faults, unless the row names a text in it.

/// A fault.
pub struct Fault {
    /// The file that is changed, or new.
    pub file: &'static str,
    /// What is replaced in it, the first time that it stands there; nothing for a new file.
    pub find: &'static str,
    /// By what.
    pub text: &'static str,
    /// One more new file.
    pub more: Option<(&'static str, &'static str)>,
    /// The file in which the fault is to be found.
    pub at: &'static str,
    /// A text in the line of the fault; `#2 text` for the second line that has it.
    pub line: Option<&'static str>,
}

const fn edit(file: &'static str, find: &'static str, text: &'static str) -> Fault {
    Fault {
        file,
        find,
        text,
        more: None,
        at: file,
        line: None,
    }
}

const fn new(file: &'static str, text: &'static str) -> Fault {
    edit(file, "", text)
}

impl Fault {
    const fn line(mut self, line: &'static str) -> Self {
        self.line = Some(line);
        self
    }

    const fn at(mut self, file: &'static str) -> Self {
        self.at = file;
        self
    }

    const fn and(mut self, file: &'static str, text: &'static str) -> Self {
        self.more = Some((file, text));
        self
    }
}

/// The faults.
pub const FAULTS: &[Fault] = &[
    // Syntax.
    edit("variables.tf", "type        = number", "type        ="),
    edit("main.tf", "stack      = terraform.workspace", "stack      = \"${terraform.workspace"),
    edit("outputs.tf", "    notes        = { hello = terraform_data.web.output.name }\n  }\n}\n", "    notes        = { hello = terraform_data.web.output.name }\n  }\n").line("output \"slipway\""),
    edit("main.tf", "\">= 1.10\"\n}", "\">= 1.10\"\n}}"),
    edit("main.tf", "resource \"terraform_data\" \"web\" {", "resource \"terraform_data\" \"web\""),
    edit("main.tf", "terraform {", "/* terraform {"),
    edit("main.tf", "input = { name = module.names.web, size = var.size }", "input = <<EOT"),
    edit("outputs.tf", "[\"./app\", \"migrate\"]", "[\"./app\", \"migrate\")"),
    edit("names/main.tf", "type = string\n}", "type = string").line("variable \"stack\""),
    edit("main.tf", "size = var.size }", "size = var.size + }"),
    edit("main.tf", "locals {", "locals @ {"),
    edit("outputs.tf", "cluster   = \"main\"", "cluster   \"main\""),
    edit("variables.tf", "var.size > 0", "var.size >"),
    new("more.tf.json", "{\n  \"locals\": {\n    \"x\": 1,\n  }\n}\n").line("  }"),
    // Types, defaults and arguments of variables.
    edit("variables.tf", "type        = number", "type        = text"),
    edit("variables.tf", "type        = number", "type        = \"number\""),
    edit("variables.tf", "type        = number", "type        = list(string, number)"),
    edit("variables.tf", "type        = number", "type        = tuple(string)"),
    edit("variables.tf", "cost  = optional(number, 1)", "cost  = text"),
    edit("variables.tf", "cost  = optional(number, 1)", "cost  = optional(number, \"x\")"),
    edit("variables.tf", "owner = string", "\"owner\" = string"),
    edit("variables.tf", "default     = 2", "default     = \"two\""),
    edit("variables.tf", "default     = 2", "default     = file(\"size\")"),
    edit("variables.tf", "default     = 2", "default     = var.tags.cost"),
    edit("variables.tf", "default     = 2", "default     = null"),
    edit("variables.tf", "nullable    = false", "nullable    = \"maybe\""),
    edit("variables.tf", "nullable    = false", "sensitive   = var.size"),
    edit("variables.tf", "nullable    = false", "nulable    = false"),
    edit("variables.tf", "nullable    = false", "type = number"),
    edit("variables.tf", "  validation {", "  validations {"),
    edit("variables.tf", "description = \"How large the stack is.\"", "description = null"),
    edit("variables.tf", "{ owner = \"platform\" }", "{ cost = 1 }"),
    edit("variables.tf", "{ owner = \"platform\" }", "{ owner = [\"a\"] }"),
    new("zz.tf", "variable \"size\" {}\n"),
    new("more.tf", "variable \"source\" {\n  default = 1\n}\n"),
    new("more.tf", "variable \"1st\" {\n  default = 1\n}\n"),
    new("more.tf", "# two\nvariable \"a\" \"b\" {\n  default = 1\n}\n").line("\"a\" \"b\""),
    new("more_override.tf", "variable \"none\" {\n  default = 1\n}\n"),
    new("more.tf.json", "{\n  \"variable\": {\n    \"x\": {\n      \"type\": \"text\",\n      \"default\": 1\n    }\n  }\n}\n").line("\"text\""),
    new("more.tf.json", "{\n  \"variable\": {\n    \"x\": {\n      \"typo\": \"string\",\n      \"default\": 1\n    }\n  }\n}\n").line("typo"),
    new("more.tf.json", "{\n  \"variable\": [\n    { \"x\": { \"type\": \"number\",\n      \"default\": \"one\" } }\n  ]\n}\n").line("\"one\""),
    // Validations.
    edit("variables.tf", "    error_message = \"The size is positive.\"\n", "").line("validation {"),
    edit("variables.tf", "    condition     = var.size > 0\n", "").line("validation {"),
    edit("variables.tf", "var.size > 0", "1 > 0"),
    edit("variables.tf", "var.size > 0", "var.sizes > 0"),
    edit("variables.tf", "    error_message = \"The size is positive.\"\n", "    error_message = \"The size is positive.\"\n    severity = 1\n"),
    // Files of values.
    edit("terraform.tfvars", "size = 3", "size = [3]"),
    edit("terraform.tfvars", "size = 3", "size ="),
    edit("terraform.tfvars", "size = 3", "size = \"three\""),
    edit("terraform.tfvars", "size = 3\n", "size = 3\nsize = 4\n"),
    edit("terraform.tfvars", "size = 3\n", "size {\n}\n"),
    edit("terraform.tfvars", "size = 3", "size = var.size"),
    new("more.auto.tfvars.json", "{\n  \"size\": \n}\n").line("}"),
    new("more.auto.tfvars.json", "{\n  \"tags\": {\"owner\": \"a\"},\n  \"size\": \"three\"\n}\n").line("three"),
    new("more.auto.tfvars.json", "[1]\n"),
    // Modules.
    edit("main.tf", "\"./names\"", "\"/srv/names\""),
    edit("main.tf", "\"./names\"", "\"file:///srv/names\""),
    edit("main.tf", "\"./names\"", "\"~/names\""),
    edit("main.tf", "\"./names\"", "\"./nam\""),
    edit("main.tf", "\"./names\"", "\"../outside\""),
    edit("main.tf", "\"./names\"", "\"./${local.stack}\""),
    edit("main.tf", "  source = \"./names\"\n", "").line("module \"names\""),
    edit("main.tf", "  stack  = local.stack\n", "").line("module \"names\""),
    edit("main.tf", "  stack  = local.stack\n", "  stack  = local.stack\n  stak = 1\n"),
    edit("main.tf", "module.names.web", "module.nams.web"),
    edit("main.tf", "module.names.web", "module.names.wep"),
    edit("names/main.tf", "var.stack", "var.stak"),
    edit("names/main.tf", "output \"web\" {", "output \"web\" {\n  valeu = 1"),
    edit("main.tf", "resource \"terraform_data\"", "module \"names\" {\n  source = \"./names\"\n  stack  = 1\n}\n\nresource \"terraform_data\""),
    new("more.tf.json", "{\n  \"module\": {\n    \"m\": {\n      \"source\": \"/srv/m\"\n    }\n  }\n}\n").line("/srv"),
    // References and resources.
    edit("main.tf", "var.size", "var.sise"),
    edit("main.tf", "local.stack", "local.stak"),
    edit("outputs.tf", "terraform_data.web.output", "terraform_data.wep.output"),
    edit("outputs.tf", "terraform_data.web.output.name", "data.terraform_remote_state.none.outputs.name"),
    edit("outputs.tf", "terraform_data.web.output.name", "terraform_data.web.outputs"),
    edit("main.tf", "input = {", "imput = {"),
    edit("main.tf", "terraform.workspace", "lower(terraform.workspce)"),
    edit("main.tf", "terraform.workspace", "lenght(terraform.workspace)"),
    edit("main.tf", "terraform.workspace", "lower()"),
    new("more.tf", "resource \"terraform_data\" \"web\" {\n}\n"),
    new("more.tf", "locals {\n  timeout = 1\n}\n").line("timeout"),
    new("zz.tf", "output \"slipway\" {\n  value = {}\n}\n"),
    new("more.tf", "resorce \"a\" \"b\" {\n}\n"),
    edit("main.tf", "\">= 1.10\"", "\">= one\""),
    edit("main.tf", "\">= 1.10\"", "\">= 99.0\""),
    edit("main.tf", "required_version =", "required_versions ="),
    // The contract: references and names.
    edit("outputs.tf", "name = \"seed\", service = \"worker\"", "name = \"seed\", service = \"missing\""),
    edit("outputs.tf", "load = { service = \"web\"", "load = { service = \"missing\""),
    edit("outputs.tf", "-nightly\", service = \"worker\"", "-nightly\", service = \"missing\""),
    edit("outputs.tf", "name = \"files\", service = \"worker\"", "name = \"files\", service = \"missing\""),
    edit("outputs.tf", "name = \"seed\"", "name = \"schema\"").line("\"./app\", \"seed\""),
    edit("outputs.tf", "load = {", "Load = {"),
    edit("outputs.tf", "name = \"seed\"", "name = \"See D\""),
    // The contract: attributes.
    edit("outputs.tf", "        name            = \"${local.stack}-worker\"\n", "").line("worker = {"),
    edit("outputs.tf", "        desired_count   = 1\n", "").line("worker = {"),
    edit("outputs.tf", "        scaling         = { min = 0, max = 4 }\n        task_definition = { containerDefinitions = local.containers }\n", "").line("worker = {"),
    edit("outputs.tf", "desired_count   = 1", "desired_count   = \"one\""),
    edit("outputs.tf", "desired_count   = 1", "desired_count   = 1.5"),
    edit("outputs.tf", "desired_count   = 1", "desired_cuont   = 1\n        desired_count = 1").line("desired_cuont"),
    edit("outputs.tf", "max = 4", "max = -1"),
    edit("outputs.tf", "min = 0, max = 4", "min = 5, max = 4"),
    edit("outputs.tf", "rollout_timeout_seconds = 600", "rollout_timeout_seconds = 10"),
    edit("outputs.tf", "task_definition         = { containerDefinitions = local.containers }", "task_definition         = { containerDefinitions = [] }"),
    edit("outputs.tf", "task_definition         = { containerDefinitions = local.containers }", "task_definition         = \"app\""),
    edit("main.tf", "[{ name = \"app\" }]", "[{ image = \"app\" }]"),
    edit("main.tf", "timeout    = 60", "timeout    = \"long\"").at("outputs.tf").line("local.timeout"),
    edit("outputs.tf", "kind = \"rds-instance\"", "kind = \"mysql\""),
    edit("outputs.tf", "id = \"main\" }", "identifier = \"main\", id = \"x\" }"),
    edit("outputs.tf", "[\"subnet-1\"]", "\"subnet-1\""),
    edit("outputs.tf", "[\"sg-1\"]", "[\"sg-1\", 2]"),
    edit("outputs.tf", "assign_public_ip = false", "assign_public_ip = \"sometimes\""),
    edit("outputs.tf", "\"https://example.test/healthz\"", "\"ftp://example.test\""),
    edit("outputs.tf", "expect = 200", "expect = 99"),
    edit("outputs.tf", "bake_seconds = 5", "bake_seconds = 3600"),
    edit("outputs.tf", "bake_seconds = 5", "bake_second = 5"),
    edit("outputs.tf", "[\"./app\", \"seed\"]", "\"./app seed\""),
    edit("outputs.tf", "[\"./app\", \"seed\"]", "[]"),
    edit("outputs.tf", "\"seed\"] }", "\"seed\"], timeout_seconds = 0 }"),
    edit("outputs.tf", "    cluster   = \"main\"\n", "").line("value = {"),
    edit("outputs.tf", "migrations = [", "migrations = [\n      \"schema\",").line("\"schema\","),
    edit("outputs.tf", "terraform_data.web.output.name", "[\"a\"]"),
    edit("outputs.tf", "\"https://example.test\" }", "\"\" }"),
    edit("outputs.tf", "  value = {", "  sensitive = true\n  value = {"),
    edit("outputs.tf", "output \"slipway\"", "output \"slipways\"").line("output"),
    edit("outputs.tf", "\"seed\"] }", "\"seed\"], timeout_seconds = 86400 },\n      { name = \"a\", service = \"web\", command = [\"a\"], timeout_seconds = 86400 }").line("migrations = ["),
    // Files that the runner owns, and backends.
    new("slipway_override.tf.json", "{}\n"),
    new("zz_override.tf", ""),
    new("zz.auto.tfvars", ""),
    edit("main.tf", "required_version = \">= 1.10\"", "required_version = \">= 1.10\"\n  cloud {}"),
    // blueprint.json.
    edit("blueprint.json", "\"1.0.0\",", "\"1.0.0\"").line("description"),
    edit("blueprint.json", "\"1.0.0\"", "\"one\""),
    edit("blueprint.json", "\"1.0.0\"", "\"1.0.0+build\""),
    edit("blueprint.json", "\"base\"", "\"Base Line\""),
    edit("blueprint.json", "\"name\": \"base\"", "\"nmae\": \"base\""),
    // The lock file.
    new(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.x\"\n  hashes = [\"h1:a=\"]\n}\n").line("1.x"),
    new(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n}\n"),
    new(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n  hashes = [\n    \"h1:a=\",\n    \"md5:a\",\n  ]\n}\n").line("md5"),
    new(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:a=\"]\n}\nprovider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:a=\"]\n}\n").line("#2 provider"),
    new(".terraform.lock.hcl", "provider \"none\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:a=\"]\n}\n"),
    new(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n"),
    edit("main.tf", "required_version = \">= 1.10\"", "required_providers {\n    none = { source = \"example/none\", version = \"~> 2.0\" }\n  }").and(".terraform.lock.hcl", "provider \"registry.terraform.io/example/none\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:a=\"]\n}\n").at(".terraform.lock.hcl").line("1.0.0"),
    edit("main.tf", "required_version = \">= 1.10\"", "required_providers {\n    none = { source = \"example/none\", version = \"~> 2.0\" }\n  }").and(".terraform.lock.hcl", "# empty\n").line("example/none"),
];
