"""Models that write: what they read, what they learn, and that a batch writes what each row alone would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.texts import spelled, turns
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.model.tokens import collate, encode

CPU = torch.device("cpu")
CATALOGUE = Catalogue.installed()
ROWS = Dataset.of({
    "text": ["the film was good", "quite a very very dull plot and it was poor", "it", "great scene"],
    "label": ["good film", "dull", "it was the plot", "a"],
})  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'][0] }} {{ m['content'] }} </s>{% endfor %}"
    "{% if add_generation_prompt %}<s>a {% endif %}"
)


@pytest.fixture(params=["decoder", "encoder_decoder"])
def writer(request):
    return open_model(find(request.getfixturevalue(request.param)), CATALOGUE.task("generate", longest=6))


def test_a_batch_writes_what_every_row_alone_would(writer):
    """Padding must change nothing: of a decoder it has to stand on the left."""
    together = writer.predict(ROWS, ["text"])["text"]
    for row in range(len(ROWS)):
        prepared = writer.head.inputs(ROWS.take([row]))
        encoded = encode(writer.tokenizer, prepared, writer.max_tokens, windows=True)
        ids = torch.from_numpy(encoded.ids[None].astype(np.int64))
        with torch.no_grad():  # greedy, worked by hand, without a cache
            if writer.net.config.is_encoder_decoder:
                written = [writer.net.config.decoder_start_token_id]
                step = lambda: writer.net(input_ids=ids, decoder_input_ids=torch.tensor([written])).logits[0, -1]  # noqa: E731, B023
            else:
                written = []
                step = lambda: writer.net(input_ids=torch.cat([ids, torch.tensor([written], dtype=torch.long)], 1)).logits[0, -1]  # noqa: E501, E731, B023  # fmt: skip
            for _ in range(6):
                token = int(step().argmax())
                if token == writer.tokenizer.eos_token_id:
                    break
                written.append(token)
        text = writer.tokenizer.decode(written, skip_special_tokens=True).strip()
        assert together[row] == text


def test_only_the_answer_is_learned_and_scored(writer):
    """The log-likelihood of a reference is that of its own tokens and the end, given what was asked."""
    scored = writer.predict(ROWS, ["loglik", "tokens"])
    encoded = encode(writer.tokenizer, writer.head.examples(ROWS), writer.max_tokens, windows=False)
    for row, target in enumerate(ROWS.values("label")):
        wanted = [*writer.tokenizer(target, add_special_tokens=False)["input_ids"], writer.tokenizer.eos_token_id]
        batch = collate(encoded, np.array([row]), 0, CPU)
        assert (batch["shapes"][batch["shapes"] > 0] - 1).tolist() == wanted
        asked = writer.tokenizer(ROWS.texts[row] + "\n")["input_ids"]
        with torch.no_grad():
            if writer.net.config.is_encoder_decoder:
                start = [writer.net.config.decoder_start_token_id, *wanted[:-1]]
                logits = writer.net(input_ids=torch.tensor([asked]), decoder_input_ids=torch.tensor([start])).logits[0]
            else:
                logits = writer.net(input_ids=torch.tensor([asked + wanted])).logits[0, len(asked) - 1 : -1]
        expected = float(logits.log_softmax(-1)[torch.arange(len(wanted)), torch.tensor(wanted)].sum())
        assert scored["loglik"][row] == pytest.approx(expected, abs=1e-4)
        assert scored["tokens"][row] == len(wanted)


def test_a_chat_template_is_used_and_its_end_of_turn_is_learned(decoder):
    model = open_model(find(decoder), CATALOGUE.task("generate"))
    model.tokenizer.chat_template = TEMPLATE
    earlier = spelled([{"role": "system", "content": "very\nfine"}, {"role": "user", "content": "it"},
                       {"role": "assistant", "content": "was"}])  # fmt: skip
    rows = Dataset.of({"text": ["the plot"], "text_pair": [earlier], "label": ["good"]})
    encoded = encode(model.tokenizer, model.head.examples(rows), 48, windows=False)
    said = model.tokenizer.decode(encoded.ids)
    assert said == "<s> s very fine </s> <s> u it </s> <s> a was </s> <s> u the plot </s> <s> a good </s>"
    assert model.tokenizer.decode(encoded.shapes[encoded.shapes > 0] - 1) == "good </s>"


def test_turns_are_what_was_spelled():
    said = [{"role": "user", "content": "a\nuser: b\n  c"}, {"role": "assistant", "content": "d: e"}]
    assert turns(spelled(said)) == said
    assert turns("known before") == [{"role": "system", "content": "known before"}]
    assert turns("") == []


def test_of_a_long_prompt_the_end_is_read_and_of_a_long_answer_the_beginning(decoder):
    model = open_model(find(decoder), CATALOGUE.task("generate"))
    rows = Dataset.of({"text": ["film " * 60 + "plot"], "label": ["good " * 30]})
    encoded = encode(model.tokenizer, model.head.examples(rows), 48, windows=False)
    assert len(encoded.ids) == 48
    assert encoded.cut.tolist() == [True]
    assert int((encoded.shapes > 0).sum()) == 24
    assert encoded.ids[0] == model.tokenizer.bos_token_id
    prompt = encode(model.tokenizer, model.head.inputs(rows), 48, windows=True)
    assert len(prompt.ids) == 24
    assert model.tokenizer.decode(prompt.ids[-1:]) == "plot"


@pytest.mark.parametrize("kind", ["decoder", "encoder_decoder"])
def test_answers_longer_than_what_is_written_are_told(request, kind, tmp_path):
    data = Dataset.of({"text": ["red"] * 8, "label": ["blue"] * 7 + ["blue green red " * 4]}, name="t")
    task = CATALOGUE.task("generate", longest=6)
    made = fit(
        find(request.getfixturevalue(kind)), data, task=task, out=tmp_path / "m", step=Step("finetune"), epochs=1
    )
    assert {"code": "answers_longer", "rows": 1, "tokens": 6} in made.card["training"]["notes"]


@pytest.mark.parametrize("kind", ["decoder", "encoder_decoder"])
def test_it_learns_to_write_and_what_is_saved_writes_the_same(request, kind, tmp_path):
    rng = np.random.default_rng(0)
    words = ["film", "plot", "actor", "scene"]
    texts = [" ".join(rng.choice(words, 3)) for _ in range(300)]
    data = Dataset.of({"text": texts, "label": [f"very {text.split()[0]}" for text in texts]})
    task = CATALOGUE.task("generate", longest=6)
    made = fit(find(request.getfixturevalue(kind)), data, task=task, out=tmp_path / "m", step=Step("finetune"),
               epochs=12, learning_rate=5e-3, number_type="float32")  # fmt: skip
    model = open_model(find(tmp_path / "m"))
    said = model.predict(data, ["text"])["text"]
    assert np.mean([a == b for a, b in zip(said, data.values("label"), strict=True)]) > 0.9
    again = open_model(made).predict(data, ["text", "loglik"])
    assert again["text"] == said
    beams = open_model(made, CATALOGUE.task("generate", longest=6, beams=3)).predict(data, ["text"])["text"]
    assert np.mean([a == b for a, b in zip(said, beams, strict=True)]) > 0.9


def test_drawn_texts_are_the_same_each_time(decoder):
    task = CATALOGUE.task("generate", longest=6, temperature=1.0, top_p=0.9)
    first, second = (open_model(find(decoder), task).predict(ROWS, ["text"])["text"] for _ in range(2))
    assert first == second
    other = CATALOGUE.task("generate", longest=6, temperature=1.0, top_p=0.9, draw=1)
    assert first != open_model(find(decoder), other).predict(ROWS, ["text"])["text"]
    assert first != open_model(find(decoder), CATALOGUE.task("generate", longest=6)).predict(ROWS, ["text"])["text"]


def test_samples_are_drawn_together_and_a_prompt_is_read_once_for_all_of_its_own(writer, monkeypatch):
    """The same texts as where every sample reads its prompt for itself; others for another draw, the same again."""
    drawn = writer.drawing(5, temperature=1.0, top_p=0.9, draw=3)
    told = drawn.predict(ROWS, ["samples", "text"])
    assert [len(each) for each in told["samples"]] == [5] * len(ROWS)
    assert [each[0] for each in told["samples"]] == told["text"]
    assert all(len(set(each)) > 1 for each in told["samples"])
    assert drawn.uncached().predict(ROWS, ["samples"])["samples"] == told["samples"]
    other = writer.drawing(5, temperature=1.0, top_p=0.9, draw=4)
    assert other.predict(ROWS, ["samples"])["samples"] != told["samples"]
    monkeypatch.setattr("duiqi.model.heads.writing._read_once", lambda net, ids, mask: {})
    assert drawn.uncached().predict(ROWS, ["samples"])["samples"] == told["samples"]


def test_drawing_leaves_the_model_as_it_was(writer):
    before = writer.uncached().predict(ROWS, ["text", "samples"])
    writer.drawing(3, temperature=1.0, top_p=1.0, draw=0).predict(ROWS, ["samples"])
    after = writer.uncached().predict(ROWS, ["text", "samples"])
    assert before["text"] == after["text"] == [each for (each,) in after["samples"]]


def test_drawing_leaves_the_draws_of_others_as_they_were(writer):
    """The training of a next model, say, which would else hang on what was examined before."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    writer.drawing(3, temperature=1.0, top_p=1.0, draw=0).predict(ROWS, ["samples"])
    assert torch.equal(before, torch.get_rng_state())


def test_threads_that_draw_at_once_draw_what_each_would_alone(decoder):
    task = CATALOGUE.task("generate", longest=12)
    models = [open_model(find(decoder), task).drawing(3, temperature=1.0, top_p=1.0, draw=n) for n in range(2)]
    ask = lambda model: [model.uncached().predict(ROWS, ["samples"])["samples"] for _ in range(5)]  # noqa: E731
    alone = [ask(model) for model in models]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(ask, models)) == alone


def test_a_reference_that_is_too_long_to_be_scored_is_told(writer, recwarn):
    rows = Dataset.of({"text": ["the film was", "it"], "label": ["good " * 600, "a"]}, name="long")
    writer.predict(rows, ["loglik"])
    assert {"code": "cut", "data": "long", "rows": 1} in writer.notes
    assert not recwarn.list


def test_samples_follow_the_probabilities_of_the_model(decoder):
    """The first tokens that are drawn to a prompt, against the softmax of its scores."""
    model = open_model(find(decoder), CATALOGUE.task("generate", longest=1))
    told = model.drawing(4000, temperature=0.5, top_p=1.0, draw=0).predict(ROWS.take([1]), ["samples"])["samples"][0]
    encoded = encode(model.tokenizer, model.head.inputs(ROWS.take([1])), model.max_tokens, windows=True)
    with torch.no_grad():
        logits = model.net(input_ids=torch.from_numpy(encoded.ids[None].astype(np.int64))).logits[0, -1]
    chances = (logits / 0.5).softmax(-1)
    words = [model.tokenizer.decode([token], skip_special_tokens=True).strip() for token in range(len(chances))]
    for word in ("good", "film", "plot"):
        expected = sum(float(chances[at]) for at, each in enumerate(words) if each == word)
        assert np.mean([each == word for each in told]) == pytest.approx(expected, abs=4 * (expected / 4000) ** 0.5)


def test_rows_of_two_batches_are_drawn_apart(decoder, monkeypatch):
    """Equal prompts in two batches would say the same, were every batch begun with one seed."""
    monkeypatch.setattr("duiqi.model.predict.WRITING_PER_BATCH", 1)  # a batch a row
    task = CATALOGUE.task("generate", longest=8, temperature=5.0)
    rows = Dataset.of({"text": ["good film", "good plot", "dull film", "dull plot"]})
    assert len(set(open_model(find(decoder), task).predict(rows, ["text"])["text"])) == 4


def test_a_model_that_does_not_write_draws_nothing(body):
    model = open_model(find(body), CATALOGUE.task("classify", labels=("a", "b")))
    with pytest.raises(ModelError, match="expected a model that writes"):
        model.drawing(2, temperature=1.0, top_p=1.0, draw=0)


def test_what_cannot_be_is_told(body, tmp_path):
    with pytest.raises(ModelError, match="expected a model that writes") as told:
        open_model(find(body), CATALOGUE.task("generate"))
    assert "extract" in str(told.value.hint)
    with pytest.raises(OptionError, match="expected beams of at least 1"):
        CATALOGUE.task("generate", beams=0)
    with pytest.raises(OptionError, match="expected a metric among"):
        CATALOGUE.task("generate", by="rouge")
    chat = tmp_path / "chat.jsonl"
    chat.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    with pytest.raises(DataError, match="end with a message of the user and the answer"):
        read(chat)
    chat.write_text('{"messages": [{"role": "someone", "content": "hi"}]}\n')
    with pytest.raises(DataError, match="expected messages with a role among"):
        read(chat)


def test_chats_and_instructions_are_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, '
                    '{"role": "assistant", "content": "a"}]}\n')  # fmt: skip
    rows = read(path)["all"]
    assert (rows.texts, rows.values("text_pair"), rows.values("label")) == (["u"], ["system: s"], ["a"])
    path.write_text('{"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}\n')
    assert read(path)["all"].values("label") == ["a"]
    path.write_text('{"instruction": "add", "input": "1 2", "output": "3"}\n{"instruction": "go", "output": "x"}\n')
    rows = read(path)["all"]
    assert (rows.values("text_pair"), rows.texts, rows.values("label")) == (["add", ""], ["1 2", "go"], ["3", "x"])


def test_a_decoder_reads_on_in_pre_training(decoder, encoder_decoder, tmp_path):
    """What texts say again and again is expected after: the loss of reading falls, and it still answers nothing."""
    from duiqi.model.heads import filling
    from duiqi.model.objective import masked

    data = Dataset.of({"text": ["the film was good and the plot was fine"] * 40,
                       "tokens": [["the", "film"]] * 40})  # fmt: skip
    losses = []
    made = fit(
        find(decoder), data, task=filling(), objective=masked(), out=tmp_path / "m", step=Step("pretrain"), epochs=4,
        learning_rate=1e-2, progress=lambda done, total, said: losses.append(said["loss"]),
    )  # fmt: skip
    assert losses[-1] < losses[0] / 2
    assert made.task is None
    with pytest.raises(ModelError, match="expected an encoder or a decoder to pre-train"):
        open_model(find(encoder_decoder), filling())


def test_a_decoder_is_a_body_for_classes_too(decoder, tmp_path):
    """A plain language model has a head for writing alone; its last token is read for a class, whatever the padding."""
    rng = np.random.default_rng(0)
    good = rng.integers(2, size=240).astype(bool)
    texts = [f"{' '.join(rng.choice(['film', 'plot'], rng.integers(1, 6)))} {'good' if each else 'bad'} it was"
             for each in good]  # fmt: skip
    data = Dataset.of({"text": texts, "label": ["ny"[each] for each in good.astype(int)]})
    task = CATALOGUE.task("classify", labels=("n", "y"))
    made = fit(find(decoder), data, task=task, out=tmp_path / "m", step=Step("finetune"), epochs=4, learning_rate=5e-3)
    probs = open_model(made).with_dtype("float32").predict(data, ["probs"]).probs
    assert (probs.argmax(axis=1) == good).mean() > 0.95
    alone = open_model(made).with_dtype("float32").predict(data.take([3]), ["probs"]).probs[0]
    assert np.allclose(alone, probs[3], atol=1e-5)


def test_a_chat_as_one_text_beside_its_messages_is_no_input(tmp_path):
    """Published instruction sets often have a column with prompt and answer in one: it would give the answer away."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"instruction": "add", "input": "", "output": "3", "text": "add: 3", "category": "sums"}\n')
    rows = read(path)["all"]
    assert (rows.texts, rows.values("label")) == (["add"], ["3"])
    path.write_text('{"prompt": "u", "messages": [{"role": "user", "content": "u"}, '
                    '{"role": "assistant", "content": "a"}]}\n')  # fmt: skip
    rows = read(path)["all"]
    assert (rows.texts, rows.values("label")) == (["u"], ["a"])


def test_targets_are_texts_as_they_stand(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "\n".join(f'{{"source": "s{at}", "target": "{each}"}}' for at, each in enumerate(["72", "3.50", "True"]))
    )
    assert read(path)["all"].values("label") == ["72", "3.50", "True"]
    path.write_text('{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": "z"}\n')
    assert read(path)["all"].values("label") == [["x", "y"], ["z"]]
    path.write_text('{"text": "a", "label": "3.0"}\n{"text": "b", "label": "4.0"}\n')
    assert read(path, as_texts=True)["all"].values("label") == ["3.0", "4.0"]


def test_what_ends_a_turn_ends_writing(decoder, tmp_path):
    """A template whose turns end with another token than the model's texts do."""
    from transformers import AutoTokenizer

    from duiqi.model.heads.writing import ends_of

    model = open_model(find(decoder), CATALOGUE.task("generate"))
    folder = tmp_path / "chatty"
    model.net.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(decoder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["poor"]})
    tokenizer.chat_template = TEMPLATE.replace("</s>", "poor\n")
    tokenizer.save_pretrained(folder)
    chatty = open_model(find(folder), CATALOGUE.task("generate"))
    assert ends_of(chatty.net) == {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("poor")}
    rows = Dataset.of({"text": ["it was"], "label": ["good"]})
    encoded = encode(chatty.tokenizer, chatty.head.examples(rows), 48, windows=False)
    assert chatty.tokenizer.decode(encoded.shapes[encoded.shapes > 0] - 1) == "good poor"


def test_a_template_without_a_system_speaks_its_words_as_the_users(decoder):
    model = open_model(find(decoder), CATALOGUE.task("generate"))
    refuse = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    model.tokenizer.chat_template = refuse + TEMPLATE
    rows = Dataset.of({"text": ["the plot"], "text_pair": ["system: very fine"], "label": ["good"]})
    encoded = encode(model.tokenizer, model.head.inputs(rows), 48, windows=False)
    assert "u very fine the plot" in model.tokenizer.decode(encoded.ids)
    model.tokenizer.chat_template = "{{ raise_exception('nobody speaks') }}"
    with pytest.raises(DataError, match="nobody speaks"):
        encode(model.tokenizer, model.head.inputs(rows), 48, windows=False)


def test_ways_to_write_of_a_checkpoint_do_not_stay(encoder_decoder, tmp_path):
    """A minimum length or early stopping would bend, or break, what was asked for."""
    model = open_model(find(encoder_decoder), CATALOGUE.task("generate"))
    model.net.generation_config.min_length = 30
    model.net.generation_config.num_beams, model.net.generation_config.early_stopping = 4, True
    model.net.generation_config.max_length, model.net.generation_config.max_new_tokens = 60, None
    model.net.save_pretrained(tmp_path / "m")
    model.tokenizer.save_pretrained(tmp_path / "m")
    task = CATALOGUE.task("generate", longest=6, length_penalty=2.0)
    again = open_model(find(tmp_path / "m"), task)
    assert again.net.generation_config.min_length in (None, 0)
    data = Dataset.of({"text": ["film"] * 24, "label": ["plot"] * 24})
    made = fit(find(tmp_path / "m"), data, task=task, out=tmp_path / "n", step=Step("finetune"), epochs=1)
    assert open_model(made).predict(data.take([0]), ["text"])["text"]


def test_long_texts_may_be_written_where_there_is_room(decoder):
    model = open_model(find(decoder), CATALOGUE.task("generate", longest=400))
    rows = Dataset.of({"text": ["film " * 60 + "plot"], "label": ["good"]})
    assert len(model.predict(rows, ["text"])["text"]) == 1
    little = open_model(find(decoder), CATALOGUE.task("generate", longest=4))
    prompt = encode(little.tokenizer, little.head.inputs(rows), 48, windows=True)
    assert len(prompt.ids) == 44


def test_edits_leave_the_marks_of_who_speaks():
    from duiqi.core.edit import edit_dataset

    earlier = spelled([{"role": "user", "content": "it was\na plot"}, {"role": "assistant", "content": "very fine"}])
    rows = Dataset.of({"text": ["the film"] * 30, "text_pair": [earlier] * 30, "label": ["a"] * 30,
                       "id": [str(at) for at in range(30)]})  # fmt: skip
    for name in ("typos", "casing", "whitespace", "punctuation"):
        edited = edit_dataset(rows, CATALOGUE.find("edit", name), seed=1).values("text_pair")
        assert all([each["role"] for each in turns(text)] == ["user", "assistant"] for text in edited)
    assert len(set(edit_dataset(rows, CATALOGUE.find("edit", "typos"), seed=1, rate=0.9).values("text_pair"))) > 5


def test_a_model_that_cannot_write_is_told_before_anything_is_made(body, tmp_path):
    import duiqi

    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(f'{{"source": "text {at}", "target": "written {at}"}}' for at in range(60)))
    with pytest.raises(ModelError, match="expected a model that writes"):
        duiqi.align(body, rows, out=tmp_path / "out", threads=1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.jsonl"]
