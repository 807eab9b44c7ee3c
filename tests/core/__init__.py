"""Tests of the core: effects for datagrams, on a virtual clock."""
