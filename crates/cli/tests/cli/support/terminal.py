"""Runs a program on a terminal of its own, and types what a person would type.

Arguments: a JSON list of [text to wait for, text to type], then the program and its arguments. Prints what the terminal showed, and
ends with the program's exit code.
"""

import json
import os
import pty
import sys
import time

PATIENCE = 120.0


def main() -> int:
    script: list[list[str]] = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    shown = b""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            # Linux says so once the program has closed its side.
            break
        if not read:
            break
        shown += read
        while script and script[0][0].encode() in shown:
            os.write(terminal, script.pop(0)[1].encode())
    _, status = os.waitpid(child, 0)
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    if script:
        print(f"\nnever shown: {script[0][0]}")
        return 99
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
