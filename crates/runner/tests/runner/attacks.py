"""What a blueprint's code might try. Each attack is a function that returns whether it reached what it wanted.

    python3 attacks.py TARGETS RESULTS

Run by Terraform in a build, none may succeed. Run by root with the credentials of the build, as blueprint code was run without isolation,
every one has to: an attack that never works proves nothing. Needs nothing but Python.
"""

import ctypes
import datetime
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

T = json.load(open(sys.argv[1]))
ATTACKS = {}


def attack(function):
    ATTACKS[function.__name__] = function
    return function


# ------------------------------------------------------------------------------------------------ AWS, by hand


def fetch(url, token=None):
    headers = {"Authorization": token} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
        return json.load(answer)


def signed(keys, service, method, path, query="", body=b"", headers=()):
    """A request that is signed as AWS wants it; returns the body of the answer."""
    host = urllib.parse.urlparse(T["endpoint"]).netloc
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    all_headers = dict(headers) | {"host": host, "x-amz-date": now, "x-amz-content-sha256": digest}
    if keys[2]:
        all_headers["x-amz-security-token"] = keys[2]
    names = sorted(all_headers)
    canonical = "\n".join(
        [method, path, query, *[f"{name}:{all_headers[name]}" for name in names], "", ";".join(names), digest]
    )
    scope = f"{now[:8]}/us-east-1/{service}/aws4_request"
    key = f"AWS4{keys[1]}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    all_headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    url = T["endpoint"] + path + ("?" + query if query else "")
    request = urllib.request.Request(url, data=body or None, headers=all_headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def s3(method, bucket, key="", query="", body=b""):
    signed(KEYS, "s3", method, f"/{bucket}/{key}", query, body)
    return True


def table(action, request):
    target = {"x-amz-target": f"DynamoDB_20120810.{action}", "content-type": "application/x-amz-json-1.0"}
    named = {} if "RequestItems" in request else {"TableName": "slipway"}
    body = json.dumps(named | request).encode()
    return json.loads(signed(KEYS, "dynamodb", "POST", "/", body=body, headers=target)) is not None


def assume(keys, role, session, external_id=None):
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": f"arn:aws:iam::123456789012:role/{role}"}
    form |= {"RoleSessionName": session} | ({"ExternalId": external_id} if external_id else {})
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = signed(keys, "sts", "POST", "/", body=urllib.parse.urlencode(form).encode(), headers=kind).decode()
    part = lambda name: answer.split(f"<{name}>")[1].split("</")[0]  # noqa: E731
    return part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken")


def first_keys():
    """The credentials that this process is given: of the container's endpoint, or of its environment."""
    endpoint = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if endpoint:
        given = fetch(endpoint, os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        return given["AccessKeyId"], given["SecretAccessKey"], given["Token"]
    return tuple(os.environ[name] for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])


# ------------------------------------------------------------------------------------------------ the machine


def has_secret(pid):
    return T["secret"].encode() in open(f"/proc/{pid}/environ", "rb").read()


def pids():
    return [pid for pid in os.listdir("/proc") if pid.isdigit()]


@attack
def variables_of_the_process():
    return T["secret"] in os.environ.values()


@attack
def proc_self_environ():
    return has_secret("self")


@attack
def environment_of_a_parent():
    pid = os.getpid()
    while pid > 1:
        try:
            if has_secret(pid):
                return True
        except PermissionError:
            pass
        pid = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    return False


@attack
def environment_of_any_process():
    for pid in pids():
        try:
            if has_secret(pid):
                return True
        except OSError:
            pass
    return False


@attack
def environment_of_a_thread():
    return T["secret"].encode() in open(f"/proc/{T['victim']}/task/{T['victim']}/environ", "rb").read()


@attack
def memory_of_the_runner():
    return open(f"/proc/{T['victim']}/mem", "rb") is not None


@attack
def memory_map_of_the_runner():
    return len(open(f"/proc/{T['victim']}/maps").read()) > 0


@attack
def memory_by_system_call():
    libc = ctypes.CDLL(None, use_errno=True)
    line = open(f"/proc/{T['victim']}/maps").readline()
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
    remote = (ctypes.c_void_p * 2)(int(line.split("-")[0], 16), 16)
    return libc.process_vm_readv(T["victim"], vector, 1, remote, 1, 0) == 16


@attack
def ptrace_of_the_runner():
    libc = ctypes.CDLL(None, use_errno=True)
    # PTRACE_SEIZE stops nothing.
    return libc.ptrace(0x4206, T["victim"], None, None) == 0


@attack
def working_folder_of_the_runner():
    return os.readlink(f"/proc/{T['victim']}/cwd") != ""


@attack
def root_of_the_runner():
    return os.listdir(f"/proc/{T['victim']}/root") != []


@attack
def open_files_of_the_runner():
    return os.listdir(f"/proc/{T['victim']}/fd") != []


@attack
def program_of_the_runner():
    return os.readlink(f"/proc/{T['victim']}/exe") != ""


@attack
def limits_of_the_runner():
    import resource

    return resource.prlimit(T["victim"], resource.RLIMIT_CORE) is not None


@attack
def signal_to_the_runner():
    os.kill(T["victim"], 0)
    return True


@attack
def priority_of_the_runner():
    os.setpriority(os.PRIO_PROCESS, T["victim"], 1)
    return True


@attack
def processors_of_the_runner():
    os.sched_setaffinity(T["victim"], os.sched_getaffinity(0))
    return True


def runner_file(name, mode):
    function = lambda: open(f"/proc/{T['victim']}/{name}", mode) is not None  # noqa: E731
    function.__name__ = f"{name}_of_the_runner"
    attack(function)


# Where it is in memory, what it calls, how much it reads; what a dump of it holds, and which process dies first.
for name, mode in [("auxv", "rb"), ("io", "rb"), ("pagemap", "rb"), ("coredump_filter", "r+"), ("oom_score_adj", "r+"), ("clear_refs", "w")]:
    runner_file(name, mode)


@attack
def system_call_of_the_runner():
    return open(f"/proc/{T['victim']}/syscall").read() != ""


@attack
def namespaces_of_the_runner():
    return os.readlink(f"/proc/{T['victim']}/ns/mnt") != ""


@attack
def mapped_files_of_the_runner():
    return os.listdir(f"/proc/{T['victim']}/map_files") != []


@attack
def descriptor_of_the_runner_by_system_call():
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd_open, pidfd_getfd = 434, 438
    return libc.syscall(pidfd_getfd, libc.syscall(pidfd_open, T["victim"], 0), 1, 0) >= 0


@attack
def packets_of_the_machine():
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW) is not None


@attack
def forged_packets():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) is not None


@attack
def device_of_ones_own():
    os.mknod(tempfile.mkdtemp() + "/null", 0o20666, os.makedev(1, 3))
    return True


@attack
def watch_of_another_work_folder():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.inotify_add_watch(libc.inotify_init(), T["other_work"].encode(), 0x100) >= 0


@attack
def program_of_terraform():
    return os.access(T["terraform"], os.W_OK)


@attack
def folder_of_a_program():
    folders = [os.path.dirname(T["terraform"]), *os.environ["PATH"].split(":"), "/usr/bin", "/lib"]
    return any(os.access(folder, os.W_OK) for folder in folders)


@attack
def settings_of_the_machine():
    # As /etc/ld.so.preload, which every program of root reads.
    return os.access("/etc", os.W_OK)


def setting_of_root(name):
    function = lambda: open(os.path.dirname(T["secret_file"]) + name, "w") is not None  # noqa: E731
    function.__name__ = f"setting_of_root_{name[2:]}"
    attack(function)


for name in ["/.terraformrc", "/.gitconfig", "/.profile"]:
    setting_of_root(name)


@attack
def file_of_root():
    return T["secret"] in open(T["secret_file"]).read()


@attack
def work_folder_of_another_operation():
    return os.listdir(T["other_work"]) != []


@attack
def plan_of_another_operation():
    return open(T["other_work"] + "/terraform/plan.tfplan").read() != ""


@attack
def file_beside_the_blueprint():
    open(T["work"] + "/root", "w").write("elsewhere")
    return True


@attack
def stream_that_the_runner_reads():
    open(T["work"] + "/apply.jsonl", "a").write("{}\n")
    return True


@attack
def list_of_the_work_folder():
    return os.listdir(T["work"]) != []


@attack
def link_in_place_of_the_blueprint():
    os.symlink("/etc", T["work"] + "/link")
    return True


@attack
def become_root():
    os.setuid(0)
    return True


@attack
def become_another_group():
    os.setgroups([0])
    return True


@attack
def substitute_user():
    return subprocess.run(["su", "-c", "true", "root"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0


@attack
def change_root():
    pid = os.fork()
    if pid == 0:
        try:
            os.chroot("/tmp")
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


@attack
def own_a_file_of_root():
    os.chown(T["secret_file"], os.getuid(), os.getgid())
    return True


@attack
def hard_link_to_a_file_of_root():
    os.link(T["secret_file"], tempfile.mkdtemp(dir=os.path.dirname(T["secret_file"])) + "/link")
    return True


# ------------------------------------------------------------------------------------------------ credentials


@attack
def credentials_of_the_build():
    return first_keys()[0] == T["build_key"]


@attack
def endpoint_without_a_token():
    return "AccessKeyId" in fetch(os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", T["open_endpoint"]))


@attack
def endpoint_with_another_token():
    return "AccessKeyId" in fetch(os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", T["open_endpoint"]), "0" * 64)


@attack
def endpoint_by_another_path():
    url = urllib.parse.urlparse(os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", T["open_endpoint"]))
    token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    return "AccessKeyId" in fetch(f"http://{url.netloc}/v2/credentials/build", token)


@attack
def role_of_builds_without_a_session_policy():
    return assume(first_keys(), "slipway-us-east-1-runner", "op-other") is not None


@attack
def environment_of_another_stack():
    return assume(KEYS, "slipway-environment-other", T["operation"], "another-environments-id") is not None


@attack
def environment_in_the_name_of_another_operation():
    return assume(KEYS, "slipway-environment-dev", "op-other", T["external_id"]) is not None


# ------------------------------------------------------------------------------------------------ states

OTHER = T["other_state"]
ITEMS = {"operation": f"operation#{T['operation']}", "stack": f"stack#{T['stack']}"}


def each(method, bucket, keys, body=b"", query=""):
    for name, key in keys.items():
        function = lambda key=key: s3(method, bucket, key, query, body)  # noqa: E731
        function.__name__ = f"{method.lower()}_{name}"
        attack(function)


READ = {"state_of_another_stack": OTHER, "lock_of_another_stack": OTHER + ".tflock"}
each("GET", "state", READ | {"earlier_state_of_another_stack": T["earlier_state"]})
each("HEAD", "state", READ)


def lists(name, bucket, query):
    function = lambda: s3("GET", bucket, "", query)  # noqa: E731
    function.__name__ = name
    attack(function)


lists("list_all_states", "state", "list-type=2")
lists("list_states_of_all_stacks", "state", "list-type=2&prefix=stacks%2F")
lists("list_states_of_another_stack", "state", "list-type=2&prefix=stacks%2F" + OTHER.split("/")[1] + "%2F")
lists("list_artifacts", "artifacts", "list-type=2")

each(
    "GET",
    "artifacts",
    {
        "plan_of_another_operation": "operations/zusab-zabad/op-other/plan.tar",
        "plan_of_this_operation": f"operations/{T['stack']}/{T['operation']}/{T['plan']}",
        "another_blueprint": "blueprints/other.json",
        "provider": "providers/other.zip",
        "prepared_folder": "prepared/other.tar",
    },
)
each(
    "PUT",
    "artifacts",
    {
        "outputs_of_another_operation": "operations/zusab-zabad/op-other/outputs.json",
        "plan_of_another_operation": "operations/zusab-zabad/op-other/plan.tar",
        "prepared_folder": "prepared/other.tar",
        "plan_of_this_operation": f"operations/{T['stack']}/{T['operation']}/attack",
    },
    b"{}",
)

# ------------------------------------------------------------------------------------------------ the table


def item(name, action, pk, sk):
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    send(name, action, {"Key": key} if action == "GetItem" else {"Item": key})


def send(name, action, request):
    function = lambda: table(action, request)  # noqa: E731
    function.__name__ = name
    attack(function)


def batch(name, *keys):
    keys = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]
    send(name, "BatchGetItem", {"RequestItems": {"slipway": {"Keys": keys}}})


item("read_another_operation", "GetItem", "operation#op-other", "operation")
item("write_another_operation", "PutItem", "operation#op-other", "operation")
item("read_this_operation", "GetItem", ITEMS["operation"], "operation")
item("read_another_stack", "GetItem", "stack#other", "stack")
item("write_this_stack", "PutItem", ITEMS["stack"], "attack")
item("read_the_external_ids", "GetItem", "environments", "other")
batch("read_other_records_at_once", ("operation#op-other", "operation"), ("stack#other", "stack"))
batch("read_another_operation_beside_this", (ITEMS["operation"], "operation"), ("operation#op-other", "operation"))

# ------------------------------------------------------------------------------------------------ Terraform itself


def terraform(module, *commands):
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/main.tf.json", "w") as file:
            json.dump(module, file)
        keys = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_SESSION_TOKEN": KEYS[2]}
        environment = os.environ | keys | {"TF_WORKSPACE": OTHER.split("/")[1], "HOME": folder}
        environment |= {"AWS_ENDPOINT_URL_S3": T["endpoint"], "CHECKPOINT_DISABLE": "1"}
        for command in commands:
            ran = subprocess.run([T["terraform"], *command], cwd=folder, env=environment, capture_output=True, timeout=60)
            if ran.returncode != 0:
                raise ValueError((ran.stdout + ran.stderr).decode()[-600:])
        return True


def backend():
    settings = {"bucket": "state", "key": "terraform.tfstate", "region": "us-east-1", "use_path_style": True}
    settings |= {f"skip_{it}": True for it in ["credentials_validation", "metadata_api_check", "requesting_account_id"]}
    return settings | {"workspace_key_prefix": "stacks/" + OTHER.split("/")[1]}


@attack
def backend_of_another_stack():
    module = {"terraform": {"backend": {"s3": backend()}}}
    return terraform(module, ["init", "-input=false"], ["state", "pull"])


@attack
def remote_state_of_another_stack():
    data = {"terraform_remote_state": {"other": {"backend": "s3", "config": backend(), "workspace": OTHER.split("/")[1]}}}
    return terraform({"data": data}, ["plan", "-input=false"])


# Last: what they change and take away is not there for the others.
each("PUT", "state", READ | {"state_of_a_stack_to_come": "stacks/new/new/terraform.tfstate"}, b"{}")
each("DELETE", "state", {"lock_of_another_stack": OTHER + ".tflock", "state_of_another_stack": OTHER})


@attack
def delete_state_of_this_stack():
    return s3("DELETE", "state", T["own_state"])


# ------------------------------------------------------------------------------------------------ all of them

KEYS = first_keys()
if "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in os.environ:
    # Without isolation this is what the build's own credentials come to.
    KEYS = assume(KEYS, "slipway-us-east-1-runner", "op-other")
results = {}
for name, function in ATTACKS.items():
    try:
        results[name] = "reached" if function() else "nothing"
    except (OSError, KeyError, IndexError, ValueError, subprocess.SubprocessError) as error:
        results[name] = f"{type(error).__name__}: {error}"
with open(sys.argv[2], "w") as file:
    json.dump(results, file)
