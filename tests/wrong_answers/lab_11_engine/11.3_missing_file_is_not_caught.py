# expects: catch what `open` raises
def save_plan(plan: bytes, path: str) -> None:
    """Write a plan to a file."""
    Path(path).write_bytes(plan)


def load_engine(path: str):
    """Return the engine of a plan's file. Raises ValueError, naming the file, if there is none to be had."""
    plan = Path(path).read_bytes()
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise ValueError(f"{path} holds no plan that this TensorRT can load")
    return engine
