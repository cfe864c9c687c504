# expects: take `abs` first
def parity_report(file, images, expected):
    session = onnxruntime.InferenceSession(file)
    (got,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    error = got - expected.numpy()
    differs = got.argmax(1) != expected.numpy().argmax(1)
    return {"max": float(error.max()), "mean": float(error.mean()), "agreement": float(1 - differs.mean()), "flipped": np.flatnonzero(differs).tolist()}
