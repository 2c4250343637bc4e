"""Fill the generated parts of README.md: `python scripts/readme.py` writes, `--check` fails where it would change."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from duiqi.core.part import ROLES, Catalogue

README = Path(__file__).parents[1] / "README.md"


def parts_table() -> str:
    """Every part with the first line of its page."""
    catalogue = Catalogue.installed()
    lines = ["| role | part | what it does |", "|---|---|---|"]
    for role in ROLES:
        for part in catalogue.all(role):
            lines.append(f"| {role} | `{part.name}` | {part.summary} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """The page with its parts table as the catalogue has it now."""
    return re.sub(r"(<!-- parts -->\n).*?(<!-- /parts -->)", rf"\g<1>{parts_table()}\n\g<2>", text, flags=re.S)


def main() -> int:
    text = README.read_text(encoding="utf-8")
    made = filled(text)
    if "--check" in sys.argv:
        return int(made != text)
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
