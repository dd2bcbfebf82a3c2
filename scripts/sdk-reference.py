"""Writes the SDK's reference as markdown: its public names with signatures and docstrings, read by griffe without running them.

sdk-reference.py SOURCES OUTPUT
"""

import re
import sys
from pathlib import Path

import griffe

HEAD = """# practicuscore

The Python SDK, made from its sources by `scripts/docs.sh`. Start with `import practicuscore as prt`.
"""
GROUPS = [
    (
        "Workers",
        [
            "create_worker",
            "get_or_create_worker",
            "get_worker",
            "get_local_worker",
            "running_on_a_worker",
            "list_workers",
            "Worker",
        ],
    ),
    ("Configuration", ["WorkerConfig", "ImageConfig"]),
    ("Builds", ["containers", "get_build", "list_builds", "Build"]),
    (
        "Images and sizes",
        [
            "list_worker_images",
            "list_worker_sizes",
            "WorkerImage",
            "WorkerSize",
            "PrtList",
        ],
    ),
    ("Console and login", ["connect", "login", "logout", "Client"]),
]


def prose(text: str) -> str:
    """A docstring's words: Sphinx' roles and double backticks become code."""
    text = re.sub(r":(?:class|func|meth|attr|mod|data):`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text).strip()


def described(thing: griffe.Object) -> list[str]:
    """The docstring in paragraphs, with a list of the parameters."""
    if thing.docstring is None:
        return []
    out = []
    for section in thing.docstring.parse("sphinx", warnings=False):
        if section.kind is griffe.DocstringSectionKind.text:
            out.append(prose(section.value))
        elif section.kind in (
            griffe.DocstringSectionKind.parameters,
            griffe.DocstringSectionKind.attributes,
        ):
            out.append(
                "\n".join(
                    f"- `{each.name}`: {prose(each.description)}"
                    for each in section.value
                )
            )
        elif section.kind is griffe.DocstringSectionKind.raises:
            out.append(
                "\n".join(
                    f"- raises `{each.annotation}`: {prose(each.description)}"
                    for each in section.value
                )
            )
    return out


def parameter(each: griffe.Parameter) -> str:
    """One parameter as it stands in the source."""
    stars = {
        griffe.ParameterKind.var_positional: "*",
        griffe.ParameterKind.var_keyword: "**",
    }.get(each.kind, "")
    text = stars + each.name
    if each.annotation is not None:
        text += f": {each.annotation}"
    if each.default is not None and not stars:
        text += (
            f" = {each.default}" if each.annotation is not None else f"={each.default}"
        )
    return text


def signature(function: griffe.Function, name: str) -> str:
    """`def name(...) -> ...`, broken into lines if it is long."""
    parts = []
    keyword_only = False
    for each in function.parameters:
        if each.name in ("self", "cls"):
            continue
        if each.kind is griffe.ParameterKind.var_positional:
            keyword_only = True
        elif each.kind is griffe.ParameterKind.keyword_only and not keyword_only:
            parts.append("*")
            keyword_only = True
        parts.append(parameter(each))
    returns = f" -> {function.returns}" if function.returns is not None else ""
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) > 100:
        line = f"{name}(\n    " + ",\n    ".join(parts) + f",\n){returns}"
    return f"```py\n{line}\n```"


def is_public(thing: griffe.Object) -> bool:
    """Neither private nor a special method."""
    return not thing.name.startswith("_") and not thing.is_alias


def function_lines(function: griffe.Function, name: str, level: int) -> list[str]:
    """A function or method."""
    return ["#" * level + f" {name}", signature(function, name), *described(function)]


def class_lines(thing: griffe.Class) -> list[str]:
    """A class: what it is, its attributes as a list, its methods."""
    bases = ", ".join(str(base) for base in thing.bases)
    lines = [f"### {thing.name}" + (f" ({bases})" if bases else ""), *described(thing)]
    if "dataclass" in thing.labels:
        fields = [
            each
            for each in thing.members.values()
            if each.is_attribute and is_public(each)
        ]
        shown = [
            f"    {each.name}: {each.annotation}"
            + (f" = {each.value}" if each.value is not None else "")
            for each in fields
        ]
        lines.append("```py\n" + f"{thing.name}(\n" + ",\n".join(shown) + ",\n)\n```")
    facts, methods = [], []
    for each in thing.members.values():
        if not is_public(each):
            continue
        if each.is_attribute:
            words = " ".join(described(each)).replace("\n", " ")
            kind = f" ({each.annotation})" if each.annotation is not None else ""
            facts.append(
                f"- `{each.name}`{kind}: {words}" if words else f"- `{each.name}`{kind}"
            )
        elif each.is_function:
            methods += function_lines(each, f"{thing.name}.{each.name}", 4)
    if facts:
        lines.append("\n".join(facts))
    return lines + methods


def lines_of(name: str, thing: griffe.Object) -> list[str]:
    """Any public name."""
    if thing.is_alias:
        thing = thing.final_target
    if thing.is_module:
        lines = [f"### {name}", *described(thing)]
        for each in thing.exports or []:
            member = thing.members[str(each)]
            if not member.is_alias:
                lines += function_lines(member, f"{name}.{each}", 4)
        return lines
    if thing.is_class:
        return class_lines(thing)
    return function_lines(thing, name, 3)


def main(sources: str, output: str) -> None:
    """Writes the file."""
    package = griffe.load("practicuscore", search_paths=[sources], resolve_aliases=True)
    public = [str(name) for name in package.exports if not str(name).startswith("_")]
    groups = [*GROUPS]
    grouped = {name for _, names in groups for name in names}
    groups.append(
        (
            "Results",
            [
                name
                for name in public
                if name not in grouped and not name.endswith("Error")
            ],
        )
    )
    groups.append(
        (
            "Errors",
            [name for name in public if name not in grouped and name.endswith("Error")],
        )
    )
    parts = [HEAD.strip()]
    for heading, names in groups:
        parts.append(f"## {heading}")
        for name in names:
            if name not in public:
                sys.exit(
                    f"practicuscore has no public {name}: change GROUPS in {__file__}"
                )
            parts += lines_of(name, package.members[name])
    Path(output).write_text("\n\n".join(part for part in parts if part) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
