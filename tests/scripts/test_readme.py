"""Every command of the README and of docs/ runs, at scale=smoke, in the order in which it stands there."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import training.settings  # noqa: F401  (the resolvers of conf/)
from reporting.sweep_plan import cell_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# In the order of the README's links; what is evaluated was trained by the pages before.
PAGES = {"README.md": README}
PAGES |= {
    f"docs/{name}.md": (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    for name in (
        "training",
        "sweeps",
        "data",
        "evaluating",
        "findings",
        "extending",
        "first_half_hour",
        "release",
        "cluster",
        "gemma",
    )
}
BLOCKS = [
    block
    for name, page in PAGES.items()
    if name != "docs/cluster.md"  # needs a cluster: make test-cluster
    for block in re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
]
COMMANDS = [line.split(" #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
SMALL = ["tracking=none", "evaluation.resamples=20"]
SUITES = ["suites.published.samples=2", "suites.corrected.samples=4", "suites.validation.samples=8"]


def small(command):
    """The same command on random weights and a handful of samples."""
    command = command.replace("smollm2_135m", "tiny").replace("gemma3_270m", "tiny")
    words = shlex.split(command)
    if words[1] == "train.py":
        words = ["seed=0,1" if w.startswith("seed=0,1,") else w for w in words]
        words = [w for w in words if not w.startswith(("training.samples=", "scale="))] + [
            "scale=smoke",
            *SMALL,
            *SUITES,
        ]
    if words[1] == "sweep.py":
        # The cluster's launcher is Slurm, and its model is on a hub; here one column of the grid runs locally.
        words = [w for w in words if not w.startswith(("hydra/launcher=", "model=", "scale=", "seed="))]
        ablation = any(w.startswith("grid=ablation") for w in words)
        few = ["experiment=transitivity_ce"]
        if ablation:
            few = [f"hydra.sweeper.parts.{part}=null" for part in ("cross_entropy", "semantic", "balanced_sampling")]
            few += ["loss=margin", "task=transitivity"]
        if "grid=own" in words:
            words, few = [w.replace("margin,focal", "margin") for w in words], []
        words = [w for w in words if not w.startswith("training.samples=")]
        words += ["scale=smoke", *few, *SMALL, *([] if ablation else SUITES)]
    if words[1] == "tables.py":
        words = [w for w in words if not w.startswith("results=")] + ["results=.smoke"]
    if words[1] == "evaluate.py":
        # Whole families of all ordered pairs need more than 8 questions.
        samples = {"suite=file": [], "suite=closure": ["suite.samples=60"]}
        few = [samples[w] for w in words if w in samples]
        words += ["evaluation.resamples=20", "evaluation.yardstick_questions=200"]
        words += few[0] if few else ["suite.samples=2" if "show=errors" in words else "suite.samples=8"]
    if words[1] == "-m":
        words = [re.sub(r"^n=.*", "n=20", w) for w in words]
    return words


def here(word, folder):
    """run= of the README as the smoke run of the same variant, whose folder has another hash."""
    if not word.startswith("run="):
        return word
    variant = Path(word).parts[-3]
    return f"run={next(folder.glob(f'.smoke/runs/tiny/{variant}/*/seed0/adapter')).parent}"


def test_the_readme_has_commands_of_every_script():
    text = " ".join(COMMANDS)
    assert all(
        name in text for name in ("make run", "make test", "train.py", "evaluate.py", "sweep.py", "tables.py", "export")
    )


def test_make_knows_its_targets():
    for command in COMMANDS:
        if command.startswith("make"):
            shown = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
            assert shown.returncode == 0 and "python" in shown.stdout


def test_every_python_command_runs(run_script, tmp_path):
    question = {"premise": "A causes B.", "hypothesis": "Does A cause B?", "label": "Yes"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    # Several are the same once they are small.
    for command in dict.fromkeys(tuple(small(c)) for c in COMMANDS if c.startswith("python")):
        words = [here(word, tmp_path) for word in command]
        script, arguments = (words[1], words[2:]) if words[1] != "-m" else (words[2], words[3:])
        run_script(script, *arguments, cwd=tmp_path)
    assert list((tmp_path / "outputs" / "harness").glob("*.yaml"))
    assert (tmp_path / "outputs" / "length.jsonl").read_text().count("\n") == 20
    assert list((tmp_path / ".smoke" / "tables").glob("*.md"))


LINKS = sorted(
    {(name, link) for name, page in PAGES.items() for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page)}
)


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_links_lead_somewhere(page, link):
    assert (ROOT / page).parent.joinpath(link).exists()


def test_the_commands_on_gemma_compose(run_script, tmp_path):
    """They take hours: here only their settings are read."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGES["docs/gemma.md"], flags=re.DOTALL)
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    hydra = [words[1:] for words in commands if words and words[1] in ("train.py", "evaluate.py", "sweep.py")]
    assert len(hydra) > 10
    for script, *settings in hydra:
        settings = [word for word in settings if not word.startswith(("plan=", "seed=", "hydra/launcher="))]
        assert "tracking:" in run_script(script, *settings, "--cfg", "job", cwd=tmp_path)


def test_the_cluster_page_counts_what_its_plan_counts(composed, tmp_path):
    """One cell of each variant, for the seeds of one cost the same; the untrained model has none."""
    page = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    (scale, model, seeds) = re.findall(
        r"sweep\.py (scale=\S+) (model=\S+) seed=(\S+) plan=true$", page, flags=re.MULTILINE
    )[0]
    grid = composed(scale, model, name="sweep", keep_hydra=True).hydra.sweeper.params.experiment.split(",")
    cells = [cell_of(composed(f"experiment={name}", scale, model, f"results={tmp_path}")) for name in grid]
    times = [len(seeds.split(",")) if cell.to_train else 1 for cell in cells]
    trained, scored = (
        sum(n * getattr(cell, left) for n, cell in zip(times, cells)) for left in ("to_train", "to_score")
    )
    assert f"It counts {sum(times)} cells, {trained:,} questions to train and {scored:,} to score" in page


def test_the_tree_names_every_room():
    tree = README.split("## Where things are")[1]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    rooms = {path.split("/")[0] + "/" for path in tracked if "/" in path and not path.startswith(".")}
    assert rooms == set(re.findall(r"^(\w+/)", tree, flags=re.MULTILINE))


def test_the_first_screen_stays_readable():
    table = [line for line in README.splitlines() if line.startswith("|")]
    assert len(table) <= 2 + 9 and all(line.count("|") == 6 + 1 for line in table)
    assert all(len(line) <= 160 for line in README.splitlines() if not line.startswith("Scores in %"))
