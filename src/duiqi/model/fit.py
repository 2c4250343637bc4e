"""Training: one loop for every objective, scope and place, and a forecast of what it will take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from duiqi.core.bundle import Bundle, Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, TrainingError
from duiqi.core.seed import derive, generator, hash64
from duiqi.core.task import Task
from duiqi.model import checkpoint as disk
from duiqi.model import kernels
from duiqi.model.export import save
from duiqi.model.folder import body_fingerprint
from duiqi.model.held import Held, epochs_worth, hold
from duiqi.model.numbers import TYPES, agree, check_type, fast_type
from duiqi.model.objective import Batch, Objective, likelihood
from duiqi.model.open import Model, find, has_head, open_model
from duiqi.model.optimise import (
    OPTIMIZERS,
    Average,
    Settings,
    batch_for,
    check_settings,
    default_rate,
    optimizer_for,
    rate,
)
from duiqi.model.predict import TOKENS_PER_BATCH
from duiqi.model.quiet import quiet
from duiqi.model.scope import Scope, Tutor, full, scope_of, set_modes
from duiqi.model.tokens import Encoded, by_length, collate, encode, grouped, taken, words_of

Progress = Callable[[int, int, Mapping[str, Any]], None]
CHECK_ROWS = 16

WARMED_ON = 512  # rows to which a head drawn at random is fitted before the body moves
WARMING_SHARE = 0.3  # of the time of a step on the same rows, that of fitting a fresh head to them


@dataclass(frozen=True)
class Forecast:
    """What a fit will take: seconds of wall time and bytes of memory on top of an idle process."""

    seconds: float
    bytes: int


def fit(
    bundle: Bundle,
    data: Dataset,
    *,
    task: Task,
    out: Path | str,
    step: Step,
    objective: Objective | None = None,
    scope: Scope | None = None,
    seed: int = 0,
    dev: Dataset | None = None,
    where: Any = None,
    work: Path | str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    **settings: Any,
) -> Bundle:
    """Train a bundle on rows and save the result as a new bundle at `out`; `settings` are those of `Settings`.

    With `dev`, the weights of the epoch with the lowest dev loss are kept. With `work`, the state is put on disk every
    `checkpoint_seconds`, and a later call with the same arguments goes on from there: on a CPU with as many threads
    the result is the same bit for bit. Raises `TrainingError` with row ids for a loss that is no number, `ResumeError`
    for work of another run, `OutputError` where nothing can be written.
    """
    job = _job(bundle, data, task, objective, scope, seed, dev, device, settings)
    place = None if work is None else Path(work)
    done = _made_before(place, job, Path(out))
    if done is not None:
        return done
    gang = (lambda work_of, _workers: work_of(0, 1)) if where is None else where.gang
    return gang(partial(_fit, job, Path(out), step, place, progress), 1)


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that decides the result of a fit."""

    bundle: Bundle
    data: Dataset
    task: Task
    objective: Objective
    scope: Scope
    seed: int
    dev: Dataset | None
    device: str
    settings: Settings

    def manifest(self) -> dict[str, Any]:
        """What must be equal for a fit to go on exactly where it was."""
        import transformers

        return {
            "base": self.bundle.fingerprint,
            "data": _rows_in_order(self.data),
            "dev": None if self.dev is None else _rows_in_order(self.dev),
            "task": self.task.to_json(),
            "objective": self.objective.to_json(),
            "scope": self.scope.to_json(),
            "seed": self.seed,
            "device": self.device,
            "settings": {k: v for k, v in asdict(self.settings).items() if k != "checkpoint_seconds"},
            "number_type": _number_type(self),
            "threads": torch.get_num_threads(),
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__},
        }


def _job(
    bundle: Bundle,
    data: Dataset,
    task: Task,
    objective: Objective | None,
    scope: Scope | None,
    seed: int,
    dev: Dataset | None,
    device: str,
    settings: Mapping[str, Any],
) -> Job:
    if not len(data):
        raise DataError("expected rows to train on, given none", hint="Check the split and the filters.")
    check_settings(settings)
    chosen = Settings(**settings)
    if chosen.batch_rows is None:
        chosen = replace(chosen, batch_rows=batch_for(len(data), chosen.epochs, fresh=not has_head(bundle, task.name)))
    check_type(chosen.number_type, torch.device(device))
    own = scope_of(bundle.adapter["scope"]) if bundle.adapter else full()
    return Job(bundle, data, task, objective or likelihood(), scope or own, seed, dev, device, chosen)


def _number_type(job: Job) -> str:
    if job.settings.number_type != "auto":
        return job.settings.number_type
    fast = fast_type(torch.device(job.device))
    return "float32" if fast == "float16" else fast  # float16 would need a scaled loss


def _rows_in_order(data: Dataset) -> str:
    """Hash of rows, roles, weights and their order: batches depend on it."""
    weights = data.values("weight") if data.has("weight") else []
    return f"{hash64('|'.join([data.fingerprint, *data.row_ids, *map(str, weights)])):016x}"


def _made_before(work: Path | None, job: Job, out: Path) -> Bundle | None:
    """The bundle at `out`, if this very run made it and then was asked again."""
    if work is None or not (work / disk.DONE).is_file():
        return None
    made = disk.finished(work, job.manifest())
    if made is None or not (out / "config.json").is_file():
        return None
    bundle = find(out)
    return bundle if bundle.fingerprint == made else None


def _fit(
    job: Job, out: Path, step: Step, work: Path | None, progress: Progress | None, rank: int, workers: int
) -> Bundle:
    with _private_state(derive(job.seed, "fit", rank)):
        run = Run.start(job)
        notes = run.notes()
        if work is not None:
            saved = disk.read(work, job.manifest())
            if saved is not None:
                run.resume(saved)
        run.train(work, progress)
        model = run.finish()
    card = {"training": {"rows": len(job.data), "number_type": run.number_type, "notes": notes}}
    made = save(model, out, step=step, card=card)
    if work is not None:
        disk.finish(work, job.manifest(), made.fingerprint)
    return made


@contextmanager
def _private_state(seed: int) -> Iterator[None]:
    """torch's generator seeded for the block, tiny numbers flushed to zero (they are slow), all put back after it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        torch.set_flush_denormal(True)
        try:
            with kernels.memory_kept():
                yield
        finally:
            torch.set_flush_denormal(False)


@dataclass(eq=False)
class Run:
    """A fit under way: the network, the optimiser, the rows as tokens, and the position."""

    job: Job
    model: Model
    net: Any
    optimizer: Any
    accelerator: Any
    encoded: Encoded
    targets: Any
    weights: Tensor
    dev: tuple[Encoded, Any] | None
    number_type: str
    done: int = 0
    trail: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    average: Average | None = None
    tutor: Tutor = field(default_factory=Tutor)
    held: Held | None = None
    held_dev: Held | None = None

    @classmethod
    def start(cls, job: Job, *, warm: bool = True) -> Run:
        """Open the model, turn the rows into tokens, choose kernels and number type, and `warm` a fresh head."""
        from accelerate import Accelerator

        model = _adapted(job, open_model(job.bundle, job.task, device=job.device, seed=job.seed))
        head, limit = model.head, min(job.settings.max_tokens, model.max_tokens)
        with quiet():
            encoded = encode(model.tokenizer, head.examples(job.data), limit, windows=head.windows)
            dev = None
            if job.dev is not None:
                targets = head.targets(job.task, job.dev)
                dev = (encode(model.tokenizer, head.examples(job.dev), limit, windows=head.windows), targets)
        truth, weights = head.targets(job.task, job.data), _row_weights(job.data)
        if head.windows:
            encoded = taken(encoded, head.worth(truth, encoded))
        number_type = _prepare(job, model, encoded, dev)
        if warm and model.seed is not None:
            _warm(job, model, encoded, truth, weights, number_type)
        accelerator = Accelerator(cpu=job.device == "cpu", mixed_precision="no")
        if job.settings.gradient_checkpointing:
            kernels.forget_activations(model.net)
        optimizer = optimizer_for(model.net, job.settings, job.device, job.scope.swiftness)
        net, optimizer = accelerator.prepare(model.net, optimizer)
        run = cls(job, model, net, optimizer, accelerator, encoded, truth, weights, dev, number_type)
        run.tutor = job.scope.tutor(model.net, run.total)
        if warm:
            run.hold()
        if job.settings.average:
            run.average = Average(job.settings.average, run._weights())
        return run

    def hold(self) -> None:
        """Compute once what held layers say of the rows, where the objective takes the rows as they are."""
        if not self.reuses:
            return
        self.held = self._hold(self.encoded)
        self.held_dev = None if self.dev is None else self._hold(self.dev[0])
        set_modes(self.model.net)

    @property
    def reuses(self) -> bool:
        """Whether what held layers say may be kept."""
        return self.job.settings.reuse and not self.job.objective.alters

    def _hold(self, encoded: Encoded) -> Held | None:
        pad, running = self.model.tokenizer.pad_token_id, autocast(self.job.device, self.number_type)
        return hold(self.model.net, self.model.head, encoded, pad, running)

    @staticmethod
    def _held(held: Held | None, which: NDArray[np.int64]) -> AbstractContextManager[None]:
        return nullcontext() if held is None else held.of(which)

    @property
    def total(self) -> int:
        """Steps of the whole fit."""
        return self.job.settings.epochs * self.steps_per_epoch

    @property
    def batch_rows(self) -> int:
        return self.job.settings.batch_rows or 32

    @property
    def steps_per_epoch(self) -> int:
        settings = self.job.settings
        return math.ceil(math.ceil(len(self.encoded) / self.batch_rows) / settings.accumulation)

    def notes(self) -> list[dict[str, Any]]:
        """What the user should know about the rows: how many were cut, and what the head says of them."""
        cut = int(self.encoded.cut.sum())
        limit = min(self.job.settings.max_tokens, self.model.max_tokens)
        said = [{"code": "training_cut", "rows": cut, "tokens": limit}] if cut else []
        return said + self.model.head.notes(self.job.task, self.encoded)

    def train(self, work: Path | None, progress: Progress | None) -> None:
        """Run to the end, or until dev has not improved for `patience` epochs."""
        kept = time.monotonic()
        while self.done < self.total and not self._is_over():
            for batches in self._rest_of_epoch():
                loss = self._step(batches)
                self.done += 1
                self._end_of_epoch()
                if work is not None and self._is_due(kept):
                    disk.write(work, self.job.manifest(), self.state())
                    kept = time.monotonic()
                if progress is not None:
                    progress(self.done, self.total, {"loss": loss, "epoch": self.done / self.steps_per_epoch})

    def _is_due(self, kept: float) -> bool:
        return time.monotonic() - kept >= self.job.settings.checkpoint_seconds and self.done < self.total

    def _rest_of_epoch(self) -> Iterator[list[NDArray[np.int64]]]:
        """Batches of the current epoch that are still to do, one list per step. A function of seed and epoch alone."""
        settings = self.job.settings
        epoch, within = divmod(self.done, self.steps_per_epoch)
        rng = generator(self.job.seed, "order", epoch)
        batches = grouped(self.encoded.lengths, self.batch_rows, rng)
        steps = [batches[i : i + settings.accumulation] for i in range(0, len(batches), settings.accumulation)]
        yield from steps[within:]

    def _step(self, batches: list[NDArray[np.int64]]) -> float:
        """One step of the optimiser over some batches; their mean loss."""
        rows = sum(len(which) for which in batches)
        total = 0.0
        for which in batches:
            total += self.backward(which, rows)
        self.tutor.before_step()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = float(self.accelerator.clip_grad_norm_(parameters, self.job.settings.clip))
        if not math.isfinite(norm):
            raise self._no_number(np.concatenate(batches), "gradient")
        for group in self.optimizer.param_groups:
            group["lr"] = group["pace"] * rate(self.done, self.total, self.job.settings, self._peak)
        self.optimizer.step()
        self.tutor.after_step(self.done + 1)
        if self.average is not None:
            self.average.add(self._weights())
        self.optimizer.zero_grad(set_to_none=True)
        return total

    @property
    def _peak(self) -> float:
        return self.job.settings.learning_rate or self._default_rate

    @property
    def _default_rate(self) -> float:
        pace = self.job.scope.pace * OPTIMIZERS[self.job.settings.optimizer].pace
        return default_rate(self.model.net.config.hidden_size) * pace

    def backward(self, which: NDArray[np.int64], rows: int) -> float:
        """Add the gradient of some rows' losses over `rows`; gives their share of the mean loss."""
        batch = self.batch(which)
        with autocast(self.job.device, self.number_type), self._held(self.held, which):
            losses = self.job.objective(self.net, batch).float()
        if not losses.requires_grad:
            raise OptionError(
                f"expected a scope that moves weights on which answers hang, given {self.job.scope.name} for "
                f"{self.job.task.name}",
                hint="This task has no head of its own to train: use full(), top_layers(n) or lora().",
            )
        value = losses.detach()
        finite = torch.isfinite(value)
        if not bool(finite.all()):
            raise self._no_number(which[~finite.cpu().numpy()], "loss")
        self.accelerator.backward((losses * batch.weights).sum() / rows)
        return float((value * batch.weights).sum()) / rows

    def batch(self, which: NDArray[np.int64]) -> Batch:
        """Rows as tensors."""
        device = torch.device(self.job.device)
        inputs = collate(self.encoded, which, self.model.tokenizer.pad_token_id, device)
        words = words_of(self.encoded, which, device)
        rows = self.encoded.rows[which]
        return Batch(
            inputs,
            self.model.head.align(self.targets, rows, words).to(device),
            self.weights[torch.from_numpy(rows)].to(device),
            rows,
            self.model.head,
            words,
            self.model.tokenizer.mask_token_id,
        )

    def _no_number(self, rows: NDArray[np.int64], what: str) -> TrainingError:
        ids = [str(self.job.data.row_ids[i]) for i in dict.fromkeys(self.encoded.rows[rows].tolist())]
        shown = ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
        return TrainingError(
            f"expected a {what} that is a number at step {self.done + 1} of {self.total}, given none for rows {shown}",
            hint="Look at these rows and their weights, or lower the learning rate.",
        )

    def _end_of_epoch(self) -> None:
        """Where an epoch ends and there are dev rows: measure, and keep the weights if they are the best so far."""
        if self.dev is None or self.done % self.steps_per_epoch or not self.tutor.settled(self.done):
            return
        with self._averaged():
            self.trail.append(self._dev_loss())
            if self.trail[-1] == min(self.trail):
                self.best = {name: p.detach().clone() for name, p in self._weights().items()}

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The network with the average of its weights in them, where one is kept."""
        if self.average is None:
            yield
            return
        self.average.swap(self._weights())
        try:
            yield
        finally:
            self.average.swap(self._weights())

    def _dev_loss(self) -> float:
        assert self.dev is not None
        encoded, targets = self.dev
        net, head, device = self.model.net, self.model.head, torch.device(self.job.device)
        net.eval()
        total = 0.0
        with torch.inference_mode(), autocast(self.job.device, self.number_type):
            for which in by_length(encoded.lengths, TOKENS_PER_BATCH):
                inputs = collate(encoded, which, self.model.tokenizer.pad_token_id, device)
                wanted = head.align(targets, encoded.rows[which], words_of(encoded, which, device)).to(device)
                with self._held(self.held_dev, which):
                    raw = head.raw(net, inputs).float()
                total += float(head.losses(net, raw, wanted).sum())
        set_modes(net)
        return total / len(encoded)

    def _is_over(self) -> bool:
        since = len(self.trail) - 1 - int(np.argmin(self.trail)) if self.trail else 0
        return since >= self.job.settings.patience

    def _weights(self) -> dict[str, Tensor]:
        """What moves, by name."""
        return {name: p for name, p in self.model.net.named_parameters() if p.requires_grad}

    def _named(self) -> dict[Tensor, str]:
        return {p: name for name, p in self._weights().items()}

    def state(self) -> disk.Checkpoint:
        """Everything that decides how the fit goes on."""
        names = self._named()
        tensors = {f"net/{name}": p.detach() for p, name in names.items()}
        tensors |= {f"best/{name}": each for name, each in self.best.items()}
        if self.average is not None:
            tensors |= {f"average/{name}": each for name, each in self.average.kept.items()}
        tensors |= {f"tutor/{name}": each for name, each in self.tutor.state().items()}
        tensors |= disk.optimizer_tensors(self.optimizer.optimizer, names)
        tensors["random"] = torch.get_rng_state()
        if self.job.device != "cpu" and torch.cuda.is_available():
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        return disk.Checkpoint(tensors, {"done": self.done, "trail": self.trail})

    def resume(self, saved: disk.Checkpoint) -> None:
        """Go on where a checkpoint was made."""
        names = self._named()
        with torch.no_grad():
            for parameter, name in names.items():
                parameter.copy_(saved.tensors[f"net/{name}"])
        device = torch.device(self.job.device)
        best = {k.removeprefix("best/"): v.to(device) for k, v in saved.tensors.items() if k.startswith("best/")}
        disk.restore_optimizer(self.optimizer.optimizer, names, saved.tensors)
        torch.set_rng_state(saved.tensors["random"])
        if "random_cuda" in saved.tensors:
            torch.cuda.set_rng_state(saved.tensors["random_cuda"])
        self.best, self.done, self.trail = best, int(saved.facts["done"]), list(saved.facts["trail"])
        of_tutor = {k.removeprefix("tutor/"): v for k, v in saved.tensors.items() if k.startswith("tutor/")}
        self.tutor.resume(of_tutor)
        if self.average is not None:
            self.average.steps = self.done
            self.average.kept = {name: saved.tensors[f"average/{name}"].to(device) for name in self.average.kept}

    def finish(self) -> Model:
        """The trained model, with the best weights and its word table whole again."""
        net = self.model.net
        kept = self.best or (self.average.kept if self.average is not None else {})
        with torch.no_grad():
            for parameter, name in self._named().items():
                if name in kept:
                    parameter.copy_(kept[name])
        self.tutor.finish()
        if self.job.settings.gradient_checkpointing:
            kernels.keep_activations(net)
        kernels.expand(net)
        kernels.lengthen(net)
        net.eval().requires_grad_(False)
        self.accelerator.free_memory()
        # temperature and thresholds were measured on the weights that are gone
        return replace(self.model, net=net, bundle=replace(self.model.bundle, calibration={}, thresholds={}))


def _adapted(job: Job, model: Model) -> Model:
    """The model with what the scope adds. Of an adapter that another scope takes up, the base is merged first."""
    adapter = {"scope": job.scope.to_json(), "base": _base(job.bundle)} if job.scope.adapts else None
    if job.bundle.adapter:
        own: Any = scope_of(job.bundle.adapter["scope"])
        if own == job.scope:
            return model
        if job.scope.adapts:
            raise OptionError(
                f"expected the scope of the adapter {job.bundle.name} ({own.name}), given {job.scope.name}",
                hint="Make it a model of its own first: duiqi.model.export.merged(bundle, out).",
            )
        own.merge(model.net)
    if job.scope.adapts and not model.head.offers:
        raise OptionError(
            f"expected a task that answers rows for {job.scope.name}, given {job.task.name}", hint="Use full()."
        )
    if job.scope.places and model.head.writes and not model.net.config.is_encoder_decoder:
        raise OptionError(
            f"expected another scope for a decoder that writes, given {job.scope.name}, which would stand before every "
            "token again",
            hint="Use prefix(), lora() or bottleneck().",
        )
    job.scope.attach(model.net)
    model.net.to(job.device)
    limit = model.max_tokens - job.scope.places
    return replace(model, bundle=replace(model.bundle, adapter=adapter), max_tokens=limit)


def _base(bundle: Bundle) -> dict[str, str]:
    return {"name": bundle.name, "path": str(bundle.path.resolve()), "fingerprint": body_fingerprint(bundle.path)}


def _prepare(job: Job, model: Model, encoded: Encoded, dev: tuple[Encoded, Any] | None) -> str:
    """Set what moves, swap in fast kernels on a CPU, and settle the number type: the fast one, if it agrees."""
    net = model.net
    job.scope.apply(net)
    sample = collate(encoded, np.arange(min(CHECK_ROWS, len(encoded))), model.tokenizer.pad_token_id, _device(job))
    if job.device == "cpu" and not model.head.writes:
        ids = encoded.ids if dev is None else np.concatenate([encoded.ids, dev[0].ids])
        if int(encoded.lengths.max()) <= kernels.LONGEST_PLAIN:
            kernels.quicken(net, sample)
            kernels.shorten(net, lambda net: model.head.raw(net, sample))
        if not job.objective.invents:
            kernels.compact(net, ids)
    number_type = _number_type(job)
    net.eval()
    if number_type != "float32" and not _same_answers(job, model, sample, number_type):
        number_type = "float32"
    set_modes(net)
    return number_type


def _warm(job: Job, model: Model, encoded: Encoded, truth: Any, weights: Tensor, number_type: str) -> None:
    """Fit a fresh head to the body as it is, on some rows drawn from the seed, before both move.

    Beside a head of random numbers the body first unlearns what it knew; on few and uneven rows it may end up giving
    one class for good (Kumar et al. 2022, Fine-tuning can distort pretrained features and underperform
    out-of-distribution, https://arxiv.org/abs/2202.10054).
    """
    drawn = generator(job.seed, "warm").permutation(len(encoded))[:WARMED_ON]
    order = drawn[np.argsort(encoded.lengths[drawn], kind="stable")]
    pad, size = model.tokenizer.pad_token_id, job.settings.batch_rows or 32
    model.net.eval()
    with torch.no_grad(), autocast(job.device, number_type):
        parts = [order[at : at + size] for at in range(0, len(order), size)]
        device = _device(job)
        batches = ((collate(encoded, part, pad, device), words_of(encoded, part, device)) for part in parts)
        rows = encoded.rows[order]
        chosen = truth[rows] if isinstance(truth, np.ndarray) else [truth[i] for i in rows]
        model.head.warm(model.net, batches, chosen, weights[rows].numpy())
    set_modes(model.net)


def _device(job: Job) -> torch.device:
    return torch.device(job.device)


def _same_answers(job: Job, model: Model, sample: dict[str, Tensor], number_type: str) -> bool:
    answers = []
    with torch.inference_mode():
        for kind in ("float32", number_type):
            with autocast(job.device, kind):
                raw = model.head.raw(model.net, sample)
            answers.append(model.head.shares(raw).double().cpu().numpy())
    return agree(*answers)


def autocast(device: str, number_type: str) -> torch.autocast:
    """Products in the number type, sums and norms in float32."""
    kind = torch.device(device).type
    enabled = number_type != "float32"
    return torch.autocast(kind, dtype=TYPES[number_type] if enabled else torch.bfloat16, enabled=enabled)


def _row_weights(data: Dataset) -> Tensor:
    """How much every row counts, float32[n] with mean 1."""
    if not data.has("weight"):
        return torch.ones(len(data))
    given = np.array([math.nan if value is None else float(value) for value in data.values("weight")])
    wrong = ~np.isfinite(given) | (given < 0)
    if wrong.any() or not given.sum() > 0:
        rows = ", ".join(map(str, data.row_ids[wrong][:10])) or "all, which are 0"
        raise DataError(
            f"expected weights of at least 0 in column '{data.schema.weight}', given others in rows {rows}",
            hint="Fill them in, or leave the weight column out.",
        )
    return torch.from_numpy((given / given.mean()).astype(np.float32))


def forecast(
    bundle: Bundle,
    data: Dataset,
    *,
    task: Task,
    objective: Objective | None = None,
    scope: Scope | None = None,
    seed: int = 0,
    dev: Dataset | None = None,
    device: str = "cpu",
    **settings: Any,
) -> Forecast:
    """What `fit` with the same arguments will take, from a few measured steps on batches of middling length.

    Opens the model and trains a throw-away copy for three steps, about two seconds for a small encoder.
    """
    job = _job(bundle, data, task, objective, scope, seed, dev, device, settings)
    begun = time.perf_counter()
    with _private_state(derive(seed, "forecast")):
        run = Run.start(job, warm=False)
        opening = time.perf_counter() - begun
        order = np.argsort(run.encoded.lengths, kind="stable")
        rows = min(run.batch_rows, len(order))
        middle = order[max(0, (len(order) - rows) // 2) :][:rows]
        seconds = min(_timed(run, middle) for _ in range(3))
    per_token = seconds / int(run.encoded.lengths[middle].sum())
    per_epoch = per_token * int(run.encoded.lengths.sum())
    warming = per_epoch * WARMING_SHARE * min(1.0, WARMED_ON / len(order)) if run.model.seed is not None else 0.0
    return Forecast(float(opening + 1.0 + warming + per_epoch * _epochs(run)), _bytes(run))


def _epochs(run: Run) -> float:
    epochs = run.job.settings.epochs
    return epochs_worth(run.model.net, epochs) if run.reuses else epochs


def _timed(run: Run, which: NDArray[np.int64]) -> float:
    begun = time.perf_counter()
    run._step([which])
    run.done = min(run.done + 1, run.total - 1)
    return time.perf_counter() - begun


def _bytes(run: Run) -> int:
    """Weights, gradients and two moments in float32, and the activations that the largest batch keeps for backward."""
    parameters = list(run.model.net.parameters())
    held = sum(p.numel() * 4 for p in parameters)
    moved = sum(p.numel() * 12 for p in parameters if p.requires_grad)
    config = run.model.net.config
    width, layers = config.hidden_size, config.num_hidden_layers
    longest = int(run.encoded.lengths.max())
    tokens = run.batch_rows * longest
    # about 34 numbers of the body's width a token and layer, and three attention maps a head (Korthikanti et al. 2022)
    activations = layers * tokens * (34 * width + 5 * config.num_attention_heads * longest) * 2
    return int(held + moved + activations)
