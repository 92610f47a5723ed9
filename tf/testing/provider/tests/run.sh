#!/bin/bash
# Tests of the stand-ins with real Terraform (>= 1.11).  usage: tests/run.sh [INSTALL_DIR]
# Without INSTALL_DIR it installs into a temporary directory first. WITHOUT_LIFE=1 leaves out the long life of one blueprint, where
# others are taken through theirs anyway.
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
inst=$(cd "${1:-$tmp}" && pwd -P)
[ $# -ge 1 ] || inst=$tmp/inst
[ $# -ge 1 ] || "$here/../install.sh" "$inst" > /dev/null || exit 1
export TF_CLI_CONFIG_FILE=$inst/terraformrc TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
unset AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE FAKE_AWS_FAIL FAKE_AWS_LOG FAKE_AWS_DELAY_MS
# Terraform decodes the whole schema in every command otherwise, for half a second. The schema dump below has all of it.
grep -rohE --include="*.tf" --include="*.hcl" 'aws_[a-z0-9_]+' "$here" | sort -u > "$tmp/types"
export FAKE_AWS_TYPES=$tmp/types
pass=0 fail=0
ok() { pass=$((pass + 1)); echo "ok    $1"; }
no() { fail=$((fail + 1)); echo "FAIL  $1"; [ -z "$2" ] || tail -n 25 "$2" | sed 's/^/      /'; }
flat() { sed 's/\x1b\[[0-9;]*m//g; s/[│╷╵]//g' "$1" | tr -s ' \n' '  '; }
tf() { # tf NAME EXPECTED_RC ARGS... : output in $tmp/out
  local name=$1 want=$2 t0=$(date +%s.%N); shift 2
  terraform "$@" -no-color > "$tmp/out" 2>&1; local rc=$?
  name="$name ($(printf %.1f "$(echo "$(date +%s.%N) - $t0" | bc)") s)"
  [ $rc -eq "$want" ] && ok "$name" || no "$name: exit $rc, wanted $want" "$tmp/out"
}
has() { flat "$tmp/out" | grep -qF -- "$2" && ok "$1" || no "$1: no \"$2\"" "$tmp/out"; }
start() { rm -rf "$tmp/w"; cp -R "$here/$1" "$tmp/w"; cd "$tmp/w" || exit 1; }

# --- the blueprint through its whole life
start blueprint
tf 'blueprint: init' 0 init -input=false
if [ -z "$WITHOUT_LIFE" ]; then
tf 'blueprint: validate' 0 validate
tf 'blueprint: plan' 0 plan -input=false -out=p
has 'blueprint: plan creates all' 'Plan: 126 to add, 0 to change, 0 to destroy.'
tf 'blueprint: apply of the saved plan' 0 apply p
tf 'blueprint: no changes afterwards' 0 plan -input=false -detailed-exitcode
has 'blueprint: says so' 'No changes.'
tf 'blueprint: plan of a change' 2 plan -input=false -detailed-exitcode -var desired_count=3
has 'blueprint: in place' 'Plan: 0 to add, 1 to change, 0 to destroy.'
tf 'blueprint: apply of a change' 0 apply -input=false -auto-approve -var desired_count=3
tf 'blueprint: plan of a replacement' 2 plan -input=false -detailed-exitcode -var desired_count=3 -var image_tag=v2
has 'blueprint: new task definition' '# forces replacement'
has 'blueprint: is a replacement' 'Plan: 1 to add, 3 to change, 1 to destroy.'
tf 'blueprint: plan of another network' 2 plan -input=false -detailed-exitcode -var vpc_cidr=10.30.0.0/16
has 'blueprint: the VPC is replaced' '# aws_vpc.this must be replaced'
tf 'blueprint: destroy' 0 destroy -input=false -auto-approve
has 'blueprint: all gone' 'Destroy complete! Resources: 126 destroyed.'
tf 'terraform test: mock_provider and stand-in' 0 test
has 'terraform test: all pass' 'Success! 5 passed, 0 failed.'
fi

# --- the lock file
tf 'lock file: readonly after init' 0 init -input=false -lockfile=readonly
rm -rf .terraform
tf 'lock file: readonly with an empty .terraform' 0 init -input=false -lockfile=readonly
cp .terraform.lock.hcl "$tmp/lock"
if [ -z "$NO_SECOND_INSTALL" ] && [ -w "$tmp" ]; then
  mkdir "$tmp/other" && ln -s "$inst/venv" "$tmp/other/venv"
  "$here/../install.sh" "$tmp/other" aws=5.100.0 > /dev/null && rm -rf .terraform
  TF_CLI_CONFIG_FILE=$tmp/other/terraformrc tf 'lock file: good for another installation' 0 init -input=false -lockfile=readonly
  mkdir "$tmp/five" && cd "$tmp/five" && printf 'terraform {\n  required_providers {\n    aws = {\n      source  = "registry.opentofu.org/hashicorp/aws"\n      version = "~> 5.0"\n    }\n  }\n}\nresource "aws_sqs_queue" "x" {}\n' > main.tf
  TF_CLI_CONFIG_FILE=$tmp/other/terraformrc tf 'extra version, OpenTofu host name: init' 0 init -input=false
  has 'extra version: 5.100.0 taken' 'Installed registry.opentofu.org/hashicorp/aws v5.100.0'
  TF_CLI_CONFIG_FILE=$tmp/other/terraformrc tf 'extra version, OpenTofu host name: validate' 0 validate
fi
start misc/many
sed 's/h1:[^"]*/h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' "$tmp/lock" > .terraform.lock.hcl
tf 'lock file: of the real providers is refused by init' 1 init -input=false
TF_CLI_CONFIG_FILE=$inst/terraformrc.dev tf 'lock file: of the real providers is ignored with terraformrc.dev' 0 validate
rm .terraform.lock.hcl

# --- mistakes are found
# Most of them in one folder: one command takes no longer than one per file. Two stop Terraform before it reaches the others.
bad() { # bad FILES...
  rm -rf "$tmp/w" && mkdir "$tmp/w" && cd "$tmp/w" || exit 1
  for f in "$@"; do n=$(basename "$f" .tf); sed "s/\"x\"/\"$n\"/g; s/\.x\./.$n./g; s/output \"o\"/output \"$n\"/" "$f" > "$n.tf"; done
  tf 'bad: init' 0 init -input=false
  tf 'bad: validate' 1 validate
  flat "$tmp/out" > "$tmp/said"
  for f in "$@"; do
    sed -n 's/^# expect: //p' "$f" | while read -r want; do grep -qF -- "$want" "$tmp/said" || echo "$want"; done > "$tmp/miss"
    [ -s "$tmp/miss" ] && no "bad/$(basename "$f" .tf): not said: $(cat "$tmp/miss")" || ok "bad/$(basename "$f" .tf) rejected"
  done
}
bad "$here"/bad/*.tf
for f in "$here"/bad/alone/*.tf; do bad "$f"; done

# --- failing applies
start misc/fail
tf 'fail: init' 0 init -input=false
FAKE_AWS_FAIL=aws_db_instance:create=InsufficientDBInstanceCapacity tf 'fail: create' 1 apply -input=false -auto-approve
has 'fail: create: message' 'Error: creating RDS DB Instance (main): operation error RDS: CreateDBInstance, https response error StatusCode: 400'
has 'fail: create: code' 'api error InsufficientDBInstanceCapacity'
[ "$(terraform state list | wc -l)" -eq 2 ] && ok 'fail: the rest was created' || no 'fail: the rest was created'
FAKE_AWS_FAIL=aws_db_instance.main:create-partial tf 'fail: create, half done' 1 apply -input=false -auto-approve
tf 'fail: tainted' 2 plan -input=false -detailed-exitcode
has 'fail: tainted: said' 'aws_db_instance.db is tainted, so must be replaced'
tf 'fail: then it works' 0 apply -input=false -auto-approve
FAKE_AWS_FAIL=aws_sqs_queue.b:update,aws_sqs_queue.a:update tf 'fail: update' 1 apply -input=false -auto-approve -var delay=5
has 'fail: update: message' 'Error: updating SQS Queue (b)'
tf 'fail: update is still to do' 2 plan -input=false -detailed-exitcode -var delay=5
FAKE_AWS_FAIL=aws_sqs_queue.a:delete=AWS.SimpleQueueService.QueueDeletedRecently tf 'fail: delete' 1 destroy -input=false -auto-approve
[ "$(terraform state list)" = aws_sqs_queue.a ] && ok 'fail: the rest was destroyed' || no 'fail: the rest was destroyed'
FAKE_AWS_GONE=aws_sqs_queue.a tf 'gone: deleted behind our back' 2 plan -input=false -detailed-exitcode
has 'gone: to be created again' '# aws_sqs_queue.a will be created'
FAKE_AWS_DELAY_MS=1500 FAKE_AWS_LOG=$tmp/log tf 'delay and log' 0 apply -input=false -auto-approve
grep -q '"op": "create", "type": "aws_db_instance"' "$tmp/log" && ok 'log: has the create' || no 'log: has the create' "$tmp/log"

# --- odds and ends
start misc/many
tf 'same arguments: init' 0 init -input=false
tf 'same arguments: apply' 0 apply -input=false -auto-approve
has 'same arguments: distinct ids' 'distinct = true'
tf 'same arguments: three more' 0 apply -input=false -auto-approve -var n=6
has 'same arguments: still distinct' 'distinct = true'

# --- one process for many commands, and a provider of its own for each connection
rm terraform.tfstate
tf 'attached: apply in processes of their own' 0 apply -input=false -auto-approve
terraform state pull | grep '"id":' | sort > "$tmp/ids"
coproc provider { exec "$inst/venv/bin/python" -I "$inst/run.py" attach; }
pid=$provider_PID
read -r TF_REATTACH_PROVIDERS <&"${provider[0]}"
export TF_REATTACH_PROVIDERS
for time in first second; do
  rm terraform.tfstate
  tf "attached: $time apply" 0 apply -input=false -auto-approve
  terraform state pull | grep '"id":' | sort | diff "$tmp/ids" - > "$tmp/out" && ok "attached: $time apply gives the same ids" || no "attached: $time ids" "$tmp/out"
done
tf 'attached: no changes' 0 plan -input=false -detailed-exitcode
unset TF_REATTACH_PROVIDERS
exec {provider[1]}>&-
wait "$pid" && ok 'attached: ends with its input' || no 'attached: ends with its input'
start misc/many
echo aws_eip > "$tmp/few"
tf 'types: init' 0 init -input=false
FAKE_AWS_TYPES=$tmp/few tf 'types: one that is left out' 1 validate
has 'types: is not supported' 'does not support resource type "aws_vpc"'
start misc/doc
tf 'data: init' 0 init -input=false
tf 'data: apply' 0 apply -input=false -auto-approve
terraform output -raw json | diff - <(printf %s "$(cat expected.json)") > "$tmp/out" && ok 'data: policy document as the real provider renders it' || no 'data: policy document' "$tmp/out"
terraform output -json misc > "$tmp/out"
has 'data: zones, account, functions' '{"ami":true,"arn":"arn:aws:iam::1:role/a/b","azs":["us-west-2a","us-west-2b","us-west-2c"],"id":"000000000000","part":"amazonaws.com","trim":"arn:aws:iam::1:role/z"}'
start misc/import
tf 'import: init' 0 init -input=false
tf 'import: apply' 0 apply -input=false -auto-approve
has 'import: two' 'Apply complete! Resources: 2 imported'
tf 'import: no changes' 0 plan -input=false -detailed-exitcode
start misc/writeonly
tf 'write-only and ephemeral: init' 0 init -input=false
tf 'write-only and ephemeral: apply' 0 apply -input=false -auto-approve
grep -q 'fake-secret-value\|"password_wo": "' terraform.tfstate && no 'write-only: not in the state' || ok 'write-only: not in the state'
tf 'write-only and ephemeral: no changes' 0 plan -input=false -detailed-exitcode
start misc/utility
tf 'utility providers: init' 0 init -input=false
tf 'utility providers: apply (a 300 s time_sleep does not wait)' 0 apply -input=false -auto-approve
terraform output -json checks > "$tmp/out"
grep -q false "$tmp/out" && no 'utility providers: values' "$tmp/out" || ok 'utility providers: values'
terraform output -raw leaf > leaf.pem; terraform output -raw ca > ca.pem
openssl verify -CAfile ca.pem leaf.pem > "$tmp/out" 2>&1 && ok 'utility providers: the certificate chain verifies' || no 'certificate chain' "$tmp/out"
tf 'utility providers: no changes' 0 plan -input=false -detailed-exitcode
tf 'utility providers: destroy' 0 destroy -input=false -auto-approve
[ ! -e out/hello.txt ] && ok 'utility providers: local_file removed' || no 'utility providers: local_file removed'
TF_DISABLE_PLUGIN_TLS=1 tf 'without TLS' 0 validate
start misc/doc
tf 'schema dump: init' 0 init -input=false
FAKE_AWS_TYPES='' terraform providers schema -json > "$tmp/out" && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))["provider_schemas"]["registry.terraform.io/hashicorp/aws"]
print(len(d["resource_schemas"]), "resources,", len(d["data_source_schemas"]), "data sources,", len(d["functions"]), "functions")
assert len(d["resource_schemas"]) > 1500' "$tmp/out" && ok 'schema dump' || no 'schema dump'

echo
echo "$pass passed, $fail failed"
[ $fail -eq 0 ]
