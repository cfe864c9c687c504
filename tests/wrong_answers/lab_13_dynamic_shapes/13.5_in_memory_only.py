# expects: keep it in a file
class PlanCache:
    """Plans in a folder, found by everything that went into them, and sealed."""

    def __init__(self, folder: str, surroundings: dict, secret: bytes) -> None:
        self.folder, self.surroundings, self.secret = Path(folder), surroundings, secret
        self.kept = {}

    def get(self, model: bytes, options: dict, build) -> bytes:
        facts = {"model": hashlib.sha256(model).hexdigest(), "options": options, "around": self.surroundings}
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        if name in self.kept:
            return self.kept[name]
        plan = build(model, options)
        self.kept[name] = plan
        return plan

    def seal(self, name: str, plan: bytes) -> bytes:
        return hmac.new(self.secret, name.encode() + plan, "sha256").digest()
