"""Who may import whom in the core: the table of docs/design.md, held by reading the imports of every file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from learnit_core.commands.repository import ROOT

# A module, and the modules that it may import. Everybody may import `errors`; a package may import itself.
MAY_IMPORT = {
    "names": [],
    "errors": ["names"],
    "files": [],
    "structures": [],
    "sharding": [],
    "memory": [],
    "models": ["structures"],
    "tomography": [],
    "volume": ["structures"],
    "losses": ["structures", "sharding", "tomography", "volume"],
    "fit": ["structures"],
    "meta": ["structures", "fit", "sharding"],
    "interruption": [],
    "runlog": ["files"],
    "checkpoints": ["meta", "weights", "files", "interruption", "runlog"],
    "divergence": ["structures", "meta", "weights"],
    "training": ["structures", "sharding", "meta", "checkpoints", "divergence", "interruption"],
    "evaluate": ["structures", "fit"],
    "tuning": ["structures", "fit", "evaluate"],
    "metrics": ["structures", "fit", "evaluate", "files"],
    "inits": ["structures", "fit"],
    "weights": ["structures", "models", "files"],
    "many": ["structures", "sharding", "memory", "fit", "evaluate"],
    "shards": ["structures", "files", "weights"],
    "networks": ["structures", "evaluate", "files", "many", "metrics", "names", "shards", "weights"],
    "signals": ["structures", "volume", "files", "names", "evaluate"],
    "explorer": ["structures", "models", "losses", "fit", "evaluate", "weights", "files", "names"],
    "plots": ["names", "runlog"],
}
MAY_IMPORT["experiments"] = list(MAY_IMPORT)
MAY_IMPORT["teaching"] = [*MAY_IMPORT]
MAY_IMPORT["commands"] = [*MAY_IMPORT]


def imported(source: str, package: list[str]) -> set[str]:
    """The parts of the core that ``source``, a file of ``package`` (["learnit_core", ...]), imports anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = start + (node.module.split(".") if node.module else [])
            names += [module] if len(module) > 1 else [[*module, alias.name] for alias in node.names]
    return {name[1] for name in names if name[0] == "learnit_core" and len(name) > 1}


def faults(core: Path) -> list[str]:
    """One line for each import in the folder ``core`` that the table does not allow."""
    found = []
    for path in sorted(core.rglob("*.py")):
        place = path.relative_to(core).with_suffix("").parts
        module = place[0]
        if module == "__init__":
            allowed: set[str] = set()
        elif module in MAY_IMPORT:
            allowed = {module, "errors", *MAY_IMPORT[module]}
        else:
            found.append(f"{module} is not in the table")
            continue
        for name in sorted(imported(path.read_text(encoding="utf-8"), ["learnit_core", *place[:-1]]) - allowed):
            found.append(f"{'/'.join(place)} imports {name}")
    return found


def test_pictures_come_in_by_one_way():
    """Whoever decodes by himself has other formats, limits and numbers than `signals.files`."""
    own = {
        "learnit_core/signals/files.py",
        "learnit_core/commands/upkeep/pictures.py",  # what it drew itself
        "data_scripts/getting/volumes.py",  # numbers of a scanner in the pages of a TIFF: no picture's 8 bits
    }
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("learnit_core", "data_scripts")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
        and ast.unparse(node) in ("Image.open", "PIL.Image.open", "plt.imread", "imread", "os.walk", "iio.imread")
    }
    assert found == own


def test_the_core_follows_the_table():
    assert faults(ROOT / "learnit_core") == []


def test_the_table_has_no_cycles():
    order: list[str] = []
    left = {module: set(allowed) - {module} for module, allowed in MAY_IMPORT.items()}
    while left:
        free = [module for module, allowed in left.items() if allowed <= set(order)]
        assert free, f"these import each other in a circle: {sorted(left)}"
        order += free
        left = {module: allowed for module, allowed in left.items() if module not in free}


@pytest.mark.parametrize(
    "line",
    [
        "import learnit_core.losses",
        "import learnit_core.models as m",
        "from learnit_core import volume",
        "from learnit_core.tomography import project",
        "from . import models",
        "from .losses import image_loss",
        "def late():\n    from learnit_core.models import siren",
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, line):
    (tmp_path / "meta.py").write_text(f"import jax\nfrom learnit_core.fit import fit\n{line}\n")
    assert len(faults(tmp_path)) == 1


def test_a_forbidden_import_in_a_package_and_a_stranger_are_caught(tmp_path):
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / "text.py").write_text(
        "from . import faces\nfrom ..structures import Task\nfrom ..fit import fit\n"
    )
    (tmp_path / "unheard_of.py").write_text("")
    assert faults(tmp_path) == ["signals/text imports fit", "unheard_of is not in the table"]


def namesakes(folder: Path) -> list[str]:
    """Modules and packages in ``folder``, at any depth, that bear the name of one in the standard library."""
    modules = [*folder.rglob("*.py"), *(path for path in folder.rglob("*") if path.is_dir())]
    return sorted(str(path.relative_to(folder)) for path in modules if path.stem in sys.stdlib_module_names)


@pytest.mark.parametrize("folder", ["learnit_core", "data_scripts", "notebooks"])
def test_no_module_hides_one_of_the_standard_library(folder):
    """Python puts the folder that it runs in before its own library."""
    assert namesakes(ROOT / folder) == []


def test_a_namesake_is_found(tmp_path):
    for name in ("types.py", "signals/text.py", "signals/copy.py", "json/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert namesakes(tmp_path) == ["json", "signals/copy.py", "types.py"]


@pytest.mark.parametrize("folder", ["learnit_core", "learnit_core/signals", "learnit_core/experiments", "data_scripts"])
def test_python_runs_inside_a_folder(folder):
    run = subprocess.run(
        [sys.executable, "-c", "import typing, enum"], cwd=ROOT / folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_no_modules_import_each_other_in_a_circle():
    """Those of a package, too; what is imported for annotations only counts as well."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / "learnit_core").rglob("*.py")
    }
    needs: dict[str, set[str]] = {}
    for name, path in files.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                # A package is needed where something of its own is taken, not for one of its modules.
                taken = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= {one if one in files else node.module for one in taken}
        needs[name] = wanted & files.keys() - {name}
    while free := [name for name, wanted in needs.items() if not wanted & needs.keys()]:
        needs = {name: wanted for name, wanted in needs.items() if name not in free}
    assert not needs, f"these import each other in a circle: {sorted(needs)}"
