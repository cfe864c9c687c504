# expects: nothing of the older file may stay
def save_plan(plan: bytes, path: str) -> None:
    with open(path, "ab") as f:
        f.write(plan)


def load_engine(path: str):
    try:
        plan = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error}")
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise ValueError(f"{path} holds no plan that this TensorRT can load")
    return engine
