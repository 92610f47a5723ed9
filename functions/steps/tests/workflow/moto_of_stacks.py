"""moto's server with an environment's account in another Region, and IAM enforced with the policies of the templates.

    python3 moto_of_stacks.py RESOLVE_POLICIES

Slipway is in us-east-1 of moto's own account, the stack in ap-southeast-2 of 444455556666. Says as a line of JSON where it runs; each
line of JSON that it reads asks for something, and is answered with a line:

    {"stack": ID}         makes the stack's cluster, services, database and log group, and the roles; answers with the keys of the steps
    {"forbid": ACTION}    takes the action from the release role
    {"distrust": true}    lets the release role trust another state machine
    {"state": ID}         what there is: tasks and snapshots of both Regions, and what the services of the stack run

What moto leaves out is added here: resources of ECS, RDS and schedules for IAM, trust policies of roles in other accounts, `?` in a
pattern, and the rollout that follows an update of a service.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"
SLIPWAY, STACKS, HOME, AWAY = "000000000000", "444455556666", "us-east-1", "ap-southeast-2"
# Who has no keys of another account is in this one, of moto's own.
OF_MOTO = "123456789012"

import boto3  # noqa: E402
from moto.core.exceptions import JsonRESTError, RESTError  # noqa: E402
from moto.ecs import models as ecs  # noqa: E402
from moto.ecs.responses import EC2ContainerServiceResponse  # noqa: E402
from moto.iam import access_control  # noqa: E402
from moto.iam.models import iam_backends  # noqa: E402
from moto.moto_api import state_manager  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.rds.responses import RDSResponse  # noqa: E402
from moto.scheduler.responses import EventBridgeSchedulerResponse  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402


def arn(response, service, resource):
    return f"arn:aws:{service}:{response.region}:{response.current_account}:{resource}"


def resource_of_ecs(self):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html"""
    action, given = self.headers["X-Amz-Target"].rpartition(".")[2], json.loads(self.body)

    def short(name):
        return name.rpartition("/")[2]

    if action == "RunTask":
        return given["taskDefinition"]
    if action in ("StopTask", "DescribeTasks"):
        task = given.get("task") or given["tasks"][0]
        return arn(self, "ecs", f"task/{given['cluster']}/{short(task)}")
    if action in ("UpdateService", "DescribeServices"):
        service = given.get("service") or given["services"][0]
        return arn(self, "ecs", f"service/{given['cluster']}/{short(service)}")
    if action == "RegisterTaskDefinition":
        return arn(self, "ecs", f"task-definition/{given['family']}")
    return "*"


def resource_of_rds(self):
    snapshot = self.querystring.get("DBSnapshotIdentifier")
    return arn(self, "rds", f"snapshot:{snapshot[0]}") if snapshot else "*"


def resource_of_schedules(self):
    group = urllib.parse.parse_qs(urllib.parse.urlparse(self.uri).query).get("groupName", ["default"])[0]
    return arn(self, "scheduler", f"schedule/{group}/{self.path.rpartition('/')[2]}")


def denied_to(request):
    """moto denies in the form of EC2, whatever the service speaks."""
    message = f"User: {request._access_key.arn} is not authorized to perform: {request._action}"
    if request._service in ("ecs", "scheduler"):
        raise JsonRESTError("AccessDeniedException", message)
    raise RESTError("AccessDenied", message, template="wrapped_single_error")


def check_action_permitted(self, resource):
    """By the policies of whoever asks; for a role, by who may assume it as well, in whatever account it is."""
    permitted, denied = access_control.PermissionResult.PERMITTED, access_control.PermissionResult.DENIED
    results = [access_control.IAMPolicy(it).is_action_permitted(self._action, resource) for it in self._access_key.collect_policies()]
    if permitted not in results or denied in results:
        denied_to(self)
    if self._action == "sts:AssumeRole":
        given = {name: value if isinstance(value, str) else value[0] for name, value in self._data.items()}
        account = resource.split(":")[4]
        trusts = [it.assume_role_policy_document for it in iam_backends[account]["aws"].roles.values() if it.arn == resource]
        asked = {"sts:ExternalId": given.get("ExternalId", ""), "sts:RoleSessionName": given["RoleSessionName"]}
        if not any(access_control.IAMPolicy(it).is_action_permitted(self._action, resource, None, asked) == permitted for it in trusts):
            denied_to(self)


def update_service(self, given):
    definition = given.get("task_definition")
    service = updated(self, given)
    for deployment in service.deployments:
        # The rollout is over at once.
        deployment |= {"taskDefinition": definition, "rolloutState": "COMPLETED", "id": f"ecs-svc/{definition.rpartition(':')[2]}"}
    return service


def container(self, definition):
    made(self, definition)
    # Texts, by the model of ECS.
    self.cpu, self.memory = str(self.cpu), str(self.memory)


made, ecs.Container.__init__ = ecs.Container.__init__, container
EC2ContainerServiceResponse._determine_resource = resource_of_ecs
RDSResponse._determine_resource = resource_of_rds
EventBridgeSchedulerResponse._determine_resource = resource_of_schedules
access_control.IAMRequestBase.check_action_permitted = check_action_permitted
# moto computes signatures over a query that it has decoded. Who asks is known by the key and the session's token.
access_control.IAMRequestBase.check_signature = lambda self: None
access_control.IAMPolicyStatement._match = staticmethod(lambda pattern, text: re.match(fnmatch.translate(pattern), text))
updated, ecs.EC2ContainerServiceBackend.update_service = ecs.EC2ContainerServiceBackend.update_service, update_service
# A task stops before it is looked at.
state_manager.set_transition("ecs::task", {"progression": "immediate"})

server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
ENDPOINT = f"http://127.0.0.1:{server.port}"


def client(service, region, keys=None):
    keys = keys or {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name=region, aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )  # fmt: skip


def moto_api(path, body):
    # Of another type moto would take the body for a form.
    request = urllib.request.Request(f"{ENDPOINT}/moto-api/{path}", body, {"Content-Type": "text/plain"}, method="POST")
    urllib.request.urlopen(request).read()


# moto knows whose account it is by the role that is assumed.
ADMIN = client("sts", HOME).assume_role(RoleArn=f"arn:aws:iam::{STACKS}:role/admin", RoleSessionName="admin")["Credentials"]
there = {service: client(service, AWAY, ADMIN) for service in ("ec2", "ecs", "iam", "logs", "rds", "scheduler")}


def policies(region):
    command = [sys.executable, sys.argv[1], "--account", SLIPWAY, "--region", region]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def make_roles():
    steps = policies(HOME)["template.yaml"]["roles"]["StepsRole"]
    release = policies(AWAY)["aws/target-account"]["roles"]["ReleaseRole"]
    anybody = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    own = client("iam", HOME)
    own.create_role(RoleName=steps["name"], AssumeRolePolicyDocument=json.dumps(anybody))
    own.put_role_policy(RoleName=steps["name"], PolicyName="steps", PolicyDocument=json.dumps(steps["policies"]["steps"]))
    # moto takes no account for its principals, and evaluates only the equality of texts. Both templates are of one Region there.
    [statement] = release["trust"]["Statement"]
    external = statement["Condition"]["StringEquals"]["sts:ExternalId"].replace(AWAY, HOME)
    there["iam"].create_role(RoleName="slipway-release-production", AssumeRolePolicyDocument=json.dumps(trusting(external)))
    put_policy(release["policies"]["release"], release["arn"].split(":")[4])
    return client("sts", HOME).assume_role(RoleArn=f"arn:aws:iam::{OF_MOTO}:role/{steps['name']}", RoleSessionName="steps")["Credentials"]


def trusting(external):
    condition = {"StringEquals": {"sts:ExternalId": external}}
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def put_policy(document, account):
    text = json.dumps(document).replace(f":{account}:", f":{STACKS}:")
    there["iam"].put_role_policy(RoleName="slipway-release-production", PolicyName="release", PolicyDocument=text)


def make_stack(stack):
    there["ecs"].create_cluster(clusterName="main")
    for service in ("web", "worker"):
        made = there["ecs"].register_task_definition(
            family=f"made-{service}", containerDefinitions=[{"name": "app", "image": "made", "memory": 64}]
        )
        there["ecs"].create_service(
            cluster="main", serviceName=f"{stack}-{service}", taskDefinition=made["taskDefinition"]["taskDefinitionArn"], desiredCount=0,
            launchType="FARGATE", tags=[{"key": "slipway:stack", "value": stack}],
        )  # fmt: skip
    there["rds"].create_db_instance(DBInstanceIdentifier=f"{stack}-main", Engine="postgres", DBInstanceClass="db.t4g.micro")
    there["scheduler"].create_schedule(
        Name=f"{stack}-tick", ScheduleExpression="rate(1 hour)", State="DISABLED", FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:ecs:{AWAY}:{STACKS}:cluster/main", "RoleArn": f"arn:aws:iam::{STACKS}:role/slipway/tick",
            "EcsParameters": {"TaskDefinitionArn": f"arn:aws:ecs:{AWAY}:{STACKS}:task-definition/placeholder"},
        },
    )  # fmt: skip
    keys = make_roles()
    moto_api("reset-auth", b"0")
    return {"keys": {name: keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}}


def without_auth(change):
    moto_api("reset-auth", b"1000000")
    try:
        return change()
    finally:
        moto_api("reset-auth", b"0")


def forbid(action):
    def change():
        name = {"RoleName": "slipway-release-production", "PolicyName": "release"}
        document = there["iam"].get_role_policy(**name)["PolicyDocument"]
        for statement in document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            statement["Action"] = [it for it in actions if it != action] or ["none:None"]
        there["iam"].put_role_policy(**name, PolicyDocument=json.dumps(document))
        return {}

    return without_auth(change)


def distrust():
    document = json.dumps(trusting("arn:aws:states:us-east-1:000000000000:stateMachine:another"))
    return without_auth(lambda: there["iam"].update_assume_role_policy(RoleName="slipway-release-production", PolicyDocument=document) and {})


def state(stack):
    """What there is, by moto's own word: the tasks and snapshots of each Region, and what the services run."""

    def read():
        regions = {}
        for region in (HOME, AWAY):
            backend = ecs.ecs_backends[STACKS][region]
            tasks = [task for them in backend.tasks.values() for task in them.values()]
            # Without those that RDS takes by itself.
            snapshots = client("rds", region, ADMIN).describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
            regions[region] = {"tasks": [task.started_by for task in tasks], "snapshots": [it["DBSnapshotIdentifier"] for it in snapshots]}
        services = there["ecs"].describe_services(cluster="main", services=[f"{stack}-web", f"{stack}-worker"])["services"]
        definitions = [there["ecs"].describe_task_definition(taskDefinition=it["taskDefinition"]) for it in services]
        images = [it["taskDefinition"]["containerDefinitions"][0]["image"] for it in definitions]
        schedule = there["scheduler"].get_schedule(Name=f"{stack}-tick")["State"]
        return {"regions": regions, "images": images, "schedule": schedule}

    return without_auth(read)


subnet = there["ec2"].describe_subnets()["Subnets"][0]["SubnetId"]
group = there["ec2"].describe_security_groups()["SecurityGroups"][0]["GroupId"]
print(json.dumps({"endpoint": ENDPOINT, "subnet": subnet, "group": group}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "stack" in asked:
        answer = make_stack(asked["stack"])
    elif "forbid" in asked:
        answer = forbid(asked["forbid"])
    elif "distrust" in asked:
        answer = distrust()
    else:
        answer = state(asked["state"])
    print(json.dumps(answer), flush=True)
