from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

import practicuscore as prt


def test_only_what_is_set_is_sent() -> None:
    assert prt.WorkerConfig("practicus-minimal").to_dict() == {"worker_image": "practicus-minimal"}
    config = prt.WorkerConfig(
        worker_image="practicus-minimal",
        worker_size="Medium-restricted",
        image_config=prt.ImageConfig(builder=True, builder_capacity=60),
        env_variables={"A": "b"},
    )
    assert config.to_dict() == {
        "worker_image": "practicus-minimal",
        "worker_size": "Medium-restricted",
        "image_config": {"builder": True, "builder_capacity": 60},
        "env_variables": {"A": "b"},
    }


def test_object_dict_and_file_are_the_same(tmp_path: Path) -> None:
    config = prt.WorkerConfig("i", image_config=prt.ImageConfig(repo_secret_name="mine", pull_policy="Never"))
    values = config.to_dict()
    path = tmp_path / "worker.json"
    path.write_text(json.dumps(values))
    assert prt.WorkerConfig.of(config) is config
    for given in (values, str(path), path, {"worker_image": "i", "image_config": config.image_config}):
        assert prt.WorkerConfig.of(given).to_dict() == values


def test_a_password_is_not_shown() -> None:
    image = prt.ImageConfig(repo_username="ada", repo_password="canary")
    assert "canary" not in repr(prt.WorkerConfig("i", image_config=image))
    assert image.to_dict()["repo_password"] == "canary"


def test_unknown_fields_are_told_all_at_once() -> None:
    with pytest.raises(prt.UsageError) as caught:
        prt.WorkerConfig.from_dict({"worker_imag": "x", "colour": "red"})
    assert caught.value.field("worker_imag") == "There is no such field. Did you mean worker_image?"
    assert (caught.value.field("colour") or "").startswith("There is no such field. The fields are worker_image, ")
    with pytest.raises(prt.UsageError) as inner:
        prt.WorkerConfig.from_dict({"worker_image": "x", "image_config": {"bilder": True}})
    assert [field.field for field in inner.value.fields] == ["image_config.bilder"]
    with pytest.raises(prt.UsageError, match="An ImageConfig or a dict is expected"):
        prt.WorkerConfig.from_dict({"worker_image": "x", "image_config": 7})


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    for given, text in [
        (tmp_path / "none.json", "No such file"),
        (tmp_path / "bad.json", "is no JSON:"),
        (tmp_path / "list.json", "is no JSON object"),
        (7, "not int"),
    ]:
        with pytest.raises(prt.UsageError, match=text):
            prt.WorkerConfig.of(given)  # type: ignore[arg-type]


def test_signatures_are_the_documented_ones() -> None:
    def parameters(function: object) -> list[tuple[str, object]]:
        assert callable(function)
        return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

    none = inspect.Parameter.empty
    assert parameters(prt.containers.build_image) == [
        ("name", none),
        ("tag", none),
        ("push_image", True),
        ("build_args", None),
        ("registry_credentials", None),
        ("insecure_registry", False),
        ("additional_build_params", None),
        ("custom_build_command", None),
        ("options", none),
    ]
    assert parameters(prt.containers.update_build_config) == [("insecure_registries", None), ("config_content", None)]
    assert parameters(prt.Worker.open_notebook)[1:] == [("dark_mode", True), ("get_url_only", False)]
    assert parameters(prt.Worker.wait_until_ready)[1:] == [("timeout", 60)]
    assert parameters(prt.Worker.get_logs)[1][:2] == ("log_size_mb", 1)
    assert parameters(prt.Worker.terminate)[1:] == [("stop_reason", None)]
    members = (
        "name instance_id image size cpu gpu total_mem_gb status ready creation_time terminate open_notebook wait_until_ready "
        "upload_files download_files run_task check_task get_logs view_logs ping proc_list kill_proc kill_all_procs"
    )
    assert not [name for name in members.split() if not hasattr(prt.Worker, name)]


def test_every_name_that_is_promised_is_there() -> None:
    assert not [name for name in prt.__all__ if not hasattr(prt, name)]
    assert {"worker_list", "worker_size_list", "worker_image_list"} <= set(dir(prt))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = prt.nothing
