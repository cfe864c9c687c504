# expects: seal with `hmac` and the secret
class PlanCache:
    """Plans in a folder, found by everything that went into them, and sealed."""

    def __init__(self, folder: str, surroundings: dict, secret: bytes) -> None:
        self.folder, self.surroundings, self.secret = Path(folder), surroundings, secret

    def get(self, model: bytes, options: dict, build) -> bytes:
        facts = {"model": hashlib.sha256(model).hexdigest(), "options": options, "around": self.surroundings}
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        path = self.folder / f"{name}.plan"
        if path.exists():
            content = path.read_bytes()
            if hmac.compare_digest(content[:32], self.seal(name, content[32:])):
                return content[32:]
        plan = build(model, options)
        path.write_bytes(self.seal(name, plan) + plan)
        return plan

    def seal(self, name: str, plan: bytes) -> bytes:
        return hashlib.sha256(name.encode() + plan).digest()
