"""What a job needs of the machine."""

OLDEST = (0, 10)  # of JAX, that has been tried


def check_jax(packed_with: str) -> None:
    """Raises `ImportError` that says what to install, unless JAX is here and reads what was packed."""
    try:
        import jax
    except ImportError as error:
        raise ImportError(
            f"This needs JAX ({error}). Install it, for your device as JAX's pages say: pip install jax"
        ) from None
    version = tuple(int(part) for part in jax.__version__.split(".")[:2])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ImportError(
            f"This needs JAX {oldest} or later; it was packed with {packed_with}. Found: {jax.__version__}. "
            "Install a later one: pip install -U jax"
        )
