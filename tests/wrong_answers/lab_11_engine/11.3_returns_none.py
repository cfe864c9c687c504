# expects: deserialize_cuda_engine` raises nothing
def save_plan(plan: bytes, path: str) -> None:
    """Write a plan to a file."""
    Path(path).write_bytes(plan)


def load_engine(path: str):
    """Return the engine of a plan's file. Raises ValueError, naming the file, if there is none to be had."""
    try:
        plan = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    engine = runtime.deserialize_cuda_engine(plan)
    return engine
