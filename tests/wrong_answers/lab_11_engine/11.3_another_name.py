# expects: Write to exactly the path
def save_plan(plan: bytes, path: str) -> None:
    """Write a plan to a file."""
    Path(path + ".engine").write_bytes(plan)


def load_engine(path: str):
    """Return the engine of a plan's file. Raises ValueError, naming the file, if there is none to be had."""
    try:
        plan = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise ValueError(f"{path} holds no plan that this TensorRT can load")
    return engine
