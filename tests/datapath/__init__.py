"""Tests of mapsys.datapath."""
