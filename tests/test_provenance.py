"""The commit that a record names is that of the kit's own checkout, or it says why not."""

import subprocess
from pathlib import Path

import pytest
import torch

from anytime.training import provenance


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def checkout(folder: Path, project: str = provenance.PROJECT) -> str:
    """A repository with the kit's mark in it; its commit."""
    (folder / "anytime").mkdir(parents=True)
    (folder / "anytime" / "old.py").write_text("")
    (folder / "pyproject.toml").write_text(f"[project]\n{project}\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def commit(monkeypatch):
    """What a record would say if the package lay in a folder."""

    def told(folder: Path) -> dict:
        monkeypatch.setattr(provenance, "REPOSITORY", folder.resolve())
        return provenance.commit.__wrapped__()

    return told


def test_a_clean_checkout_is_known_by_its_commit(commit, tmp_path):
    made = checkout(tmp_path / "kit")
    assert commit(tmp_path / "kit") == {"commit": made}


@pytest.mark.parametrize("name", ["old.py", "new.py"])
def test_files_that_are_changed_or_new_are_said(name, commit, tmp_path):
    made = checkout(tmp_path / "kit")
    (tmp_path / "kit" / "anytime" / name).write_text("changed = True\n")
    assert commit(tmp_path / "kit") == {"commit": f"{made}+changes"}


@pytest.mark.parametrize("place", ["venv/site-packages", "."])
def test_the_commit_of_a_repository_that_holds_the_installed_kit_is_not_its_own(
    place, commit, tmp_path
):
    checkout(tmp_path / "other", 'name = "other"')
    (tmp_path / "other" / place).mkdir(parents=True, exist_ok=True)
    told = commit(tmp_path / "other" / place)
    assert told["commit"] is None and "is no checkout of the kit" in told["no_commit"]


def test_where_there_is_no_repository_the_reason_is_git_s(commit, tmp_path):
    told = commit(tmp_path)
    assert told["commit"] is None and "not a git repository" in told["no_commit"]


def test_without_git_the_reason_names_it(commit, tmp_path, monkeypatch):
    checkout(tmp_path / "kit")
    monkeypatch.setenv("PATH", str(tmp_path))
    told = commit(tmp_path / "kit")
    assert told["commit"] is None and "git" in told["no_commit"]


def test_variables_of_another_repository_s_hook_do_not_give_its_commit(
    commit, tmp_path, monkeypatch
):
    made = checkout(tmp_path / "kit")
    checkout(tmp_path / "other", 'name = "other"')
    (tmp_path / "other" / "pyproject.toml").write_text("changed")
    git(tmp_path / "other", "commit", "-am", "second")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert commit(tmp_path / "kit") == {"commit": made}


def test_an_environment_says_what_the_same_numbers_depend_on(monkeypatch):
    told = provenance.environment(torch.device("cpu"))
    assert told["torch"] == torch.__version__ and told["threads"] == torch.get_num_threads()
    assert told["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert told["processes"] == 1 and told["device"] == "cpu" and told["processor"]
    assert "commit" in told
