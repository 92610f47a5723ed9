"""Greets by a name that it keeps in Redis.

serve    answers GET /hello, and POST /hello {"name": "…"} keeps another name
healthy  fails unless the address answers 200: the container's health check
"""

import os
import sys
import urllib.request

PORT = os.environ.get("PORT", "8080")


def serve():
    import waitress

    import web

    waitress.serve(web.app, host="0.0.0.0", port=int(PORT))


# It runs every few seconds, so nothing above imports the application.
def healthy():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{sys.argv[2]}", timeout=2):
        pass


if __name__ == "__main__":
    command = {"serve": serve, "healthy": healthy}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(__doc__)
    command()
