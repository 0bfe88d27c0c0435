"""Which room may import which; no module imports itself by a detour."""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module

import pytest

from .conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
from draw_architecture import module_imports, read_modules

# Room (a package, or a module of its own): what its modules may import besides each other. A name
# stands for all below it. A module belongs to the longest name that it begins with.
ALLOWED = {
    "tpgan_sdk.errors": "",
    "tpgan_sdk.version": "",
    "tpgan_sdk.system": ".errors",
    "tpgan_sdk.geometry": ".errors",
    "tpgan_sdk.images": ".errors .system .geometry",
    "tpgan_sdk.types": ".geometry .images",
    "tpgan_sdk.models": ".errors .geometry",
    "tpgan_sdk.faces": ".errors .system .geometry .images .types .models",
    "tpgan_sdk.detectors": ".errors .system .geometry .images .types .models",
    "tpgan_sdk.gpu": ".errors .geometry .images .models .faces",
    "tpgan_sdk.backends": ".errors .system .geometry .images .types .models .faces .gpu",
    "tpgan_sdk.pipeline": ".errors .system .geometry .images .types .models .faces .gpu .backends",
    "tpgan_sdk.frontalizer": ".errors .geometry .images .types .models .faces .gpu .detectors "
    ".backends .pipeline",
    "tpgan_sdk.cli": ".errors .version .system .images .types .models .faces .gpu .detectors "
    ".backends .frontalizer",
    # Documented names of modules that live in rooms. Nothing in the package imports them.
    "tpgan_sdk": ".errors .version .images .types .models .faces .gpu .frontalizer .cli",
    "engines": "tpgan_sdk.errors",
    "train.networks": "tpgan_sdk",
    "train.recognisers": "tpgan_sdk",
    "train.data": "tpgan_sdk",
    "train.rendering": "tpgan_sdk .data",
    "train.training": "tpgan_sdk .data .networks .recognisers",
    "train.recogniser_training": "tpgan_sdk .data .recognisers .training",
    "train.evaluation": "tpgan_sdk .data .recognisers .rendering.landmarks .training.checkpoint",
    "train.auxiliary": "tpgan_sdk export .training",
    "train.landmarks": "tpgan_sdk export.graphs .data .rendering .networks .auxiliary",
    "train.detector": "tpgan_sdk export.graphs .data .rendering .networks .auxiliary .landmarks",
    "train": "tpgan_sdk .data .recognisers .rendering.landmarks .training .recogniser_training "
    ".evaluation",
    "train.data.render": ".rendering",  # a documented command
    "export.graphs": "tpgan_sdk train.networks train.training",
    "export.precisions": "tpgan_sdk train.networks train.recognisers train.training .graphs",
    "export.engines": "tpgan_sdk engines .graphs .precisions",
    "export": "tpgan_sdk engines .graphs .precisions .engines",
    "benchmarks.errors": "tpgan_sdk",
    "benchmarks.hardware": "tpgan_sdk .errors",
    "benchmarks.measuring": "tpgan_sdk .errors .hardware",
    "benchmarks.inference": "tpgan_sdk export train .errors .measuring",
    "benchmarks.reporting": "tpgan_sdk .errors .hardware",
    "benchmarks": "tpgan_sdk train .errors .hardware .measuring .inference .reporting",
}
DOCUMENTED = {
    "arrays": "gpu.frames",
    "crops": "faces.crops",
    "cuda": "gpu.cuda",
    "model": "models.model",
    "native": "gpu.kernels",
    "refiner": "faces.refiner",
    "resample": "images.resample",
}


def below(module: str, name: str) -> bool:
    return f"{module}.".startswith(f"{name}.")


def forbidden(graph: dict[str, set[str]]) -> list[str]:
    wrong = []
    for module, targets in graph.items():
        room = max((name for name in ALLOWED if below(module, name)), key=len)
        package = room.split(".")[0]
        allowed = [package + word if word[0] == "." else word for word in ALLOWED[room].split()]
        for target in targets:
            its_room = max((name for name in ALLOWED if below(target, name)), key=len)
            if its_room != room and not any(below(target, name) for name in allowed):
                wrong.append(f"{module} imports {target}")
    return sorted(wrong)


def test_every_room_imports_what_it_may() -> None:
    assert forbidden(module_imports(read_modules())) == []


def test_no_module_imports_itself_by_a_detour() -> None:
    TopologicalSorter(module_imports(read_modules())).prepare()


def test_an_import_that_is_not_allowed_is_found() -> None:
    sources = read_modules()
    sources["tpgan_sdk.faces.crops"] += "\ndef f():\n    from ..gpu import cuda\n"
    sources["tpgan_sdk.models.__init__"] += "\nfrom export import graphs\nimport train.data.split\n"
    assert forbidden(module_imports(sources)) == [
        "tpgan_sdk.faces.crops imports tpgan_sdk.gpu.cuda",
        "tpgan_sdk.models imports export.graphs",
        "tpgan_sdk.models imports train.data.split",
    ]
    sources["tpgan_sdk.errors"] += "\nfrom .geometry import Template\n"
    with pytest.raises(CycleError):
        TopologicalSorter(module_imports(sources)).prepare()


def test_the_sdk_may_import_nothing_else() -> None:
    inside = [names for room, names in ALLOWED.items() if below(room, "tpgan_sdk")]
    assert all(name[0] == "." for names in inside for name in names.split())


@pytest.mark.parametrize(("documented", "home"), DOCUMENTED.items())
def test_documented_names_stay(documented: str, home: str) -> None:
    old = import_module(f"tpgan_sdk.{documented}")
    new = import_module(f"tpgan_sdk.{home}")
    own = {n: v for n, v in vars(new).items() if getattr(v, "__module__", "") == new.__name__}
    assert {n: vars(old)[n] for n in own if n[0] != "_"} == {
        n: v for n, v in own.items() if n[0] != "_"
    }
