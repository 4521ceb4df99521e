"""Parts of the repository's pages that tools write: tables, and what stands between two markers.

Only what lies between the markers is replaced; the prose around it is written by people.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = Path("docs") / "plots"


def markers(name: str, tool: str) -> tuple[str, str]:
    """The lines around a part that a tool writes."""
    return f"<!-- {name}: written by scripts/{tool} -->", f"<!-- end of {name} -->"


def replace_measured(page: str, text: str, begin: str, end: str) -> str:
    """The page with another text between two markers."""
    head, found_begin, rest = page.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the page lacks the marker {end if found_begin else begin}")
    return f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}"


def rewrite(path: Path, text: str, begin: str, end: str) -> None:
    path.write_text(replace_measured(path.read_text(), text, begin, end))


def save_pictures(directory: Path, pictures: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (directory / f"{name}.svg").write_text(picture)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table whose first column has names and whose others have numbers."""
    ruler = ["---"] + ["---:"] * (len(head) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)]


def grouped(number: float) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,.0f}".replace(",", " ")


def significant(number: float) -> str:
    """As many digits as mean something in a measurement."""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else grouped(number)


def bytes_text(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{significant(count)} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= 1024
    return f"{significant(count)} GiB"
