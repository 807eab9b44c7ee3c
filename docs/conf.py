"""How Sphinx reads these pages; ``make docs`` runs it with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mapsys
from scripts import reference

project = "mapsys"
author = "the mapsys authors"
version = release = mapsys.__version__
root_doc = "index"
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
html_theme = "alabaster"
man_pages = [("reference/commands", "mapsys", "LISP mapping system", author, 1)]


def setup(app):
    app.connect("source-read", reference.on_source_read)
