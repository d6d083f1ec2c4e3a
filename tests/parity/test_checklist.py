"""CHECKLIST.md says how each behaviour that tfmot's own tests check is answered here: by tests that exist."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
CHECKLIST = Path(__file__).with_name("CHECKLIST.md").read_text()
ROW = re.compile(r"^\| (?!--|Behaviour)(.+?) \| (.+) \|$", re.MULTILINE)


def functions_in(path):
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_all_behaviours_are_answered_and_none_is_left_to_do():
    sections = re.findall(r"^## (\w+\.py) \((\d+)\)\n(.*?)(?=^## |\Z)", CHECKLIST, re.MULTILINE | re.DOTALL)
    rows = {name: [behaviour for behaviour, _ in ROW.findall(text)] for name, _, text in sections}
    assert {name: len(set(behaviours)) for name, behaviours in rows.items()} == {n: int(m) for n, m, _ in sections}
    assert sum(map(len, rows.values())) == len(ROW.findall(CHECKLIST)) == 118
    assert [behaviour for behaviour, answer in ROW.findall(CHECKLIST) if "TODO" in answer] == []


def test_every_test_that_is_named_exists():
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", CHECKLIST)
    assert len(named) == CHECKLIST.count("::") > 100
    found = {path: functions_in(path) for path, _ in named}
    assert [f"{path}::{name}" for path, name in named if name not in found[path]] == []
