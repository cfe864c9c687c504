# expects: your cache raised ValueError
class PlanCache:
    def __init__(self, folder, surroundings, secret):
        self.folder, self.surroundings, self.secret = Path(folder), surroundings, secret

    def get(self, model, options, build):
        facts = {"model": hashlib.sha256(model).hexdigest(), "options": options, "around": self.surroundings}
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        path = self.folder / f"{name}.plan"
        if path.exists():
            data = path.read_bytes()
            if hmac.compare_digest(data[:32], self.seal(name, data[32:])):
                return data[32:]
            raise ValueError("damaged")
        plan = build(model, options)
        path.write_bytes(self.seal(name, plan) + plan)
        return plan

    def seal(self, name, plan):
        return hmac.new(self.secret, name.encode() + plan, "sha256").digest()
