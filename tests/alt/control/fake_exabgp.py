"""A stand-in for ExaBGP that misbehaves on demand: same command line, file, helper and lines.

Run as ``fake_exabgp.py server CONF`` or ``validate -n CONF``. The environment
variable FAKE_EXABGP names a JSON file with what to do:

starts: the numbers of the starts (from 0) that misbehave at all.
emit: lines written to the helper as soon as it runs.
late_seconds: before every answer. refuse: a part of the commands that get "error".
stall_after, die_after: commands after which it freezes or exits with 3.
drop_reloads: how many reloads are answered but not done.
poison: a reload is answered, fails, and costs the helper its life.
validate: what the validator finds wrong; empty is nothing.

What it is told is appended to FAKE_EXABGP.log, one command per line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(os.environ["FAKE_EXABGP"])
LOG = SCRIPT.with_suffix(".log")


def log(line: str) -> None:
    with LOG.open("a") as file:
        file.write(line + "\n")


def read_conf(path: str) -> tuple[list[str], list[dict[str, object]]]:
    text = Path(path).read_text()
    run = re.search(r"run (.*);", text)
    assert run is not None
    found = re.findall(r"neighbor (\S+) \{.*?peer-as (\d+);", text, re.DOTALL)
    return run[1].split(), [{"peer": {"address": a, "as": int(n)}} for a, n in found]


class Fake:
    def __init__(self, conf: str, plan: dict[str, object]) -> None:
        self.conf, self.plan, self.commands = conf, plan, 0
        run, self.neighbors = read_conf(conf)
        self.dropped = 0
        self.relay = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, line: str) -> None:
        assert self.relay.stdin is not None
        self.relay.stdin.write(line.encode() + b"\n")
        self.relay.stdin.flush()

    def serve(self) -> None:
        assert self.relay.stdout is not None
        for line in self.plan.get("emit", ()):
            self.say(line)
        for raw in self.relay.stdout:
            command = raw.decode().strip()
            log(command)
            self.commands += 1
            if self.commands > self.plan.get("die_after", 10**9):
                sys.exit(3)
            while self.commands > self.plan.get("stall_after", 10**9):
                time.sleep(60)
            time.sleep(self.plan.get("late_seconds", 0))
            self.answer(command)

    def answer(self, command: str) -> None:
        if self.plan.get("refuse") and self.plan["refuse"] in command:
            self.say("error")
            return
        if command == "version":
            self.say("exabgp 5.0.15")
        elif command == "show neighbor json":
            self.say(json.dumps(self.neighbors))
        elif command == "reload":
            self.say("reload in progress")
            if self.plan.get("poison"):
                self.say("done")
                self.relay.terminate()
                sys.exit(1)
            if self.dropped < self.plan.get("drop_reloads", 0):
                self.dropped += 1
            else:
                self.neighbors = read_conf(self.conf)[1]
        self.say("done")


def main() -> None:
    plan = json.loads(SCRIPT.read_text())
    if sys.argv[1] == "validate":
        if plan.get("validate"):
            sys.exit(plan["validate"])
        return
    number = LOG.read_text().count("start\n") if LOG.exists() else 0
    log("start")
    Fake(sys.argv[2], plan if number in plan.get("starts", [0]) else {}).serve()


if __name__ == "__main__":
    main()
