"""moto's server with IAM enforced, and with what moto leaves out of a session: its policy, its conditions, its end.

    python3 moto_with_sessions.py RESOLVE_POLICIES SECONDS

moto judges a request of a role's session by the role's policies. Here the session policy is judged as well, by moto's own evaluator, and
both have to allow. SECONDS is how long a session lasts, whatever was asked for; 0 is as long as was asked for. The roles of builds are
those of template.yaml, resolved by RESOLVE_POLICIES. Prints where it runs and who there is, as one line of JSON.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"

import boto3  # noqa: E402
from moto.dynamodb.responses import DynamoHandler  # noqa: E402
from moto.iam import access_control, policy_conditions  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.sts import models as sts  # noqa: E402
from moto.sts.models import sts_backends  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

ACCOUNT, REGION, EXTERNAL_ID = "123456789012", "us-east-1", "b3d2f6a8-1c55-4d0e-9a52"
SECONDS = int(sys.argv[2])


def session_of(key):
    if isinstance(key, access_control.AssumedRoleAccessKey):
        return sts_backends[key.account_id][key.partition].get_assumed_role_from_access_key(key._access_key_id)
    return None


def context(request):
    """What the conditions of these policies are about. A key that a request has not is empty, which equals nothing."""
    query = urllib.parse.parse_qs(urllib.parse.urlparse(request._path).query)
    form = urllib.parse.parse_qs((request._body or b"").decode(errors="replace") if request._service == "sts" else "")
    given = {name: values[0] for name, values in form.items()}
    body = json.loads(request._body or "{}") if request._service == "dynamodb" else {}
    batch = [key for table in body.get("RequestItems", {}).values() for key in table.get("Keys", [])]
    keys = batch or [body.get("Key") or body.get("Item") or {}]
    return {
        "s3:prefix": query.get("prefix", [""])[0],
        "sts:ExternalId": given.get("ExternalId", ""),
        "sts:RoleSessionName": given.get("RoleSessionName", ""),
        "sts:SourceIdentity": given.get("SourceIdentity", ""),
        "dynamodb:LeadingKeys": [key.get("pk", {}).get("S", "") for key in keys],
    }


def check_action_permitted(self, resource):
    if self._action == "sts:GetCallerIdentity":
        return
    session = session_of(self._access_key)
    if session and session.expiration < sts.utcnow():
        self._raise_invalid_access_key("InvalidToken")
    documents = [self._access_key.collect_policies()]
    if session and session.policy:
        documents.append([{"policy_document": session.policy}])
    allowed, denied = access_control.PermissionResult.PERMITTED, access_control.PermissionResult.DENIED
    given = context(self)
    for policies in documents:
        results = [
            statement.is_action_permitted(self._action, resource, None, given)
            for policy in policies
            for statement in access_control.IAMPolicy(policy)._statements_of()
        ]
        explicit = [
            statement
            for policy in policies
            for statement in access_control.IAMPolicy(policy)._statements_of()
            if statement._statement["Effect"] == "Deny"
        ]
        if any(statement.is_action_permitted(self._action, resource, None, given) == denied for statement in explicit):
            self._raise_access_denied()
        if allowed not in results:
            self._raise_access_denied()
    if self._is_assuming_role_operation(resource) and not self._check_role_trust_relationship(resource):
        self._raise_access_denied()


def statements_of(self):
    statements = self._policy_json["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return [access_control.IAMPolicyStatement(statement) for statement in statements]


def assumed(self, *arguments, **named):
    original(self, *arguments, **named)
    if SECONDS and self.policy:
        self.expiration = sts.utcnow() + sts.datetime.timedelta(seconds=SECONDS)


def table_of(self):
    # Several tables are one that no policy names.
    name = self.body.get("TableName") or ",".join(self.body.get("RequestItems", {})) or "*"
    return f"arn:aws:dynamodb:{self.region}:{self.current_account}:table/{name}"


def each_equals(expected, given):
    return all(policy_conditions.string_equals_operation(expected, value) for value in given)


access_control.IAMPolicy._statements_of = statements_of
access_control.IAMRequestBase.check_action_permitted = check_action_permitted
# moto computes signatures over a query that it has decoded. Who asks is known by the key and the session's token.
access_control.IAMRequestBase.check_signature = lambda self: None
policy_conditions.CONDITION_OPERATIONS["ForAllValues:StringEquals"] = each_equals
original = sts.AssumedRole.__init__
sts.AssumedRole.__init__ = assumed
DynamoHandler._determine_resource = table_of


def set_up(endpoint):
    def client(service, keys=("test", "test", None)):
        return boto3.client(
            service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
            aws_session_token=keys[2],
        )

    iam = client("iam")
    iam.create_user(UserName="admin")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(everything))
    admin = iam.create_access_key(UserName="admin")["AccessKey"]
    trusting = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    command = [sys.executable, sys.argv[1], "--account", ACCOUNT, "--region", REGION]
    names = ["StateBucket=state", "ArtifactsBucket=artifacts", "Table=slipway"]
    resolved = subprocess.run([*command, *[f"--name={name}" for name in names]], check=True, capture_output=True, text=True)
    roles = json.loads(resolved.stdout)["template.yaml"]["roles"]
    for logical in ["CodeBuildRole", "BuildsRole"]:
        role = roles[logical]
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trusting]})
        iam.create_role(RoleName=role["name"], AssumeRolePolicyDocument=trust)
        for name, document in role["policies"].items():
            iam.put_role_policy(RoleName=role["name"], PolicyName=name, PolicyDocument=json.dumps(document))
    for name, external in [("dev", EXTERNAL_ID), ("other", "another-environments-id")]:
        condition = {"StringEquals": {"sts:ExternalId": external}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trusting | {"Condition": condition}]})
        iam.create_role(RoleName=f"slipway-environment-{name}", AssumeRolePolicyDocument=trust)
    given = client("sts").assume_role(RoleArn=roles["CodeBuildRole"]["arn"], RoleSessionName="build")["Credentials"]
    # Of another type moto would take the body for a form.
    enforce = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST")
    urllib.request.urlopen(enforce).read()
    return {
        "endpoint": endpoint,
        "admin": {"id": admin["AccessKeyId"], "secret": admin["SecretAccessKey"]},
        "build": {"id": given["AccessKeyId"], "secret": given["SecretAccessKey"], "token": given["SessionToken"]},
    }


server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps(set_up(f"http://127.0.0.1:{server.server_port}")), flush=True)
# It ends with whoever started it.
sys.stdin.read()
