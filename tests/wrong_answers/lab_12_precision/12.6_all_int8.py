# expects: there are bytes to spend
def precision_plan(trial, error_budget, size_budget):
    return dict.fromkeys(trial.layers, "INT8")
