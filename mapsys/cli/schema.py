"""``mapsys schema``: what a configuration file may hold, for editors."""

from __future__ import annotations

import json

import click

from mapsys.config.json_schema import DIALECT, json_schema
from mapsys.config.top import TOP


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file.

    An editor that is given it completes keys and marks what 'mapsys check' would refuse;
    what several keys settle together only 'mapsys check' knows.
    """
    whole = {"$schema": DIALECT, "title": "Configuration of mapsys", **json_schema(TOP)}
    click.echo(json.dumps(whole, indent=2))
