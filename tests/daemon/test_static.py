"""Mappings that stand in the configuration: served from the start on, gone with their line."""

from __future__ import annotations

from tests.daemon.node import Node, xtr

STATIC = """\
    static:
      - {prefix: 198.18.1.64/26, ttl: 2h, locators: [{address: 192.0.2.66, weight: 7}]}
"""
PETR = "map-server: {rate-limits: off, petr: [{address: 192.0.2.99, priority: 2}]}"


def test_a_static_mapping_is_served_until_the_configuration_drops_it(node: Node) -> None:
    plain = node.config.read_text(encoding="utf-8")
    node.config.write_text(plain + STATIC, encoding="utf-8")
    node.start()
    with xtr(node.address) as asker:
        reply = asker.asks("198.18.1.70")
        assert reply is not None
        (record,) = reply.records
        assert (str(record.eid_prefix), record.record_ttl_minutes) == ("198.18.1.64/26", 120)
        assert record.rlocs[0].weight == 7
    assert node.stop() == 0
    node.config.write_text(plain, encoding="utf-8")
    node.start()
    with xtr(node.address) as asker:
        reply = asker.asks("198.18.1.70")
        assert reply is not None
        assert reply.records[0].rlocs == ()


def test_a_petr_is_named_where_nothing_is(node: Node) -> None:
    text = node.config.read_text(encoding="utf-8").replace("map-server: {rate-limits: off}", PETR)
    node.config.write_text(text, encoding="utf-8")
    node.start()
    with xtr(node.address) as asker:
        reply = asker.asks("198.18.200.1")
        assert reply is not None
        (locator,) = reply.records[0].rlocs
        assert locator.priority == 2
