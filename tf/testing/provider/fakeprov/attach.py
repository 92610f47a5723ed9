"""All stand-ins in one process, for many commands: run.py attach

Terraform starts a provider four times for a command and for each run of a test, and a start costs more than what the provider then
does. With TF_REATTACH_PROVIDERS it connects to a process that is there. Each connection has a provider of its own, as if it were
a new process: nothing is shared but the schemas, which never change.

Writes the value of TF_REATTACH_PROVIDERS as one line, and serves until its standard input ends. The environment and the working
folder are those of this process, not of the command.
"""
import json
import os
import sys
import tempfile

from .h2 import GrpcServer
from .schema import HOSTS, providers
from .server import HOLD, Server


def main():
    with tempfile.TemporaryDirectory(prefix='fakeprov-') as folder:
        attached = {}
        for name in providers():
            sock = os.path.join(folder, name)
            GrpcServer(sock, lambda name=name: Server(name).methods(), HOLD).start()
            # Test: Terraform does not end the process.
            entry = {'Protocol': 'grpc', 'ProtocolVersion': 5, 'Pid': os.getpid(), 'Test': True, 'Addr': {'Network': 'unix', 'String': sock}}
            attached.update({'%s/hashicorp/%s' % (host, name): entry for host in HOSTS})
        print(json.dumps(attached), flush=True)
        sys.stdin.read()
