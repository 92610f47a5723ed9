#!/usr/bin/env python3
"""Records plans of the Terraform on PATH as fixtures: `python3 crates/model/tests/plans/record.py`.

Each case is what a state was made from (nothing where there is none), what is planned, and more arguments of `plan`. Terraform's
built-in provider is all that it needs.
"""

import json
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent

DATA = 'resource "terraform_data" "%s" { input = %s }\n'


def data(name, value, more=""):
    return f'resource "terraform_data" "{name}" {{\n  input = {value}\n{more}}}\n'


LINES = "\\n".join(f"line {number}" for number in range(60)) + "\\n"

SECRET = 'variable "secret" {\n  sensitive = true\n  default   = "%s"\n}\n'

PROVISIONER = '  provisioner "local-exec" {\n    command = "true"\n  }\n'

MODULE = 'module "%s" {\n  source = "./child"\n}\n'

CASES = {
    "create": (None, data("a", '{ name = "web", ports = [80, 443], nested = { deep = [{ x = 1 }] }, none = null }')),
    "create_many": (None, 'resource "terraform_data" "n" {\n  count = 12\n  input = count.index\n}\n'),
    "update": (data("a", '{ size = 1, tags = { "a b" = "x", c = "y" } }'), data("a", '{ size = 2, tags = { c = "z", d = null } }')),
    "update_list": (data("a", '["a", "b", "c", "d"]'), data("a", '["a", "c", "d", "e"]')),
    "update_kind": (data("a", '{ x = [1] }'), data("a", '{ x = "1" }')),
    "delete": (data("a", 1) + data("b", 2), data("a", 1)),
    "destroy": (data("a", 1) + data("b", '{ x = "y" }'), data("a", 1) + data("b", '{ x = "y" }'), "-destroy"),
    "replace": (data("a", 1, "  triggers_replace = [1]\n"), data("a", 1, "  triggers_replace = [2]\n")),
    "replace_create_first": (
        data("a", 1, "  triggers_replace = { v = 1 }\n  lifecycle {\n    create_before_destroy = true\n  }\n"),
        data("a", 1, "  triggers_replace = { v = 2 }\n  lifecycle {\n    create_before_destroy = true\n  }\n"),
    ),
    "replace_by_request": (data("a", 1), data("a", 1), "-replace=terraform_data.a"),
    "replace_by_triggers": (
        data("a", 1) + data("b", 1, "  lifecycle {\n    replace_triggered_by = [terraform_data.a]\n  }\n"),
        data("a", 2) + data("b", 1, "  lifecycle {\n    replace_triggered_by = [terraform_data.a]\n  }\n"),
    ),
    "count_falls": (data("a", 1, "  count = 3\n"), data("a", 1, "  count = 1\n")),
    "key_is_removed": (
        data("a", "each.key", '  for_each = toset(["x", "y \\" z"])\n'),
        data("a", "each.key", '  for_each = toset(["x"])\n'),
    ),
    "count_is_removed": (data("a", 1, "  count = 1\n"), data("b", 1)),
    "module_is_removed": (MODULE % "m", ""),
    "moved": (data("a", 1), data("b", 1) + "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n"),
    "moved_and_updated": (data("a", 1), data("b", 2) + "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n"),
    "moved_into_module": (
        data("inner", '"m"'),
        MODULE % "m" + "moved {\n  from = terraform_data.inner\n  to   = module.m.terraform_data.inner\n}\n",
    ),
    "imported": (None, data("a", "null") + 'import {\n  to = terraform_data.a\n  id = "abc-123"\n}\n'),
    "imported_and_updated": (None, data("a", 5) + 'import {\n  to = terraform_data.a\n  id = "abc-123"\n}\n'),
    "forgotten": (
        data("a", '{ x = 1 }') + data("b", 1),
        data("b", 1) + "removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = false\n  }\n}\n",
    ),
    "sensitive": (
        SECRET % "hunter2-before" + data("a", '{ user = "ann", password = var.secret }'),
        SECRET % "hunter2-after" + data("a", '{ user = "bob", password = var.secret }'),
    ),
    "sensitive_in_a_list": (
        SECRET % "hunter2-before" + data("a", '[{ k = "x", v = var.secret }, { k = "y", v = "open" }]'),
        SECRET % "hunter2-after" + data("a", '[{ k = "x", v = var.secret }, { k = "y", v = "shut" }, { k = "z", v = var.secret }]'),
    ),
    "sensitive_from_now_on": (data("a", '{ key = "hunter2" }'), SECRET % "hunter2" + data("a", "{ key = var.secret }")),
    "sensitive_key_of_replacement": (
        SECRET % "hunter2-before" + data("a", 1, "  triggers_replace = var.secret\n"),
        SECRET % "hunter2-after" + data("a", 1, "  triggers_replace = var.secret\n"),
    ),
    "unknown": (data("b", '{ x = "old", y = [1] }'), data("a", 1) + data("b", "{ x = terraform_data.a.id, y = [1, terraform_data.a.id] }")),
    "outputs": (
        'output "same" { value = 1 }\noutput "gone" { value = [1] }\noutput "changed" { value = { a = 1 } }\n',
        data("a", 1) + 'output "same" { value = 1 }\noutput "changed" { value = { a = 2 } }\noutput "new" { value = terraform_data.a.id }\n',
    ),
    "outputs_sensitive": (
        SECRET % "hunter2-before" + 'output "s" {\n  value     = var.secret\n  sensitive = true\n}\n',
        SECRET % "hunter2-after" + 'output "s" {\n  value     = var.secret\n  sensitive = true\n}\n',
    ),
    "contract": (
        'output "slipway" { value = { services = { web = { name = "w", desired_count = 1, task_definition = { cpu = "256",'
        ' containerDefinitions = [{ name = "web", environment = [{ name = "A", value = "1" }] }] } } },'
        ' migrations = [{ name = "schema", service = "web", command = ["m"] }] } }\n',
        'output "slipway" { value = { services = { web = { name = "w", desired_count = 1, task_definition = { cpu = "512",'
        ' containerDefinitions = [{ name = "web", environment = [{ name = "A", value = "2" }] }] } } },'
        ' migrations = [{ name = "schema", service = "web", command = ["m"] }, { name = "data", service = "web", command = ["d"] }] } }\n',
    ),
    "long_text": (data("a", f'"{LINES}"'), data("a", '"' + LINES.replace("line 30", "another line") + '"')),
    "json_text": (
        data("a", 'jsonencode({ Statement = [{ Action = "s3:Get*", Effect = "Allow" }] })'),
        data("a", 'jsonencode({ Statement = [{ Action = "s3:*", Effect = "Allow" }, { Action = "x" }] })'),
    ),
    "escapes": (None, data("a", '"\\u001b[2J ${"$"}{x} \\u202e ü \\u0000"'.replace("\\u0000", ""))),
    "check_fails": (
        None,
        data("a", 1) + 'check "c" {\n  assert {\n    condition     = terraform_data.a.input == 2\n    error_message = "one is not two"\n  }\n}\n',
    ),
    "condition_is_unknown": (
        None,
        data("a", 1, '  lifecycle {\n    postcondition {\n      condition     = self.id != ""\n      error_message = "no id"\n    }\n  }\n'),
    ),
    "data_is_read": (
        None,
        data("a", '"x"')
        + 'data "terraform_remote_state" "r" {\n  backend = "local"\n  config  = { path = terraform_data.a.output }\n}\n',
    ),
    "provisioners": (
        data("b", 1, "  triggers_replace = [1]\n") + data("c", 1),
        data("a", "each.key", '  for_each = toset(["x.y"])\n' + PROVISIONER)
        + data("b", 1, "  triggers_replace = [2]\n" + PROVISIONER * 2)
        + data("c", 2, PROVISIONER),
    ),
    "nothing": (data("a", 1), data("a", 1)),
    "refresh_only": (data("a", 1), data("a", 1), "-refresh-only"),
}


def terraform(folder, *arguments):
    done = subprocess.run(["terraform", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout


def record(name, before, after, *more):
    with tempfile.TemporaryDirectory() as folder:
        main = pathlib.Path(folder, "main.tf")
        child = pathlib.Path(folder, "child")
        child.mkdir()
        child.joinpath("main.tf").write_text(data("inner", '"m"'))
        if before is not None:
            main.write_text(before)
            terraform(folder, "init", "-input=false")
            terraform(folder, "apply", "-auto-approve", "-input=false")
        main.write_text(after)
        terraform(folder, "init", "-input=false")
        terraform(folder, "plan", "-out=plan", "-input=false", *more)
        plan = terraform(folder, "show", "-json", "plan")
    # What is another one each time.
    plan = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-0000-0000-000000000000", plan)
    plan = re.sub(r'"timestamp":"[^"]*"', '"timestamp":"2026-11-29T00:00:00Z"', plan)
    text = json.dumps(json.loads(plan), indent=1, ensure_ascii=True)
    HERE.joinpath(f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    for name, case in CASES.items():
        record(name, *case)
        print(name)
