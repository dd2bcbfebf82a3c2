"""What the documentation says of the SDK is so: its Python examples parse, and call what there is with what it takes."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import practicuscore as prt

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial"
EXAMPLES = [
    pytest.param(block, id=f"{page.stem}-{at}")
    for page in sorted(TUTORIAL.glob("*.md"))
    for at, block in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL))
]


def dotted(node: ast.expr) -> str:
    """``prt.containers.build_image`` of the expression that says so; empty for others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def called(name: str) -> Any:
    """What a call calls, if it is the SDK's."""
    first, *rest = name.split(".")
    if first == "prt":
        thing: Any = prt
    elif first.endswith("worker"):
        thing = prt.Worker
    else:
        return None
    for part in rest:
        thing = getattr(thing, part)
    return thing


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_uses_what_there_is(example: str) -> None:
    tree = ast.parse(example)
    compile(tree, "example", "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node).startswith("prt."):
            called(dotted(node))
        if not isinstance(node, ast.Call):
            continue
        thing = called(dotted(node.func))
        if thing is None:
            continue
        given = [None for _ in node.args]
        named = {each.arg: None for each in node.keywords if each.arg is not None}
        signature = inspect.signature(thing)
        if dotted(node.func).split(".")[0] != "prt":
            given.insert(0, None)
        # `**image` gives what is not written out here.
        bind = signature.bind_partial if any(each.arg is None for each in node.keywords) else signature.bind
        bind(*given, **named)
