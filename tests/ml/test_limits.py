"""Settings of networks that cannot be are refused before anything is trained, in the words of the file."""

import math

import pytest

from forecast.core.errors import InputError
from mlcheck.networks.architectures import Architecture
from mlcheck.networks.config import builtin_configs, load_config
from mlcheck.networks.plan import TrainingPlan

NETWORK = {
    "width": [-5, 0, 2.5, True, 10**9],
    "components": [0, -1],
    "terse": [0],
    "dropout": [-0.1, 1.0, math.nan],
    "leak": [-1, math.inf],
}
TRAINING = {
    "learning_rate": [-1, 0, math.nan, math.inf],
    "clip": [-1, 0],
    "patience": [0, -3],
    "simulate": [0, -5],
    "weight_decay": [-1e-4],
    "spread": [0],
    "epochs": [0, 1.5],
    "batch": [0],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NETWORK.items() for value in values])
def test_networks(name, value):
    with pytest.raises(InputError, match=rf"{name} must be a .*number .*, got {value}"):
        Architecture(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TRAINING.items() for value in values])
def test_training(name, value):
    with pytest.raises(InputError, match=rf"{name} must be a .*number .*, got {value}"):
        TrainingPlan(**{name: value})


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("network", "width = -5", "bad.toml: width must be a whole number of at least 1 and at most 4096, got -5"),
        ("network", "components = 0", "bad.toml: components must be a whole number of at least 1"),
        ("training", "learning_rate = -1", "bad.toml: learning_rate must be a number above 0, got -1"),
        ("training", "patience = 0", "bad.toml: patience must be a whole number of at least 1, got 0"),
        ("training", "epochs = 1.5", "'training.epochs': must be a whole number; got 1.5"),
        ("training", 'epochs = "many"', "'training.epochs': must be a whole number; got 'many'"),
        ("training", "epocs = 3", "unknown key 'training.epocs'; did you mean 'epochs'"),
        ("network", "width = [1]", "'network.width': must be a whole number; got .1."),
    ],
)
def test_files(tmp_path, table, line, message):
    key = line.split(" ")[0]
    kept = [
        row for row in builtin_configs()["compact"].read_text(encoding="utf-8").splitlines() if not row.startswith(key)
    ]
    text = "\n".join(kept)
    header = f"[{table}]"
    text = text.replace(header, f"{header}\n{line}") if header in text else f"{text}\n{header}\n{line}\n"
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_config(tmp_path / "bad.toml")


def test_a_byte_order_mark_is_no_error(tmp_path):
    (tmp_path / "net.toml").write_bytes(b"\xef\xbb\xbf" + builtin_configs()["compact"].read_bytes())
    assert load_config(tmp_path / "net.toml") == load_config("compact")
