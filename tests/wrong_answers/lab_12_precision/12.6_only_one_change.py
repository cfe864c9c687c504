# expects: there are bytes to spend
def precision_plan(trial, error_budget, size_budget):
    plan = dict.fromkeys(trial.layers, "INT8")
    if trial.error(plan) > error_budget:
        changes = [plan | {layer: kind} for layer in trial.layers for kind in ("FP16", "FP32")]
        plan = min((change for change in changes if trial.size(change) <= size_budget), key=trial.error)
    return plan
