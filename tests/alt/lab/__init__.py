"""The ALT pilot network in namespaces, with what it has to show: ``python -m tests.alt.lab``."""
