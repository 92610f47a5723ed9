"""The rows of measure.py about size: plans with thousands of resources, and a table with a hundred thousand stacks."""

import concurrent.futures
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

import measure_provision as provision
from measured_rows import Row

FEW_RESOURCES, MANY_RESOURCES = 300, 3_000
FEW_STACKS = 1_000
# What one TransactWriteItems takes: the local AWS has no BatchWriteItem.
BATCH = 100
PAGE = 100


def blueprint(count):
    return f"""
resource "terraform_data" "many" {{
  count = {count}
  input = count.index
}}
output "slipway" {{
  value = {{ endpoints = {{ text = "x" }} }}
}}
"""


class Memory(threading.Thread):
    """The most memory that any runner of the machine had, in MB, while this ran."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.ended = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.wait(0.02):
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if "SLIPWAY_PHASE=" in (process / "environ").read_text(errors="replace"):
                        self.see((process / "comm").read_text().strip(), (process / "status").read_text())
                except OSError:
                    continue

    def see(self, name, status):
        peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        if name.startswith("slipway") and peak:
            self.most = max(self.most, int(peak[0]) // 1024)


def plan_by_hand(local, count):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="by-hand-"))
    (folder / "main.tf").write_text(blueprint(count))
    begun = time.perf_counter()
    for command in (["init", "-input=false"], ["plan", "-input=false", "-out=tfplan"], ["apply", "-input=false", "tfplan"]):
        arguments = [local.terraform, *command]
        subprocess.run(arguments, cwd=folder, env=local.environment(), check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - begun
    shutil.rmtree(folder)
    return took


def plans(local, rounds):
    """Provisions of a few and of many resources, with the memory of the runner."""
    peaks, rows = {}, []
    for count in (FEW_RESOURCES, MANY_RESOURCES):
        files = {"files": {"main.tf": blueprint(count)}}
        provision.call("PUT", f"{local.api}/v1/blueprints/many-{count}/versions/1.0.0", files)
        through, hand = [], []
        with Memory() as memory:
            for index in range(rounds):
                begun = time.perf_counter()
                body = {"name": f"many-{count}-{index}", "blueprint": f"many-{count}", "environment": "local"}
                provision.wait(local.api, provision.call("POST", f"{local.api}/v1/stacks", body))
                through.append(time.perf_counter() - begun)
                hand.append(plan_by_hand(local, count))
        peaks[count] = memory.most
        rows.append(Row.of_times(f"provision of {count:,} resources", through, "by hand, local state file", hand))
    few, many = peaks[FEW_RESOURCES], peaks[MANY_RESOURCES]
    rows.append(Row(f"memory of the runner, {MANY_RESOURCES:,} resources", many, "MB", f"with {FEW_RESOURCES} resources", max(few, 1)))
    return rows


def word(bits):
    """Sixteen bits as a word that can be pronounced: half of the id of a stack."""
    consonants, vowels = "bdfghjklmnprstvz", "aiou"
    return consonants[bits >> 12] + vowels[bits >> 10 & 3] + consonants[bits >> 6 & 15] + vowels[bits >> 4 & 3] + consonants[bits & 15]


def fill(local, like, begin, end):
    """Copies of a stack's items under other ids and names: as if this many had been requested."""
    table = like["table"]

    def write(first):
        puts = []
        for number in range(first, min(first + BATCH // 2, end)):
            for item in like["items"]:
                text = json.dumps(item).replace(like["id"], f"{word(0xF000 + (number >> 16))}-{word(number & 0xFFFF)}")
                text = text.replace(f'"{like["name"]}"', f'"copy-{number}"').replace(f'#{like["name"]}"', f'#copy-{number}"')
                puts.append({"Put": {"TableName": table, "Item": json.loads(text)}})
        local.service("dynamodb", "DynamoDB_20120810.TransactWriteItems", {"TransactItems": puts})

    with concurrent.futures.ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(begin, end, BATCH // 2)))


def template_of(local, stack):
    """The items of a stack that is ready, as the table has them."""
    [table] = local.service("dynamodb", "DynamoDB_20120810.ListTables", {})["TableNames"]
    keys = [("stack#" + stack["id"], "stack"), (f"name#{stack['environment']}#{stack['name']}", "name")]
    items = []
    for pk, sk in keys:
        get = {"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}
        items.append(local.service("dynamodb", "DynamoDB_20120810.GetItem", get)["Item"])
    return {"table": table, "id": stack["id"], "name": stack["name"], "items": items}


def timed(api, query, rounds):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        page = provision.call("GET", f"{api}/v1/stacks?{query}")
        times.append(time.perf_counter() - begun)
    return statistics.median(times), page


def last_page(api, rounds):
    """The last page of the list of all stacks: the time of it, and how many pages there are."""
    pages, query = 1, f"limit={PAGE}"
    while True:
        page = provision.call("GET", f"{api}/v1/stacks?{query}")
        if not page.get("next"):
            return timed(api, query, rounds)[0], pages
        query, pages = f"limit={PAGE}&cursor={urllib.parse.quote(page['next'])}", pages + 1


def lists(api, name, rounds):
    last, pages = last_page(api, rounds)
    found, page = timed(api, f"name={name}", rounds)
    assert len(page["items"]) == 1, page
    return {
        "first page of stacks": timed(api, f"limit={PAGE}", rounds)[0],
        "last page of stacks": last,
        "stack by name": found,
        "stacks by status": timed(api, f"status=ready&limit={PAGE}", rounds)[0],
    }, pages


def stacks(local, rounds, count):
    """Lists of many stacks, against the same lists of a thousand."""
    operation = provision.wait(local.api, provision.ask_for_stack(local.api, "original"))
    like = template_of(local, provision.call("GET", local.api + operation["links"]["stack"]))
    fill(local, like, 0, FEW_STACKS)
    few, _ = lists(local.api, f"copy-{FEW_STACKS - 1}", rounds)
    fill(local, like, FEW_STACKS, count)
    many, pages = lists(local.api, f"copy-{count - 1}", rounds)
    rows = []
    for metric, time_of_many in many.items():
        shown = f" (page {pages:,})" if metric.startswith("last") else ""
        rows.append(Row.of_times(f"{metric}, {count:,} stacks{shown}", [time_of_many], f"of {FEW_STACKS:,}", [few[metric]]))
    return rows
