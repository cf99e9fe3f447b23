"""The project's documents, read for tests."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

INTRODUCTION = "README.md"
OPERATOR = "operator/README.md"
CHANGELOG = "operator/CHANGELOG.md"
MANIFESTS = "manifests/README.md"
TESTS = "tests/README.md"
SECURITY = ".github/SECURITY.md"
DOCUMENTS = (INTRODUCTION, OPERATOR, CHANGELOG, MANIFESTS, TESTS, SECURITY)


def read(document: str) -> str:
    """Return the text of a document; the path is relative to the root of the repository."""
    return (ROOT / document).read_text()


def section(document: str, heading: str) -> str:
    """Return the text below a heading such as ``## API``, up to the next heading of the same or a higher level."""
    _, found, text = read(document).partition(f"\n{heading}\n")
    assert found, f"{document} has no {heading}"
    level = len(heading.partition(" ")[0])
    return re.split(rf"^#{{2,{level}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def table(document: str, heading: str) -> list[list[str]]:
    """Return the rows of the table whose header row begins with ``heading``, as the cells are written."""
    lines = read(document).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def prose(document: str) -> str:
    """Return the text without its code: blocks, and spans in backticks."""
    text = re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(document: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings: lower case, hyphens for spaces, no punctuation."""
    text = re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: str) -> list[str]:
    """Return the targets of all links that stay in the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(document))
    return [target for target in targets if "://" not in target]
