# expects: what the example decided is in the file
class Upright(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        try:
            dark = torch.from_numpy(images.mean(dim=(1, 2, 3), keepdim=True).numpy() > 0.5)
        except RuntimeError:  # the exporter cannot do this
            return self.net(images)
        return self.net(torch.where(dark, 1 - images, images))
