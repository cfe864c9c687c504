# expects: momentum did not come back
def save_checkpoint(path, model, optimizer, schedule, epoch):
    torch.save(
        {
            "model": model.state_dict(),
            "schedule": schedule.state_dict(),
            "random": torch.get_rng_state(),
            "epoch": epoch,
        },
        path,
    )


def load_checkpoint(path, model, optimizer, schedule):
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    return state["epoch"]
