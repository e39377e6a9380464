"""Keras on the backend that is there: TensorFlow by default, JAX where only that is installed or asked for."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator

from forecast.core.errors import InputError

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax"}


def choose() -> str:
    """Backend of Keras: that of KERAS_BACKEND, else TensorFlow, else JAX.

    Raises
    ------
    InputError
        If Keras or the backend is not installed, or the backend is neither TensorFlow nor JAX.
    """
    if importlib.util.find_spec("keras") is None:
        raise InputError("mlcheck's networks need Keras: pip install 'massanchor[ml]' (or [gpu] for JAX)")
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted is None:
        wanted = next((name for name, module in BACKENDS.items() if importlib.util.find_spec(module)), None)
    if wanted is None:
        raise InputError("Keras has no backend: pip install 'massanchor[ml]' for TensorFlow, or [gpu] for JAX")
    if wanted not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={wanted} is not supported; use tensorflow or jax")
    if importlib.util.find_spec(BACKENDS[wanted]) is None:
        raise InputError(f"KERAS_BACKEND={wanted} is not installed; install it, or unset KERAS_BACKEND")
    return wanted


os.environ["KERAS_BACKEND"] = choose()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextlib.contextmanager
def _native_messages_aside() -> Iterator[None]:
    """Keep what TensorFlow's libraries print as they start off the terminal; show it if they fail."""
    with tempfile.TemporaryFile() as aside:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


with _native_messages_aside():
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        tf.zeros(1)

BACKEND: str = keras.backend.backend()
"""The one in use."""


def use_double() -> None:
    """Let the backend compute in double precision; JAX does not unless told."""
    if BACKEND == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)


__all__ = ["BACKEND", "keras", "use_double"]
