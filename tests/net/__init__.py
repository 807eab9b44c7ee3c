"""Tests of mapsys.net."""
