from __future__ import annotations

import io
import os
import random
import re
import tarfile
from pathlib import Path

import pytest

from practicuscore import UsageError
from practicuscore.errors import ChangedError
from practicuscore.upload import tar
from practicuscore.upload.dockerignore import Dockerignore, clean
from practicuscore.upload.local import Local
from practicuscore.upload.pattern import BadPatternError, Pattern
from practicuscore.upload.scan import Entry, Scan, scan


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("foo", "foo", True),
        ("foo", "bar/foo", False),
        ("foo", "foo/bar", False),
        ("*", "a/b", False),
        ("*.go", "x.go", True),
        ("*.go", "a/x.go", False),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("**", "a/b/c", True),
        ("**/**", "dir/file", True),
        ("dir/**", "dir/a/b", True),
        ("dir/**", "dir", False),
        ("a**", "a", True),
        ("a**", "ab/c", True),
        ("**/dir", "dir", True),
        ("**/dir", "a/b/dir", True),
        ("**/dir", "xdir", False),
        ("**/dir", "dir/x", False),
        ("**file", "my-file", True),
        ("**/*.txt", "a/b/c.txt", True),
        ("**/**/*.txt", "c.txt", True),
        ("a**/*.txt", "a/dir/dir/file.txt", True),
        ("a/*.txt", "a/dir/f.txt", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("a/**/b", "ab", False),
        ("a?b", "a☺b", True),
        ("a?b", "a/b", False),
        ("a[b-d]e", "ace", True),
        ("a[b-d]e", "aae", False),
        ("a[^b-d]e", "aze", True),
        ("[a-ζ]*", "α", True),
        ("[\\]a]", "]", True),
        ("[x\\-]", "-", True),
        ("[x\\-]", "z", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\\\", "a\\", True),
        ("abc.def", "abcZdef", False),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
        ("]", "]", True),
        ("", "", True),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ],
)
def test_patterns_mean_what_docker_says(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern).matches(path) == matches


@pytest.mark.parametrize("wrong", ["[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^", "[^bc", "a[", "\\", "a\\", "[z-a]", "[]"])
def test_bad_patterns_are_refused(wrong: str) -> None:
    with pytest.raises(BadPatternError):
        Pattern(wrong)


def _as_expression(pattern: str) -> re.Pattern[str]:
    """The same rules as a regular expression, as a second opinion."""
    out, at = "", 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**"):
            at += 3 if rest.startswith("**/") else 2
            out += ".*" if at >= len(pattern) else "(?:.*/)?"
            continue
        if rest.startswith("["):
            stop = rest.index("]") + 1
            out, at = out + rest[:stop], at + stop
            continue
        out += {"*": "[^/]*", "?": "[^/]"}.get(rest[0]) or re.escape(rest[0])
        at += 1
    return re.compile(out, re.DOTALL)


def test_the_walk_agrees_with_an_expression() -> None:
    chance = random.Random(11)
    pieces = ["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[^a]"]
    for _ in range(4000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randrange(8)))
        path = "".join(chance.choice("ab/") for _ in range(chance.randrange(9)))
        pattern = Pattern(text)
        if pattern._ends_with is None:
            assert pattern.matches(path) == bool(_as_expression(text).fullmatch(path)), (text, path)
            assert pattern.walks(path) == pattern.matches(path), (text, path)
        if pattern.matches(path) and not path.startswith("/") and "//" not in path:
            for cut in re.finditer("/", path):
                assert pattern.can_match_below(path[: cut.start()]) or "//" in text or text.startswith("/"), (text, path)


def test_no_pattern_is_slow() -> None:
    assert not Pattern("a*" * 40 + "b").matches("a" * 400)
    assert not Pattern("**/a" * 20 + "b").matches("a/" * 200)


def sent(text: str, *paths: str) -> list[str]:
    file = Dockerignore(text)

    def ignored(path: str) -> bool:
        matched = file.root()
        for cut in re.finditer("/", path):
            matched = file.check(path[: cut.start()], matched)[1]
        return file.check(path, matched)[0]

    return [path for path in paths if not ignored(path)]


def test_ignore_files_mean_what_docker_says() -> None:
    paths = ("foo", "foo/x", "bar/foo", "foobar")
    assert sent("foo", *paths) == sent("/foo/", *paths) == sent("./x/../foo//", *paths) == ["bar/foo", "foobar"]
    assert sent("**/foo", *paths) == ["foobar"]
    assert sent("*.md\n!README.md", "a.md", "README.md") == ["README.md"]
    assert sent("!README.md\n*.md", "a.md", "README.md") == []
    assert sent("docs\n!docs/keep", "docs/a", "docs/keep", "docs/keep/b") == ["docs/keep", "docs/keep/b"]
    assert sent("*\n! src", "a", "src", "src/x/y") == ["src", "src/x/y"]
    assert sent("**\n!util/web\nutil/web/foo", "util/web/foo", "util/web/bar") == ["util/web/bar"]
    assert sent("\ufeff# comment\r\n\r\n   \r\n  a  \r\n #b\r\n", "a", "b", "#b", "# comment") == ["b", "# comment"]
    # BuildKit's quirks.
    assert sent("*/b\n!a", "a/b") == []
    assert sent("a\n!a/b\n**/a", "a/b", "a/c") == ["a/b"]
    with pytest.raises(UsageError, match="line 2: `!` without a pattern"):
        Dockerignore("a\n!")
    with pytest.raises(UsageError, match=r"line 3: `\[x`"):
        Dockerignore("a\n\n[x")


def test_paths_are_cleaned_as_go_does() -> None:
    pairs = {"a//b/./c/": "a/b/c", "a/../b": "b", "../a": "../a", "a/../../b": "../b", "/../a": "/a", "/": "/", "a/..": "."}
    assert {path: clean(path) for path in pairs} == pairs


def tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def names(root: Path, dockerfile: str | None = "Dockerfile") -> list[str]:
    return [entry.path for entry in scan(root, dockerfile).entries]


def test_what_is_ignored_is_not_sent_and_its_folder_only_when_needed(tmp_path: Path) -> None:
    ignore = "*\n!src/keep\n!other/none"
    tree(
        tmp_path,
        {".dockerignore": ignore, "docker/Dockerfile": "", "src/drop": "", "src/keep/x": "", "other/y": "", "z/deep/er": ""},
    )
    wanted = [".dockerignore", "docker", "docker/Dockerfile", "src", "src/keep", "src/keep/x"]
    assert names(tmp_path, "docker/Dockerfile") == wanted
    assert "src/drop" in names(tmp_path, None)


def test_a_dockerfiles_own_ignore_file_goes_first(tmp_path: Path) -> None:
    tree(tmp_path, {".dockerignore": "a", "dev": "", "dev.dockerignore": "b\n*.dockerignore", "a": "", "b": ""})
    assert names(tmp_path, "dev") == ["a", "dev", "dev.dockerignore"]


def test_an_ignored_folder_is_not_looked_into(tmp_path: Path) -> None:
    tree(tmp_path, {".dockerignore": "secret", "Dockerfile": "", "secret/x": ""})
    with open(os.fsencode(tmp_path) + b"/secret/\xff", "w"):
        pass
    assert names(tmp_path) == [".dockerignore", "Dockerfile"]
    with pytest.raises(UsageError, match="is not UTF-8"):
        scan(tmp_path)


def test_a_tar_holds_what_was_scanned(tmp_path: Path) -> None:
    long = f"{'d' * 120}/{'f' * 120}"
    tree(tmp_path, {"Dockerfile": "FROM scratch", long: "x" * 100_000, "ünï": "ü"})
    (tmp_path / "link").symlink_to("Dockerfile")
    (tmp_path / "Dockerfile").chmod(0o751)
    os.mkfifo(tmp_path / "pipe")
    found = scan(tmp_path, "Dockerfile")
    data = b"".join(tar.stream(found))
    # Long names take more; that is known only when it is made.
    assert found.files == 4
    assert len(data) >= found.tar_bytes
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        # Python 3.9 leaves the slash at the end of a long folder's name.
        members = {member.name.rstrip("/"): member for member in archive}
        assert list(members) == ["Dockerfile", "d" * 120, long, "link", "ünï"]
        assert (members["Dockerfile"].mode, members["Dockerfile"].uid, members["Dockerfile"].gid) == (0o751, 1000, 1000)
        assert members["d" * 120].isdir()
        assert members["link"].linkname == "Dockerfile"
        content = archive.extractfile(members[long])
        assert content is not None
        assert content.read() == b"x" * 100_000


def test_a_file_that_changes_while_it_is_sent(tmp_path: Path) -> None:
    tree(tmp_path, {"a": "short"})
    with pytest.raises(ChangedError, match="cannot send .*/a: it was changed while it was read"):
        list(tar.stream(Scan(tmp_path, [Entry("a", 0o644, 0, size=10)])))
    with pytest.raises(ChangedError, match="cannot send .*/gone: it was removed"):
        list(tar.stream(Scan(tmp_path, [Entry("gone", 0o644, 0, size=10)])))
    data = b"".join(tar.stream(Scan(tmp_path, [Entry("a", 0o644, 0, size=4)])))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        content = archive.extractfile("a")
        assert content is not None
        assert content.read() == b"shor"


def test_the_dockerfile_is_found_beside_or_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"app/docker/dev": "", "outside": ""})
    wanted = Local((tmp_path / "app").resolve(), "docker/dev")
    assert Local.find(tmp_path / "app/../app", "docker/dev") == wanted
    assert Local.find(tmp_path / "app", tmp_path / "app/docker/dev") == wanted
    monkeypatch.chdir(tmp_path / "app" / "docker")
    assert Local.find("..", "dev") == wanted
    with pytest.raises(UsageError, match="there is no Dockerfile"):
        Local.find(tmp_path / "app")
    (tmp_path / "outside").write_text("FROM scratch\n")
    assert Local.find(tmp_path / "app", tmp_path / "outside") == Local(wanted.folder, "Dockerfile", "FROM scratch\n")
    assert Local.find(tmp_path / "app", text="FROM a") == Local(wanted.folder, "Dockerfile", "FROM a")
    with pytest.raises(UsageError, match="cannot use the context"):
        Local.find(tmp_path / "none")
    with pytest.raises(UsageError, match="is not a folder"):
        Local.find(tmp_path / "outside")


def test_a_context_in_the_build_folder_needs_no_upload(tmp_path: Path) -> None:
    (tmp_path / "build/app").mkdir(parents=True)
    folders = [tmp_path / "none", tmp_path / "build"]
    assert Local(tmp_path.resolve() / "build/app", "Dockerfile").in_build_folder(folders) == "app"
    assert Local(tmp_path.resolve() / "build", "Dockerfile").in_build_folder(folders) == ""
    assert Local(tmp_path.resolve(), "Dockerfile").in_build_folder(folders) is None


def test_a_dockerfile_in_small_letters_is_found_as_docker_finds_it(tmp_path: Path) -> None:
    tree(tmp_path, {"dockerfile": ""})
    assert Local.find(tmp_path).dockerfile == "dockerfile"
    tree(tmp_path, {"Dockerfile": ""})
    assert Local.find(tmp_path).dockerfile == "Dockerfile"


def test_hard_links_stay_links_in_a_tar(tmp_path: Path) -> None:
    tree(tmp_path, {"a": "x", "b": "y"})
    os.link(tmp_path / "a", tmp_path / "c")
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar.stream(scan(tmp_path))))) as archive:
        assert [(member.name, member.linkname) for member in archive] == [("a", ""), ("b", ""), ("c", "a")]


def test_what_is_no_input_is_named(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "", ".dockerignore": "sub/ignored"})
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "sub/pipe")
    os.mkfifo(tmp_path / "sub/ignored")
    assert scan(tmp_path, "Dockerfile").left_out == ["sub/pipe"]
