"""A hook of mkdocs: links to files outside of docs/, which GitHub follows as they are, lead from the site to the repository."""

import re
from typing import Any

LINK = re.compile(r"\]\(\.\./([^)\s]+)\)")


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    return LINK.sub(rf"]({config['repo_url']}/blob/main/\1)", markdown)
