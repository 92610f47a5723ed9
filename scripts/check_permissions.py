#!/usr/bin/env python3
"""Compares what the programs on AWS call with what template.yaml and the accounts of environments let them call.

Every call of an AWS client in functions/*, crates/runner and, as far as it is reached from those, crates/store is read
from the sources, and every task from the state machine. What follows from a call without being one (the rule that `.sync`
needs, the role that a task definition passes on, what Terraform does to the bucket of its states) is in the tables below,
each with its reason. What the workflow calls with `Credentials`, and what the steps call through `StackAccount`, is done with the
release role of an environment: in another account the one of aws/target-account, or of tf/modules/target-account. Then each role
must allow exactly this:

  missing   a call that the role does not allow, or not on what it is about
  unused    an action that is never called
  wider     a resource that the call is not about, a wildcard in an action, a `*` that AWS does not force

    python3 scripts/check_permissions.py               needs PyYAML
    python3 scripts/check_permissions.py --self-test   changes a copy of the sources and expects to be told

A new call needs a line in RESOURCES, unless its action has one: which resource it is about cannot be read from its source.
A call on a client that is hidden from this reader (behind a generic, in another crate) is found by its `.send()`.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent

# ------------------------------------------------------------------------------------------------ what there is

ACCOUNT = "${AWS::Region}:${AWS::AccountId}"

# The resources of the template, by the names that are used below. Some can be written in two ways.
NAMES = {
    "${Table.Arn}": "table",
    "${ArtifactsBucket.Arn}": "artifacts",
    "${StateBucket.Arn}": "states",
    "${FunctionLogs.Arn}": "function logs",
    "${BuildLogs.Arn}": "build logs",
    "${Builds.Arn}": "project",
    "${StepsFunction.Arn}": "steps",
    "${UnhandledEvents.Arn}": "unhandled events",
    "${Operation}": "machine",
    f"arn:${{AWS::Partition}}:codebuild:{ACCOUNT}:project/${{AWS::StackName}}-runner": "project",
    f"arn:${{AWS::Partition}}:states:{ACCOUNT}:stateMachine:${{AWS::StackName}}-operation": "machine",
    f"arn:${{AWS::Partition}}:states:{ACCOUNT}:execution:${{AWS::StackName}}-operation:": "executions:",
    f"arn:${{AWS::Partition}}:logs:{ACCOUNT}:log-group:/slipway/stacks/": "logs of stacks/",
    f"arn:${{AWS::Partition}}:ecs:{ACCOUNT}:": "ecs:",
    f"arn:${{AWS::Partition}}:scheduler:{ACCOUNT}:schedule/": "schedule/",
    f"arn:${{AWS::Partition}}:rds:{ACCOUNT}:": "rds:",
    f"arn:${{AWS::Partition}}:events:{ACCOUNT}:rule/": "rule/",
    f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/slipway/": "roles of stacks/",
    "arn:${AWS::Partition}:iam::*:role/slipway-environment-": "roles of environments-",
    "arn:${AWS::Partition}:iam::*:role/slipway-release-": "release roles of environments-",
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-release": "own release role",
    "arn:${AWS::Partition}:events:*:*:event-bus/slipway-results": "result buses",
    f"arn:${{AWS::Partition}}:events:{ACCOUNT}:event-bus/default": "default bus",
}

# What IAM calls a service, where the name of its crate is another.
SERVICES = {"sfn": "states", "cloudwatchlogs": "logs", "eventbridge": "events"}

# Calls that IAM knows by the name of another one.
OTHER_NAMES = {
    ("s3", "head_object"): "s3:GetObject",
    ("s3", "list_objects_v2"): "s3:ListBucket",
    ("s3", "head_bucket"): "s3:ListBucket",
}

# Methods that are no calls: of clients, and of what has the name of a client somewhere else.
NO_CALLS = {"build", "clone", "config", "is_empty", "iter", "len"}

# What a call is about. By role where it is not the same for all.
RESOURCES = {
    "dynamodb:GetItem": ["table"],
    "dynamodb:BatchGetItem": ["table"],
    "dynamodb:PutItem": ["table"],
    "dynamodb:DeleteItem": ["table"],
    # And the indexes that are queried: `queried` finds them.
    "dynamodb:Query": ["table"],
    "states:StartExecution": ["machine"],
    "states:SendTaskSuccess": ["machine"],
    "states:SendTaskFailure": ["machine"],
    "states:StopExecution": ["executions:*"],
    "states:DescribeExecution": ["executions:*"],
    "codebuild:StartBuild": ["project"],
    "codebuild:StopBuild": ["project"],
    "codebuild:BatchGetBuilds": ["project"],
    # Builds print into the one group, the containers of stacks into others, which blueprints name so.
    ("api", "logs:GetLogEvents"): ["build logs", "logs of stacks/*"],
    ("steps", "logs:GetLogEvents"): ["logs of stacks/*"],
    "ecs:RegisterTaskDefinition": ["*"],
    "ecs:DescribeTaskDefinition": ["*"],
    "ecs:DescribeServices": ["ecs:service/*"],
    "ecs:ListServiceDeployments": ["ecs:service/*"],
    "ecs:DescribeServiceDeployments": ["ecs:service/*", "ecs:service-deployment/*"],
    "ecs:DescribeServiceRevisions": ["ecs:service/*", "ecs:service-revision/*"],
    "ecs:UpdateService": ["ecs:service/*"],
    "ecs:DescribeTasks": ["ecs:task/*"],
    "ecs:ListTasks": ["*"],
    "ecs:StopTask": ["ecs:task/*"],
    "ecs:RunTask": ["ecs:task-definition/*"],
    # Of any group, with a stack's id at the beginning of the name.
    "scheduler:GetSchedule": ["schedule/*/?????-?????-*"],
    "scheduler:UpdateSchedule": ["schedule/*/?????-?????-*"],
    ("api", "s3:PutObject"): ["artifacts/blueprints/*", "artifacts/uploads/*"],
    ("api", "s3:GetObject"): ["artifacts/uploads/*", "artifacts/operations/*/log/*"],
    ("steps", "s3:GetObject"): ["artifacts/operations/*"],
    # What the runner reads of a state is the lock that another build left.
    ("runner", "s3:GetObject"): [
        "artifacts/blueprints/*",
        "artifacts/operations/*",
        "artifacts/prepared/*",
        "artifacts/providers/*",
        "states/stacks/*",
    ],
    ("runner", "s3:PutObject"): ["artifacts/operations/*", "artifacts/prepared/*"],
    ("runner", "s3:DeleteObject"): ["states/stacks/*"],
    # What there is of a stack's state, and of its lock.
    ("runner", "s3:ListBucket"): ["states"],
    # Each source account has a bus of this name for what became of its requests.
    ("events", "events:PutEvents"): ["result buses"],
    ("sweep", "events:PutEvents"): ["default bus"],
    ("runner", "sts:AssumeRole"): ["${BuildsRole.Arn}"],
    ("steps", "sts:AssumeRole"): ["release roles of environments-*"],
    ("events", "sqs:SendMessage"): ["unhandled events"],
}

# Where AWS forces a `*`, and why.
FORCED = {
    "ecs:RegisterTaskDefinition": "has no resource level",
    "ecs:DescribeTaskDefinition": "has no resource level",
    "ecs:ListTasks": "its resource is a container instance, which Fargate does not have",
    "xray:*": "traces have no names",
    "logs:*LogDelivery": "the delivery of logs to a group has no name",
    "logs:ListLogDeliveries": "as above",
    "logs:PutResourcePolicy": "as above: policies of the account's logs",
    "logs:DescribeResourcePolicies": "as above",
    "logs:DescribeLogGroups": "as above: AWS's documentation asks for the star",
}

# ------------------------------------------------------------------------------------------------ what follows

# Every function: Lambda itself writes its log and its traces by its role.
LAMBDA = {
    "logs:CreateLogStream": ["function logs"],
    "logs:PutLogEvents": ["function logs"],
    "xray:PutTraceSegments": ["*"],
    "xray:PutTelemetryRecords": ["*"],
}

# The events function: Lambda puts aside what it could not handle, with the reason (EventInvokeConfig).
EVENTS = {"sqs:SendMessage": ["unhandled events"]}

# The state machine: Step Functions writes its log and its traces.
MACHINE = {
    **{f"logs:{verb}LogDelivery": ["*"] for verb in ["Create", "Delete", "Get", "Update"]},
    "logs:ListLogDeliveries": ["*"],
    "logs:PutResourcePolicy": ["*"],
    "logs:DescribeResourcePolicies": ["*"],
    "logs:DescribeLogGroups": ["*"],
    **{
        f"xray:{action}": ["*"]
        for action in ["GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"]
    },
}

# The builds: CodeBuild writes their log, and fetches the toolchain, which is their source.
BUILD = {
    "logs:CreateLogStream": ["build logs"],
    "logs:PutLogEvents": ["build logs"],
    "s3:GetObject": ["artifacts/toolchain/*"],
    "s3:GetObjectVersion": ["artifacts/toolchain/*"],
}

# What the files that the runner gives to Terraform make it do, by the words in crates/runner/src/overrides.rs.
TERRAFORM = {
    "use_lockfile": {
        "s3:GetObject": ["states/stacks/*"],
        "s3:PutObject": ["states/stacks/*"],
        "s3:DeleteObject": ["states/stacks/*"],
        "s3:ListBucket": ["states"],
    },
    "assume_role": {"sts:AssumeRole": ["roles of environments-*"]},
    "source_identity": {"sts:SetSourceIdentity": ["roles of environments-*"]},
}

# What a call needs besides itself.
CONSEQUENCES = {
    # A task definition names the roles of its tasks.
    "ecs:RegisterTaskDefinition": {"iam:PassRole": ["roles of stacks/*"]},
    # A schedule's target names the role by which it runs.
    "scheduler:UpdateSchedule": {"iam:PassRole": ["roles of stacks/*"]},
}
# With tags, registering is tagging as well.
TAGGED = {"ecs:TagResource": ["ecs:task-definition/*"]}
# Without the right to list, S3 says of a missing object that it is forbidden.
MISSING_OBJECTS = {"s3:ListBucket": ["artifacts"]}

# What a task of the state machine needs, by its resource.
EVENT_RULE = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]

# What tasks with `Credentials` need of the machine's own role. The rest they need of that which is assumed.
RELEASE_ROLES = {"sts:AssumeRole": ["own release role", "release roles of environments-*"]}
TASKS = {
    "lambda:invoke": {"lambda:InvokeFunction": ["steps:*"]},
    "lambda:invoke.waitForTaskToken": {"lambda:InvokeFunction": ["steps:*"]},
    # .sync: it stops the build when the execution is stopped, and hears of its end by a rule that it makes itself.
    "codebuild:startBuild.sync": {
        **{f"codebuild:{verb}": ["project"] for verb in ["StartBuild", "StopBuild", "BatchGetBuilds"]},
        **{action: ["rule/StepFunctionsGetEventForCodeBuildStartBuildRule"] for action in EVENT_RULE},
    },
    "ecs:runTask.sync": {
        "ecs:RunTask": ["ecs:task-definition/*"],
        "ecs:StopTask": ["ecs:task/*"],
        "ecs:DescribeTasks": ["ecs:task/*"],
        "iam:PassRole": ["roles of stacks/*"],
        # AWS does not say that a machine may be made without this right where the task has `Credentials`.
        **{action: ["rule/StepFunctionsGetEventsForECSTaskRule"] for action in EVENT_RULE},
    },
    "aws-sdk:ecs:updateService": {"ecs:UpdateService": ["ecs:service/*"]},
    # A snapshot's name has a stack's id and an operation's; a database's is the blueprint's own.
    "aws-sdk:rds:createDBSnapshot": {
        "rds:CreateDBSnapshot": ["rds:db:*", "rds:snapshot:?????-?????-op-*"],
        "rds:AddTagsToResource": ["rds:snapshot:?????-?????-op-*"],
    },
    "aws-sdk:rds:createDBClusterSnapshot": {
        "rds:CreateDBClusterSnapshot": ["rds:cluster:*", "rds:cluster-snapshot:?????-?????-op-*"],
        "rds:AddTagsToResource": ["rds:cluster-snapshot:?????-?????-op-*"],
    },
    "aws-sdk:rds:describeDBSnapshots": {"rds:DescribeDBSnapshots": ["rds:snapshot:?????-?????-op-*"]},
    "aws-sdk:rds:describeDBClusterSnapshots": {
        "rds:DescribeDBClusterSnapshots": ["rds:cluster-snapshot:?????-?????-op-*"]
    },
}

# ------------------------------------------------------------------------------------------------ Rust

LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|r(#+)".*?"\1|b?"(?:\\.|[^"\\])*"|\'(?:\\[^\']+|[^\'\\])\'', re.DOTALL
)


def code_of(path):
    """A source file without comments, texts that are more than a word, and its tests."""
    text = LITERAL.sub(word_of, path.read_text())
    tests = re.search(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)
    # A method call may stand on a line of its own.
    return re.sub(r"\s*\.\s*", ".", text[: tests.start()] if tests else text)


def word_of(literal):
    if re.fullmatch(r'"\w*"', literal[0]):
        return literal[0]
    return '""' if '"' in literal[0][:4] else ""


def functions_of(code):
    """The functions of a file: (name, parameters and body)."""
    for found in re.finditer(r"\bfn (\w+)", code):
        depth, body = 0, None
        for at in range(found.end(), len(code)):
            character = code[at]
            if character in "{([":
                if character == "{" and depth == 0:
                    body = at
                depth += 1
            elif character in "})]":
                depth -= 1
                if depth == 0 and body is not None:
                    yield found[1], code[found.end() : at + 1]
                    break
            elif character == ";" and depth == 0:
                break


class Crate:
    """The functions of a crate, and the AWS clients that they speak to."""

    def __init__(self, folder):
        files = [path for path in sorted(folder.rglob("*.rs")) if not path.stem.endswith("_tests")]
        self.code = {path: code_of(path) for path in files}
        self.clients = {path: clients_of(code) for path, code in self.code.items()}
        self.functions = [
            Function(path, name, body) for path, code in self.code.items() for name, body in functions_of(code)
        ]

    def calls(self, function):
        """The calls in a function: (service, operation)."""
        known = collections.defaultdict(set)
        for clients in self.clients.values():
            for name, service in clients.items():
                known[name].add(service)
        known.update({name: {service} for name, service in self.clients[function.path].items()})
        found = set()
        for name, method in re.findall(r"\b(\w+)\.(\w+)\(\)", function.body):
            if name not in known or method in NO_CALLS:
                continue
            if len(known[name]) > 1:
                raise SystemExit(f"{function}: `{name}` may be a client of {' or '.join(sorted(known[name]))}")
            found.add((*known[name], method))
        return found


class Function(collections.namedtuple("Function", "path name body")):
    def __str__(self):
        return f"{self.path.parent.parent.name}/{self.path.stem}::{self.name}"


def clients_of(code):
    """The names that stand for clients in a file, with the service of each."""
    imported = re.search(r"use aws_sdk_(\w+)::(?:\{[^}]*\b)?Client\b", code)
    found = {}
    for name, service in re.findall(r"\b(\w+): &?(?:'\w+ )?(?:(?:aws::)?Lazy<)?(?:aws_sdk_(\w+)::)?Client\b", code):
        if service or imported:
            found[name] = service or imported[1]
    for name, service in re.findall(r"let (\w+) = aws_sdk_(\w+)::Client::", code):
        found[name] = service
    return found


class Reached:
    """The functions of the store that another crate reaches."""

    def __init__(self, store, crate):
        self.store = store
        self.found = set()
        modules = {path.stem for path in store.code}
        own = {function.name for function in crate.functions}
        for code in crate.code.values():
            for receiver, name in re.findall(r"(\w*)[^\w.]*\.(\w+)\(", code) + re.findall(r"\b(Store)::(\w+)", code):
                # A method of the crate's own may have the name of one of the store's.
                if receiver != "self" or name not in own:
                    self.add(name, methods=True)
            for module, name in re.findall(r"\b(\w+)::(?=(\w+))", code):
                if module in modules:
                    self.add(name, module)
            for used in re.findall(r"use slipway_store::([^;]+);", code):
                for name in re.findall(r"\b[a-z_]\w*", used):
                    if re.search(rf"(?<![.:\w]){name}\(", code):
                        self.add(name, methods=False)

    def add(self, name, module=None, methods=None, inside=False):
        for function in self.store.functions:
            public = re.search(rf"pub (async )?fn {function.name}\b", self.store.code[function.path])
            private = not inside and not public
            if function.name != name or private or function in self.found:
                continue
            if module is not None and function.path.stem != module:
                continue
            if methods is not None and methods != is_method(function):
                continue
            self.found.add(function)
            self.follow(function)

    def follow(self, function):
        for name in re.findall(r"\b(?:self|store)\.(\w+)\(", function.body):
            self.add(name, methods=True, inside=True)
        for module, name in re.findall(r"\b(\w+)::(?=(\w+))", function.body):
            self.add(name, module, inside=True)
        for name in re.findall(r"(?<![.:\w])(\w+)\(", function.body):
            self.add(name, methods=False, inside=True)


def is_method(function):
    return bool(re.match(r"(<[^(]*>)?\(\s*(&\s*)?('\w+ )?(mut )?self\b", function.body))


# ------------------------------------------------------------------------------------------------ what is needed


class Needs:
    """What a role must allow: resources by action, and where each comes from."""

    def __init__(self, role):
        self.role = role
        self.resources = collections.defaultdict(set)
        self.why = {}
        self.problems = []

    def call(self, action, where):
        about = RESOURCES.get((self.role, action), RESOURCES.get(action))
        if about is None:
            self.problems.append(f"missing: {self.role} calls {action} ({where}): RESOURCES does not say on what")
            about = []
        self.follows({action: about}, where)
        self.follows(CONSEQUENCES.get(action, {}), f"{action} in {where}")

    def follows(self, actions, why):
        for action, resources in actions.items():
            self.resources[action].update(resources)
            for resource in resources:
                self.why.setdefault((action, resource), why)


def needs_of_crate(role, crate, store):
    needs = Needs(role)
    for function in crate.functions:
        calls_of(needs, crate, function)
    for function in Reached(store, crate).found:
        calls_of(needs, store, function)
        queried(needs, function)
    if "table/index/*" in needs.resources.get("dynamodb:Query", ()):
        needs.resources["dynamodb:Query"] = {"table", "table/index/*"}
    if "s3:GetObject" in needs.resources:
        needs.follows(MISSING_OBJECTS, "a missing object")
    return needs


def calls_of(needs, crate, function, services=None):
    """The calls of a function; of all services, or of these."""
    calls = crate.calls(function)
    if ".send()" in function.body and not calls and not re.search(r"\bmpsc\b|\boneshot\b", function.body):
        needs.problems.append(f"missing: {function} sends something, and it cannot be told what")
    for service, operation in calls:
        if services is not None and service not in services:
            continue
        if function.path.stem == "write" and operation in ("put_item", "transact_write_items"):
            # IAM asks for the parts of a transaction: see below.
            continue
        action = operation.title().replace("_", "")
        action = OTHER_NAMES.get((service, operation), f"{SERVICES.get(service, service)}:{action}")
        needs.call(action, function)
        if operation == "register_task_definition" and '"tags"' in function.body:
            needs.follows(TAGGED, function)
    # The store writes by these alone. Another kind has no line in RESOURCES, and that is told.
    if function.path.stem != "write":
        for kind in re.findall(r"\bWrite::(\w+)", function.body):
            needs.call(f"dynamodb:{kind}Item", function)


def queried(needs, function):
    """The indexes that a function of the store queries."""
    for index in re.findall(r"Query::of_index\(\s*(?:Index::)?(\w+)", function.body):
        # A variable: whichever suits the request.
        index = "*" if index.islower() else f"by-{index.lower()}"
        needs.follows({"dynamodb:Query": [f"table/index/{index}"]}, function)


def tasks_of(scope):
    """The tasks of a state machine: (resource, whether it has `Credentials`)."""
    for state in scope["States"].values():
        if state["Type"] == "Task":
            yield state["Resource"], "Credentials" in state
        if "ItemProcessor" in state:
            yield from tasks_of(state["ItemProcessor"])


def needs_of_machine(definition):
    """What the machine needs of its own role, and of the release role."""
    own, release = Needs("operation"), Needs("release")
    for resource, assumes in sorted(set(tasks_of(json.loads(definition)))):
        task = resource.removeprefix("arn:${Partition}:states:::")
        if task == resource:
            own.problems.append(f"missing: the state machine has a task {task}, which is unknown here")
        elif task not in TASKS:
            own.problems.append(f"missing: the state machine has a task {task}: TASKS does not say what it needs")
        for action, resources in TASKS.get(task, {}).items():
            # AWS does not say whether the rule of a task is made with the assumed role where that is in the machine's own account.
            for needs in [own, release] if assumes and action in EVENT_RULE else [release if assumes else own]:
                needs.follows({action: resources}, f"the task {task}")
        if assumes:
            own.follows(RELEASE_ROLES, f"the task {task}")
    own.follows(MACHINE, "Step Functions")
    return own, release


def needs_elsewhere(role, steps, release):
    """What the release role of an environment in another account needs: what the machine and the steps do there."""
    needs = Needs("steps")
    [account] = [found for code in steps.code.values() for found in re.findall(r"struct StackAccount \{(.*?)\}", code, re.DOTALL)]
    services = set(re.findall(r"aws_sdk_(\w+)::Client", account))
    for function in steps.functions:
        calls_of(needs, steps, function, services)
    needs.role, needs.problems = role, []
    for (action, resource), why in release.why.items():
        # Tasks of other accounts are polled: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cross-acct-sync-pattern.html
        if action in EVENT_RULE:
            continue
        needs.follows({action: [resource]}, why)
    return needs


# ------------------------------------------------------------------------------------------------ what is allowed


class Template(yaml.SafeLoader):
    """CloudFormation's YAML, its functions as the text that `!Sub` would have."""


def tagged(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return text if tag == "Sub" else f"${{{text}}}"
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Template.add_multi_constructor("!", tagged)


def listed(value):
    return value if isinstance(value, list) else [value]


def named(resource):
    for text in sorted(NAMES, key=len, reverse=True):
        if resource.startswith(text):
            return NAMES[text] + resource[len(text) :]
    return resource


def roles_of(template):
    """The roles of the programs: the name that is used here, and that of the resource."""
    roles = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            roles[binary.removeprefix("slipway-")] = properties.get("Role")
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            roles["operation"] = properties.get("Role")
            roles["release"] = "${ReleaseRole.Arn}"
        elif resource["Type"] == "AWS::CodeBuild::Project":
            roles["build"] = properties.get("ServiceRole")
            # The role that the runner takes its sessions of.
            roles["runner"] = "${BuildsRole.Arn}"
    return {name: role and re.sub(r"\$\{(\w+)\.Arn\}", r"\1", role) for name, role in roles.items()}


def allowed_by(role):
    """Resources by action, of a role's inline policies."""
    allowed = collections.defaultdict(set)
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                for action in listed(statement["Action"]):
                    allowed[action].update(named(resource) for resource in listed(statement["Resource"]))
    return allowed


def allowed_by_module(text):
    """Resources by action, of the policy of the release role in Terraform."""
    found = re.search(r'^data "aws_iam_policy_document" "release" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    allowed = collections.defaultdict(set)
    for statement in found[1].split("statement {")[1:]:
        actions, resources = (re.search(rf"\b{name} += \[(.*?)\]", statement, re.DOTALL)[1] for name in ("actions", "resources"))
        resources = resources.replace("local.stack_roles", '"roles of stacks/*"')
        resources = re.sub(r"\$\{local\.in_region\.(\w+)\}:", r"\1:", resources)
        for known, name in {"logs:log-group:/slipway/stacks/": "logs of stacks/", "scheduler:schedule/": "schedule/"}.items():
            resources = resources.replace(known, name)
        for action in re.findall(r'"([^"]+)"', actions):
            allowed[action].update(re.findall(r'"([^"]+)"', resources))
    return allowed


def is_forced(action):
    return any(re.fullmatch(known.replace("*", "\\w*"), action) for known in FORCED)


def compare(needs, allowed):
    problems = list(needs.problems)
    for action, resources in sorted(needs.resources.items()):
        for resource in sorted(resources - allowed.get(action, set())):
            problems.append(f"missing: {needs.role} may not {action} on {resource} (for {needs.why[action, resource]})")
    for action, resources in sorted(allowed.items()):
        if "*" in action:
            problems.append(f"wider: {needs.role} may {action}")
        elif action not in needs.resources:
            problems.append(f"unused: {needs.role} may {action}, and nothing calls it")
        else:
            for resource in sorted(resources - needs.resources[action]):
                problems.append(f"wider: {needs.role} may {action} on {resource}")
        if "*" in resources and not is_forced(action):
            problems.append(f"wider: {needs.role} may {action} on everything, and AWS does not force that")
    return problems


def check(root):
    """What is wrong, and how much was compared."""
    template = yaml.load((root / "template.yaml").read_text(), Loader=Template)
    roles = roles_of(template)
    store = Crate(root / "crates/store/src")
    operation, release = needs_of_machine((root / "statemachine/operation.asl.json").read_text())
    all_needs = [operation, release]
    functions = {folder.name: Crate(folder / "src") for folder in sorted((root / "functions").iterdir())}
    for name, crate in functions.items():
        needs = needs_of_crate(name, crate, store)
        needs.follows(LAMBDA, "Lambda")
        if name == "events":
            needs.follows(EVENTS, "Lambda")
        all_needs.append(needs)
    runner = needs_of_crate("runner", Crate(root / "crates/runner/src"), store)
    # With the role of the build itself.
    del runner.resources["sts:AssumeRole"]
    build = Needs("build")
    build.follows(BUILD, "CodeBuild")
    build.follows({"sts:AssumeRole": ["${BuildsRole.Arn}"]}, "the runner's sessions")
    all_needs.append(build)
    overrides = (root / "crates/runner/src/overrides.rs").read_text()
    for word, actions in TERRAFORM.items():
        if f'"{word}"' in overrides:
            runner.follows(actions, f"Terraform's {word}")
    all_needs.append(runner)

    problems, compared = [], 0
    for needs in all_needs:
        role = template["Resources"].get(roles.get(needs.role))
        if role is None:
            problems.append(f"missing: {needs.role} has no role with inline policies in the template")
            continue
        if role["Properties"].get("ManagedPolicyArns"):
            problems.append(f"wider: {needs.role} has a managed policy")
        problems.extend(compare(needs, allowed_by(role)))
        compared += sum(len(resources) for resources in needs.resources.values())

    elsewhere = yaml.load((root / "aws/target-account/template.yaml").read_text(), Loader=Template)
    module = (root / "tf/modules/target-account/release.tf").read_text()
    for name, allowed in {
        "aws/target-account": allowed_by(elsewhere["Resources"]["ReleaseRole"]),
        "tf/modules/target-account": allowed_by_module(module),
    }.items():
        needs = needs_elsewhere(name, functions["steps"], release)
        problems.extend(compare(needs, allowed))
        compared += sum(len(resources) for resources in needs.resources.values())
    return problems, f"{compared} permissions of {len(all_needs) + 2} roles"


# ------------------------------------------------------------------------------------------------ self-test


def self_test():
    """Changes a copy in each way that must not go unseen."""

    def append(path, text):
        return lambda root: (root / path).open("a").write(text)

    def replace(path, old, new):
        def change(root):
            text = (root / path).read_text()
            if old not in text:
                raise SystemExit(f"self-test: {path} has no {old!r} any more")
            (root / path).write_text(text.replace(old, new, 1))

        return change

    changes = {
        "missing: api calls states:ListExecutions": append(
            "functions/api/src/routes.rs",
            "async fn more(sfn: &aws_sdk_sfn::Client) { sfn\n    .list_executions()\n    .send().await; }",
        ),
        "missing: events may not states:StopExecution": append(
            "functions/events/src/lib.rs", "async fn more(s: &Events) { s.sfn.stop_execution().send().await; }"
        ),
        "missing: runner may not dynamodb:DeleteItem": append(
            "crates/runner/src/lib.rs", "async fn more(s: &Store) { s.forget_rollout(todo()).await; }"
        ),
        "missing: runner may not dynamodb:BatchGetItem": append(
            "crates/runner/src/lib.rs", "async fn more(s: &Store) { s.operations(todo()).await; }"
        ),
        "missing: sweep/lib::more sends something": append(
            "functions/sweep/src/lib.rs", "async fn more(hidden: impl Send) { hidden.send().await; }"
        ),
        "missing: the state machine has a task sqs:sendMessage": replace(
            "statemachine/operation.asl.json", "aws-sdk:ecs:updateService", "sqs:sendMessage"
        ),
        # Without `Credentials` a task is the machine's own.
        "missing: operation may not ecs:UpdateService": replace(
            "statemachine/operation.asl.json",
            '"Resource": "arn:${Partition}:states:::aws-sdk:ecs:updateService",\n            "Credentials"',
            '"Resource": "arn:${Partition}:states:::aws-sdk:ecs:updateService",\n            "Comments"',
        ),
        "missing: aws/target-account may not ecs:UpdateService": replace(
            "aws/target-account/template.yaml", "Action: ecs:UpdateService", "Action: ecs:DescribeServices"
        ),
        "missing: tf/modules/target-account may not logs:GetLogEvents": replace(
            "tf/modules/target-account/release.tf", '"logs:GetLogEvents"', '"logs:FilterLogEvents"'
        ),
        "unused: release may scheduler:GetSchedule": replace(
            "template.yaml", "Action: ecs:RunTask", "Action: [ecs:RunTask, scheduler:GetSchedule]"
        ),
        # A call of the steps, which they make in every account.
        "missing: steps may not ecs:StopTask": append(
            "functions/steps/src/log_line.rs",
            "impl StackAccount { async fn more(&self) { self.ecs.stop_task().send().await; } }",
        ),
        "missing: aws/target-account may not ecs:DescribeTaskDefinition": replace(
            "aws/target-account/template.yaml",
            "[ecs:RegisterTaskDefinition, ecs:DescribeTaskDefinition]",
            "ecs:RegisterTaskDefinition",
        ),
        "unused: sweep may codebuild:StartBuild": replace(
            "template.yaml",
            "Action: codebuild:StopBuild",
            "Action: [codebuild:StopBuild, codebuild:StartBuild]",
        ),
        "wider: api may s3:*": replace("template.yaml", "Action: s3:PutObject", "Action: s3:*"),
        "wider: api may s3:PutObject on artifacts/*": replace(
            "template.yaml", "${ArtifactsBucket.Arn}/blueprints/*", "${ArtifactsBucket.Arn}/*"
        ),
        "wider: operation may codebuild:StopBuild on everything": replace(
            "template.yaml",
            "Action: [codebuild:StopBuild, codebuild:BatchGetBuilds]\n                Resource: !GetAtt Builds.Arn",
            'Action: [codebuild:StopBuild, codebuild:BatchGetBuilds]\n                Resource: "*"',
        ),
    }
    for expected, change in changes.items():
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for part in [
                "functions", "crates/store", "crates/runner", "statemachine", "aws/target-account", "tf/modules/target-account",
            ]:
                shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("target"))
            shutil.copy(ROOT / "template.yaml", copy)
            change(copy)
            problems, _ = check(copy)
            if not any(problem.startswith(expected) for problem in problems):
                raise SystemExit(f"self-test: expected `{expected}`, was told\n" + "\n".join(problems or ["nothing"]))
    print(f"self-test: each of {len(changes)} changes is told")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--self-test", action="store_true")
    if arguments.parse_args().self_test:
        self_test()
        return
    problems, compared = check(ROOT)
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"the policies and the calls differ: {len(problems)} times in {compared}")
    print(f"the policies allow what is called, and nothing else: {compared}")


if __name__ == "__main__":
    main()
