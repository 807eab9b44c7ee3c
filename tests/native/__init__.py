"""Tests of mapsys.native."""
