"""Results on stdout as table, JSON, NDJSON, YAML or CSV; the same rows in each."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mapsys.spreadsheet import defused

FORMATS: Final = ("table", "json", "ndjson", "yaml", "csv")

PIPED_WIDTH: Final = 400
"""Columns of a table that goes into a pipe: nothing is cut or wrapped there."""

NOTHING: Final = "-"
"""What stands in a table for a value that there is not; CSV leaves it out."""

Item = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])


class Column(NamedTuple):
    """One column of a table or CSV: its heading and what it shows of an item."""

    heading: str
    text: Callable[[Item], object]


def output_option(command: Command) -> Command:
    """Adds ``-o FORMAT``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="Form of the result.",
    )(command)


def print_items(form: str, columns: Sequence[Column], items: Iterable[Item]) -> int:
    """Print a list and return its length; NDJSON and CSV leave item by item."""
    counted = _Counted(items)
    match form:
        case "json":
            click.echo(_json(list(counted), indent=2))
        case "ndjson":
            for item in counted:
                click.echo(_json(item))
        case "yaml":
            click.echo(_yaml(list(counted)), nl=False)
        case "csv":
            _print_csv(columns, counted)
        case _:
            _print_table(columns, counted)
    return counted.count


def print_item(form: str, rows: Sequence[Column], item: Item) -> None:
    """Print one item; its table has a line for each of ``rows``."""
    match form:
        case "json":
            click.echo(_json(item, indent=2))
        case "ndjson":
            click.echo(_json(item))
        case "yaml":
            click.echo(_yaml(item), nl=False)
        case "csv":
            _print_csv(rows, [item])
        case _:
            width = max(len(row.heading) for row in rows)
            for row in rows:
                click.echo(f"{row.heading:<{width}}  {printable(row.text(item))}")


def field(name: str) -> Callable[[Item], object]:
    """Shows one member of an item."""
    return lambda item: item[name]


def printable(value: object) -> str:
    """One line of text in which nothing can steer a terminal."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(printable(one) for one in value) or NOTHING
    text = str(value)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class _Counted(Iterable[Item]):
    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self.count += 1
            yield item


def _print_table(columns: Sequence[Column], items: Iterable[Item]) -> None:
    console = Console(
        file=sys.stdout,
        highlight=False,
        width=None if sys.stdout.isatty() else PIPED_WIDTH,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.heading, overflow="fold")
    for item in items:
        # Text, not str: square brackets of an instance-ID are no markup.
        table.add_row(*(Text(printable(column.text(item))) for column in columns))
    console.print(table, soft_wrap=False)


def _print_csv(columns: Sequence[Column], items: Iterable[Item]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.heading for column in columns])
    for item in items:
        writer.writerow([_csv_cell(column.text(item)) for column in columns])


def _csv_cell(value: object) -> str:
    text = printable(value)
    if text == NOTHING:
        return ""
    return text if isinstance(value, int | float) else defused(text)


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent)


def _yaml(value: object) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, width=PIPED_WIDTH))
