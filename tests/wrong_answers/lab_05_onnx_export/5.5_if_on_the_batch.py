# expects: Each image decides for itself
class Upright(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        if images.mean() > 0.5:
            images = 1 - images
        return self.net(images)
