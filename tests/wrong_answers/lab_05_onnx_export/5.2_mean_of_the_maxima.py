# expects: the mean of each image's largest error
def parity_report(file, images, expected):
    session = onnxruntime.InferenceSession(file)
    (got,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    error = np.abs(got - expected.numpy())
    differs = got.argmax(1) != expected.numpy().argmax(1)
    return {"max": float(error.max()), "mean": float(error.max(axis=1).mean()), "agreement": float(1 - differs.mean()), "flipped": np.flatnonzero(differs).tolist()}
